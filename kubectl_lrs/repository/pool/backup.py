"""A backup that was sealed in a pool, read without trust: nothing is believed that was not held against a sum of the seal."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from kubectl_lrs.backends.base import Backend, KeyNotFoundError
from kubectl_lrs.model.catalog import MAX_SIZE, Catalog, parse
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.base import ALL, LISTED, Damage, Original
from kubectl_lrs.repository.content import lines_of
from kubectl_lrs.repository.pool import readers, refs
from kubectl_lrs.repository.pool.check import pool
from kubectl_lrs.repository.pool.contents import Pool
from kubectl_lrs.repository.pool.entries import IndexEntry
from kubectl_lrs.repository.pool.index import Index
from kubectl_lrs.repository.pool.known import Ledger
from kubectl_lrs.repository.pool.layout import CATALOG, REFS, SUMS
from kubectl_lrs.repository.pool.ranges import held, unpacked, whole
from kubectl_lrs.repository.pool.refs import Ref
from kubectl_lrs.repository.pool.seal import Seal
from kubectl_lrs.repository.sums import identity_of, line, parsed_sums

if TYPE_CHECKING:
    from kubectl_lrs.runtime.progress import Progress


class PooledBackup:
    """One sealed backup. `name`: as it is told from the others. `grace`: the repository's, in seconds."""

    owner = ""
    is_foreign = False
    reads_all = False
    has_sums = True

    def __init__(self, pool: Pool, seal: Seal, *, grace: float, name: str = "") -> None:
        self.warning = ""
        self.name = name or seal.backup.name
        self.seal = seal
        self._pool = pool
        self._grace = grace
        self._index = Index(pool.backend, seal)
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        """As far as the seal says it; all of it once the backup is `in_use`."""
        return self._catalog or self.seal.catalog

    def in_use(self) -> PooledBackup:
        """The same, with the whole catalog. DamageError."""
        if self._catalog is None:
            where = self._where(CATALOG)
            try:
                data = whole(self._backend, self.seal.backup.key(CATALOG), self.seal.objects[CATALOG], MAX_SIZE)
            except KeyNotFoundError as error:
                raise DamageError(f"{where}: gone") from error
            self._catalog = parse(data, where=where)
        return self

    def kept(self, progress: Progress) -> AbstractContextManager[None]:
        """By a hold that is renewed."""
        return readers.kept(self._backend, self.seal, grace=self._grace, say=progress.note)

    @property
    def _backend(self) -> Backend:
        return self._pool.backend

    def _where(self, file: str) -> str:
        return f"{self._backend.url}/{self.seal.backup.key(file)}"

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return f"{self.location}/{relative}".rstrip("/")

    @property
    def location(self) -> str:
        """Where its objects are."""
        return self._where("").rstrip("/")

    @property
    def parent(self) -> str:
        """The repository."""
        return self._backend.url

    @property
    def identity(self) -> str:
        """As the seal says it."""
        return self.seal.identity

    @property
    def unique_bytes(self) -> int | None:
        """Nobody counts for each object which backups share it."""
        return None

    # ---- reading

    def sums(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of every file. DamageError."""
        if SUMS in self.seal.objects:  # in the order that its catalog has the sum of
            with self._original_sums() as file:
                yield from parsed_sums(file, self._where(SUMS))
            return
        for each in self.entries():
            yield each.path, each.sha256

    def entries(self, prefix: str = "") -> Iterator[IndexEntry]:
        """The lines of its index, sorted by path. DamageError."""
        try:
            yield from self._index.entries(prefix)
        except KeyNotFoundError as error:
            raise DamageError(f"{error}; the index of the backup cannot be read") from error

    def original(self) -> Original | None:
        """Its two files, of a backup that was copied from format 1."""
        if SUMS not in self.seal.objects:
            return None
        data = whole(self._backend, self.seal.backup.key(CATALOG), self.seal.objects[CATALOG], MAX_SIZE)
        wanted = parse(data, where=self._where(CATALOG)).sums_sha256
        return Original(catalog=data, sums_sha256=wanted, opened=self._original_sums)

    @contextmanager
    def _original_sums(self) -> Iterator[BinaryIO]:
        where = self._where(SUMS)
        try:
            with unpacked(held(self._backend, self.seal.backup.key(SUMS), self.seal.objects[SUMS]), where) as file:
                yield cast("BinaryIO", file)
        except KeyNotFoundError as error:
            raise DamageError(f"{where}: gone") from error

    def paths(self, prefix: str = "") -> list[str]:
        """Its files whose path begins so."""
        return [each.path for each in self.entries(prefix)]

    def opened(self, relative: str) -> BinaryIO:
        """One of its files, at its beginning. DamageError."""
        try:
            entry = self._index.entry(relative)
        except KeyNotFoundError as error:
            raise DamageError(f"{error}; the index of the backup cannot be read") from error
        if entry is None:
            raise DamageError(f"{self.describe(relative)}: cannot be read: the backup has no such file")
        return self._pool.file(entry)

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """One of its files, opened for reading. DamageError."""
        with self.opened(relative) as file:
            yield file

    def lines(self, relative: str) -> Iterator[str]:
        """The lines of a gzip file. DamageError."""
        return lines_of(self, relative)

    # ---- whether it is as it was sealed

    def damages(self, on_file: Callable[[int], None] = lambda _size: None, *, share: float = LISTED) -> Iterator[Damage]:
        """What is not as it was sealed. By default no content is read: its objects are looked for, in their size.

        `share`: of so many of the contents the sums are computed, too; `on_file` is told the bytes of each of these.
        """
        broken = False
        for file in self.seal.objects:
            for damage in self._of_object(file):
                broken = True
                yield damage
        if not broken:
            yield from self._of_index()
            yield from self._of_contents(on_file, share)

    @staticmethod
    def unread(share: float = LISTED) -> str:
        """What such a look does not tell, empty where it tells all."""
        if share >= ALL:
            return ""
        return (
            "contents were not read: that all objects are there was seen, not what is in them"
            if not share
            else (f"only {share * 100:g}% of the contents, chosen at random, were read")
        )

    def _of_object(self, file: str) -> Iterator[Damage]:
        try:
            for _ in held(self._backend, self.seal.backup.key(file), self.seal.objects[file]):
                pass
        except KeyNotFoundError:
            yield Damage(file, "gone")
        except DamageError as error:
            yield Damage(file, str(error))

    def _of_index(self) -> Iterator[Damage]:
        """Whether the index is the one that was sealed, and says of the pool what prune reads."""
        identity, ledger = hashlib.sha256(), Ledger()
        try:
            ledger.note_listed((token, stat.size) for token, stat in pool(self._backend))
            ledger.strike(each.token for each in self._refs() if ledger.size(each.token) != each.size)
            for each in self.entries():
                identity.update(line((each.path.encode(), each.sha256.encode())))
                for part in each.parts:
                    if not ledger.is_listed(part):
                        yield Damage(each.path, f"its content is gone, or cut short: {part.key}")
            if identity.hexdigest() != self.identity:
                yield Damage("index", "altered: the sum of its paths and sums is not the identity of the backup")
            if SUMS in self.seal.objects and identity_of(self.sums()) != self.identity:
                yield Damage(SUMS, "altered: it lists other files than the index")
            ledger.refer(self.entries())
            if not _are_alike(ledger.refs(), self._refs()):
                yield Damage(REFS, "it names other objects than the index")
        except DamageError as error:
            yield Damage("index", str(error))
        finally:
            ledger.close()

    def _refs(self) -> Iterator[Ref]:
        return refs.read(self._backend, self.seal.backup, self.seal.objects[REFS])

    def _of_contents(self, on_file: Callable[[int], None], share: float) -> Iterator[Damage]:
        if share <= LISTED:
            return
        chance = random.Random()  # noqa: S311  no secret
        for each in self.entries():
            if share >= ALL or chance.random() < share:
                on_file(each.size)
                yield from self._of_content(each)

    def _of_content(self, entry: IndexEntry) -> Iterator[Damage]:
        digest = hashlib.sha256()
        try:
            with self._pool.file(entry) as file:
                while data := file.read(1 << 20):
                    digest.update(data)
        except DamageError as error:
            yield Damage(entry.path, str(error))
            return
        if digest.hexdigest() != entry.sha256:
            yield Damage(entry.path, "altered: its sum does not match")


def _are_alike(found: Iterator[Ref], wanted: Iterator[Ref]) -> bool:
    """Whether both name the same objects; both are read to their ends."""
    is_alike = True
    end = Ref(b"", 0)
    while True:
        one, other = next(found, end), next(wanted, end)
        is_alike = is_alike and one.token == other.token
        if one is end and other is end:
            return is_alike
