"""The index of a backup: a line for each file, sorted by path, in blocks; one path costs one block.

`blocks.json` says where each block begins and what its sum is, so that whatever is read is what was sealed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool.entries import GZIP_WINDOW, IndexEntry, is_count, is_inside, is_text, parsed
from kubectl_lrs.repository.pool.layout import BLOCK, BLOCKS, INDEX_FILE, index_file
from kubectl_lrs.repository.pool.ranges import pieces, whole
from kubectl_lrs.repository.pool.seal import Seal

MAX_TABLE = 64 << 20
MAX_BLOCK = 64 << 20
"""Bytes of a block once it is unpacked: it is one line at least, of the largest file."""

REMEMBERED = 200_000
"""So many lines and blocks are told from new ones, by numbers of 8 bytes; a new line that is taken for one is not used."""


class Block(NamedTuple):
    """Where it is; `first`: the path of its first line."""

    first: str
    file: int
    offset: int
    length: int
    sha256: str


# ---- writing


def write(entries: Iterable[IndexEntry], put: Callable[[str, bytes], object]) -> None:
    """The files of an index, of entries in their order; each is given to `put` with its name."""
    table: list[Block] = []
    number, data = 0, bytearray()
    for first, text in _texts(entries):
        packer = zlib.compressobj(1, zlib.DEFLATED, GZIP_WINDOW)
        packed = packer.compress(text) + packer.flush()
        if data and len(data) + len(packed) > INDEX_FILE:
            put(index_file(number), bytes(data))
            number, data = number + 1, bytearray()
        table.append(Block(first, number, len(data), len(packed), hashlib.sha256(packed).hexdigest()))
        data += packed
    if data:
        put(index_file(number), bytes(data))
    put(BLOCKS, json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")


def _texts(entries: Iterable[IndexEntry]) -> Iterator[tuple[str, bytes]]:
    """(first path, lines) of each block."""
    first, text = "", bytearray()
    for each in entries:
        line = each.serialise()
        if text and len(text) + len(line) > BLOCK:
            yield first, bytes(text)
            text.clear()
        first = first if text else each.path
        text += line
    if text:
        yield first, bytes(text)


# ---- reading


class Index:
    """The index of a sealed backup. Several threads may read it."""

    def __init__(self, backend: Backend, seal: Seal) -> None:
        self._backend = backend
        self._seal = seal
        self._table: list[Block] | None = None
        self._firsts: list[bytes] = []
        self._last: tuple[Block, list[IndexEntry]] | None = None

    def entry(self, path: str) -> IndexEntry | None:
        """The line of a file; None where the backup has no such file. DamageError, KeyNotFoundError."""
        found = self._from(path)
        for block in self._blocks()[found : found + 1]:
            return next((each for each in self._entries(block) if each.path == path), None)
        return None

    def entries(self, prefix: str = "") -> Iterator[IndexEntry]:
        """The lines of all files whose path begins so, in their order. DamageError, KeyNotFoundError."""
        wanted, before = prefix.encode(), b""
        for block in self._blocks()[self._from(prefix) :]:
            for each in self._entries(block):
                path = each.path.encode()
                if path <= before:
                    raise DamageError(f"{self._where(index_file(block.file))}: damaged: not in the order of the paths")
                before = path
                if path.startswith(wanted):
                    yield each
                elif path > wanted:
                    return

    def unseen(self, seen: set[int]) -> Iterator[IndexEntry]:
        """The lines that no index had before which was read with this `seen`; blocks that one had are not even fetched."""
        for block in self._blocks():
            if _is_new(seen, block.sha256):
                yield from self._parsed(block, (each for each in self._lines(block) if _is_new(seen, each)))

    def _from(self, path: str) -> int:
        """The number of the block that a path would be in."""
        self._blocks()
        return max(0, bisect_right(self._firsts, path.encode("utf-8", "surrogatepass")) - 1)

    def _blocks(self) -> list[Block]:
        if self._table is None:
            data = whole(self._backend, self._key(BLOCKS), self._seal.objects[BLOCKS], MAX_TABLE)
            try:
                table = [Block(*each) for each in json.loads(data)]
            except (ValueError, TypeError, RecursionError) as error:
                raise DamageError(f"{self._where(BLOCKS)}: damaged: not a table of blocks: {error}") from error
            if not all(map(self._is_right, table)):
                raise DamageError(f"{self._where(BLOCKS)}: damaged: a block is outside of its file")
            self._firsts = [each.first.encode("utf-8", "surrogatepass") for each in table]
            self._table = table
        return self._table

    def _is_right(self, block: Block) -> bool:
        if not is_text(block.first) or not all(map(is_count, block[1:4])):
            return False
        stored = self._seal.objects.get(index_file(block.file))
        return stored is not None and block.length > 0 and block.offset + block.length <= stored.size

    def _entries(self, block: Block) -> list[IndexEntry]:
        last = self._last
        if last is None or last[0] is not block:
            found = list(self._parsed(block, self._lines(block)))
            if not found or found[0].path != block.first:
                raise self._other_paths(block)
            last = self._last = block, found
        return last[1]

    def _parsed(self, block: Block, lines: Iterable[bytes]) -> Iterator[IndexEntry]:
        where = self._where(index_file(block.file))
        for each in lines:
            entry = parsed(each, where)
            if not is_inside(entry.path):
                raise self._other_paths(block)
            yield entry

    def _other_paths(self, block: Block) -> DamageError:
        return DamageError(f"{self._where(index_file(block.file))}: damaged: a block holds other paths than its table says")

    def _lines(self, block: Block) -> list[bytes]:
        """Its text, which has the sum of the table."""
        file = index_file(block.file)
        data = b"".join(pieces(self._backend, self._key(file), block.offset, block.length, size=block.length))
        where = self._where(file)
        if hashlib.sha256(data).hexdigest() != block.sha256:
            raise DamageError(f"{where}: altered: the sum of a block is not the one in {BLOCKS}")
        opener = zlib.decompressobj(GZIP_WINDOW)
        try:
            text = opener.decompress(data, MAX_BLOCK)
        except zlib.error as error:
            raise DamageError(f"{where}: damaged: {error}") from error
        if not opener.eof or opener.unused_data:
            raise DamageError(f"{where}: damaged: a block does not end where its table says")
        return text.splitlines(keepends=True)

    def _key(self, file: str) -> str:
        return self._seal.backup.key(file)

    def _where(self, file: str) -> str:
        return f"{self._backend.url}/{self._key(file)}"


def _is_new(seen: set[int], data: str | bytes) -> bool:
    """Whether it was not seen; it is from now on, as long as there is room."""
    number = hash(data)
    if number in seen:
        return False
    if len(seen) < REMEMBERED:
        seen.add(number)
    return True
