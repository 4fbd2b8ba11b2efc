"""A backup that was sealed, read without trust."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import MAX_SIZE, SORTED_SINCE, SUMS_FILE, Catalog, parse
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository.base import ALL, Damage, Original
from kubectl_lrs.repository.content import lines_of
from kubectl_lrs.repository.plain.files import Below, file_sum
from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.trust import user_name

if TYPE_CHECKING:
    from kubectl_lrs.runtime.progress import Progress

PIECE = 64 << 10
"""Bytes that a catalog is read by: most are smaller, and memory for the largest one is not had for each."""

MAX_DEPTH = 64
"""Folders below folders that are looked into."""


class _Near(threading.local):
    """The folder of a backup that a thread reads in, and of it the one that it was in last: the next file mostly lies there."""

    below: Below | None = None

    def to(self, path: Path) -> Below:
        """OSError where it is not there."""
        if self.below is None:
            folder = Directory.named(path)
            self.below = Below(folder)
            weakref.finalize(self.below, folder.close)
        return self.below


class SealedFolder:
    """A backup that was sealed, read without trust: no link is followed, no path leaves the folder."""

    reads_all = True
    has_sums = True

    def __init__(self, path: Path, catalog: Catalog, uid: int) -> None:
        self.path: Path = path
        self.catalog = catalog
        self.uid = uid
        self._near = _Near()
        self.warning = ""
        """What is to be said of how it was chosen, empty where nothing is."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return str(self.path / relative)

    @property
    def location(self) -> str:
        """Without links, from the root."""
        return str(self.path.resolve())

    @property
    def parent(self) -> str:
        """The folder that it lies in."""
        return str(self.path.resolve().parent)

    @property
    def identity(self) -> str:
        """The SHA-256 of the sorted list of its sums: backups that hold the same have the same. Empty where it cannot be read.

        Since format 2 it stands in the catalog; before, the list was not sorted.
        """
        if self.catalog.format_version >= SORTED_SINCE:
            return self.catalog.sums_sha256
        from kubectl_lrs.repository.sums import identity_of

        try:
            return identity_of(self.sums())
        except (OSError, DamageError):
            return ""

    def files(self) -> Iterator[os.stat_result]:
        """What the file system says of each plain file in it. OSError."""
        with Directory.named(self.path) as folder:
            for path, is_plain in self._walk(folder):
                if is_plain:
                    yield os.stat(path, dir_fd=folder.descriptor, follow_symlinks=False)

    @property
    def unique_bytes(self) -> int | None:
        """Bytes of the files that no other backup shares, which go with it; None where it cannot be looked through."""
        try:
            return sum(found.st_size for found in self.files() if found.st_nlink == 1)
        except OSError:
            return None

    @property
    def owner(self) -> str:
        """Who has written its catalog, by what the file system says."""
        return user_name(self.uid)

    @property
    def is_foreign(self) -> bool:
        """Whether it was written by neither this user nor root: anything may be in it, sums and all."""
        return self.uid not in (os.geteuid(), 0)

    @classmethod
    def open(cls, path: Path) -> SealedFolder:
        """Read the catalog of the folder at `path`."""
        where = f"{path}{os.sep}{CATALOG_FILE}"  # no Path: there may be hundreds
        try:
            with Directory.named(path) as folder:
                data, uid = _catalog_in(folder)
        except FileNotFoundError as error:
            raise _without_catalog(path) from error
        except NotADirectoryError as error:
            raise UsageError(f"{path}: not a backup: it is not a folder") from error
        except OSError as error:
            raise UsageError(f"{where}: cannot be read: {error.strerror}") from error
        if len(data) > MAX_SIZE:
            raise DamageError(f"{where}: not a catalog: larger than {MAX_SIZE >> 20} MiB")
        return cls(path, parse(data, where=where), uid)

    def in_use(self) -> SealedFolder:
        """The same, which nobody removes with `prune` or `forget` while this object lives, where the file system has locks."""
        from kubectl_lrs.runtime.lock import share  # for those who read more than the catalog, as the sums below

        with suppress(OSError):
            folder = Directory.named(self.path)
            weakref.finalize(self, folder.close)
            share(folder)
        return self

    @staticmethod
    def kept(progress: Progress) -> AbstractContextManager[None]:  # noqa: ARG004
        """The lock of `in_use` does it."""
        return nullcontext()

    def sums(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of every file but the two that seal them, as the folder lists them. DamageError where it does not."""
        from kubectl_lrs.repository.sums import parsed_sums

        where = str(self.path / SUMS_FILE)
        with ExitStack() as stack:
            try:
                file = stack.enter_context(stack.enter_context(Directory.named(self.path)).reading(SUMS_FILE))
            except OSError as error:
                raise DamageError(f"{where}: cannot be read: {error.strerror}", hint="see: verify") from error
            yield from parsed_sums(file, where)

    def original(self) -> Original | None:
        """Its two files, where the list is in an order of its own."""
        if self.catalog.format_version >= SORTED_SINCE:
            return None
        with self.reading(CATALOG_FILE) as file:
            data = file.read(MAX_SIZE + 1)
        if parse(data, where=self.describe(CATALOG_FILE)) != self.catalog:
            raise DamageError(f"{self.describe(CATALOG_FILE)}: it changed while it was read")
        return Original(catalog=data, sums_sha256=self.catalog.sums_sha256, opened=lambda: self.reading(SUMS_FILE))

    def damages(self, on_file: Callable[[int], None] = lambda _size: None, *, share: float = ALL) -> Iterator[Damage]:  # noqa: ARG002
        """Every file that is missing, surplus, altered or no plain file: all are read, whatever `share` says.

        `on_file` is told each file's bytes.
        """
        try:
            with Directory.named(self.path) as folder, folder.reading(SUMS_FILE) as file:
                if file_sum(file) != self.catalog.sums_sha256:
                    yield Damage(SUMS_FILE, "altered: its sum is not the one in the catalog")
                    return
        except FileNotFoundError:
            yield Damage(SUMS_FILE, "missing")
            return
        except OSError as error:
            yield Damage(SUMS_FILE, f"cannot be read: {error.strerror}")
            return
        with Directory.named(self.path) as folder, Below(folder) as files:
            yield from self._damaged(folder, files, on_file)

    def unread(self, share: float = ALL) -> str:  # noqa: ARG002
        """Nothing."""
        return ""

    def _damaged(self, folder: Directory, files: Below, on_file: Callable[[int], None]) -> Iterator[Damage]:
        """As `damages`, of every file but the sums and the catalog."""
        present = {CATALOG_FILE: True, SUMS_FILE: True}
        present.update(self._walk(folder))
        del present[CATALOG_FILE], present[SUMS_FILE]
        for path, digest in self.sums():
            plain = present.pop(path, None)
            if plain is None:
                yield Damage(path, "missing")
            elif not plain:
                yield Damage(path, "not a plain file")
            else:
                yield from _altered(files, path, digest, on_file)
        for path in present:
            yield Damage(path, "surplus: not part of the backup")

    def _walk(self, folder: Directory, below: str = "", depth: int = 0) -> Iterator[tuple[str, bool]]:
        """(path, is a plain file) of everything in the folder but plain directories that can be looked into."""
        try:
            with os.scandir(folder.descriptor) as found:
                entries = list(found)
        except OSError:
            yield below, False
            return
        for entry in entries:
            path = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH:
                try:
                    inner = folder.inner(entry.name)
                except OSError:
                    yield path, False
                    continue
                with inner:
                    yield from self._walk(inner, f"{path}/", depth + 1)
            else:
                yield path, entry.is_file(follow_symlinks=False)

    def paths(self, prefix: str = "") -> list[str]:
        """Its files whose path begins so, as the sums list them."""
        return [path for path, _ in self.sums() if path.startswith(prefix)]

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """A file of the backup, opened for reading."""
        try:
            folder, name = self._near.to(self.path).at(relative)
            file = folder.reading(name)
        except OSError as error:
            raise DamageError(f"{self.path / relative}: cannot be read: {error.strerror}") from error
        with file:
            yield file

    def lines(self, relative: str) -> Iterator[str]:
        """The lines of a gzip file."""
        return lines_of(self, relative)


def _altered(files: Below, path: str, digest: str, on_file: Callable[[int], None]) -> Iterator[Damage]:
    """What is wrong with one plain file, if anything is."""
    try:
        actual, size = files.sum(path)
    except OSError as error:
        yield Damage(path, f"cannot be read: {error.strerror}")
        return
    on_file(size)
    if actual != digest:
        yield Damage(path, "altered: its sum does not match")


def _catalog_in(folder: Directory) -> tuple[bytes, int]:
    """(the bytes of its catalog, its owner); of one that is too large, more than MAX_SIZE and not all of it.

    It is a plain file, so a piece that is not full is the last one.
    """
    descriptor = folder.opened_below(CATALOG_FILE)
    try:
        pieces = [os.read(descriptor, PIECE)]
        while len(pieces[-1]) == PIECE and len(pieces) * PIECE <= MAX_SIZE:
            pieces.append(os.read(descriptor, PIECE))
        return b"".join(pieces), _owner(descriptor, folder.descriptor)
    finally:
        os.close(descriptor)


def _without_catalog(path: Path) -> LrsError:
    """What a folder without catalog is: one that was sealed once, or none that ever was."""
    if path.name.startswith(".") or not os.path.lexists(path / SUMS_FILE):
        return UsageError(f"{path}: not a sealed backup: it has no {CATALOG_FILE}")
    return DamageError(
        f"{path}: damaged: it has {SUMS_FILE} and no {CATALOG_FILE}",
        hint=f"nothing tells whether it is as it was sealed; sha256sum -c {SUMS_FILE} checks the files that are listed",
    )


def _owner(*descriptors: int) -> int:
    """Whose these are: anybody's but ours and root's first."""
    owners, known = [os.fstat(descriptor).st_uid for descriptor in descriptors], (os.geteuid(), 0)
    return next((uid for uid in owners if uid not in known), owners[0])
