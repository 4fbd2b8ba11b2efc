"""A backup that is being made."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import MAX_SIZE, SUMS_FILE, Catalog
from kubectl_lrs.repository.base import Original
from kubectl_lrs.repository.plain.abandoned import Leftover, finish
from kubectl_lrs.repository.plain.earlier import Earlier, EarlierBackup
from kubectl_lrs.repository.plain.files import CHUNK, READ_ONLY, sync_file_system, write_all
from kubectl_lrs.repository.sink import SummingSink
from kubectl_lrs.repository.sums import Sum, in_order, line
from kubectl_lrs.runtime.bounds import require_readable
from kubectl_lrs.runtime.lock import SUFFIX, Lock
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.safe_files import Directory, unguessable

_LIST = f"{SUMS_FILE}~"
"""What is finished, while it is not sealed: a line for each file, in the order in which they were."""

NEW, LINKED = "new", "linked"
"""How a file came into the backup: its bytes take room, or an earlier one has them too."""

_KINDS = {kind[0]: kind for kind in (NEW, LINKED)}


class FileSink(SummingSink):
    """A new file."""

    def __init__(self, file: BinaryIO, *, compressed: bool, before: BinaryIO | None = None) -> None:
        """`before`: what it begins with."""
        self._file = file
        super().__init__(compressed=compressed, before=before)

    def _take(self, data: bytes) -> object:
        return self._file.write(data)


class FolderWriter:
    """A backup that is being made: `.NAME/` beside a lock `.NAME.lock` in `parent`; `seal` renames it to `NAME/`.

    `NAME/` never exists before every byte of it is on the disk. Several threads may write, each its own files. What is in
    `earlier` backups already becomes another name of their file.
    """

    def __init__(
        self,
        parent: Path,
        name: str,
        leftovers: Sequence[Leftover] = (),
        earlier: Earlier = Earlier(),  # noqa: B008  of none
        *,
        instant: datetime | None = None,
    ) -> None:
        self.instant = instant or datetime.now(timezone.utc)
        self.final = parent / name
        self.path = parent / f".{name}"
        self.is_sealed = False
        self._leftovers = tuple(leftovers)
        self._earlier = earlier
        self._parent = Directory.named(parent)
        self._lock = Lock(self._parent, f".{name}{SUFFIX}")
        try:
            self._root = self._take_root()
        except BaseException:
            self._lock.back_out()
            self._parent.close()
            raise
        self._directories: set[str] = {""}
        self._guard = threading.RLock()
        self._sums: BinaryIO = self._create(_LIST)

    def _take_root(self) -> Directory:
        """Make the hidden folder, and note in the lock that it is this run's."""
        if not self._lock.take():
            raise FileExistsError(errno.EEXIST, "another run is making a backup of this name", str(self.path))
        if not self._lock.is_ours:
            raise FileExistsError(errno.EEXIST, "it is there, and not a lock of a run of yours", str(self._lock.path))
        if self._parent.look(self.final.name) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.final))
        self._parent.make(self.path.name)
        try:
            root = self._parent.inner(self.path.name)
            self._lock.note(os.fstat(root.descriptor).st_ino)
        except BaseException:
            os.rmdir(self.path.name, dir_fd=self._parent.descriptor)
            raise
        return root

    @property
    def location(self) -> str:
        """The folder that it becomes."""
        return str(self.final)

    @property
    def is_locked(self) -> bool:
        """Whether other runs can see that this one is alive: not every file system has locks."""
        return self._lock.is_certain

    # ---- writing

    def write(self, relative: str, data: bytes, *, limit: int | None = None) -> str:
        """A new file, and its SHA-256; `relative` is a path below the folder, with `/`. `limit`: what its reader takes."""
        if limit is not None:
            require_readable(data, limit, relative)
        digest = hashlib.sha256(data).hexdigest()
        self._make_directory(relative.rpartition("/")[0])
        is_linked = self._earlier.link(digest, self._root, relative) is not None
        if not is_linked:
            self._put(relative, data)
        self._finish(relative, digest, len(data), is_linked=is_linked)
        return digest

    def _put(self, relative: str, data: bytes) -> None:
        descriptor = self._root.create(relative, READ_ONLY)
        try:
            try:
                write_all(descriptor, data)
            finally:
                os.close(descriptor)
        except BaseException:
            with suppress(OSError):
                self._root.remove(relative)
            raise

    @contextmanager
    def stream(self, relative: str, *, compressed: bool = False) -> Iterator[FileSink]:
        """A new file that is written bit by bit, gzip on request; it is part of the backup when the block ends well."""
        descriptor = self._open(relative)
        try:
            with os.fdopen(descriptor, "wb", buffering=CHUNK) as file:
                sink = FileSink(file, compressed=compressed)
                yield sink
                sink.close()
        except BaseException:
            with suppress(OSError):
                self._root.remove(relative)
            raise
        is_linked = self._earlier.link(sink.digest, self._root, relative, instead=True) is not None
        self._finish(relative, sink.digest, sink.size, is_linked=is_linked)

    @contextmanager
    def extending(self, relative: str) -> Iterator[FileSink]:
        """More for a gzip file at the top that is finished: one is put after the other, which readers take for one.

        It is another file then: the one that is there may be shared with earlier backups, and is not written any more.
        """
        name = f".{unguessable()}"
        try:
            with self._create(name) as file, self._root.reading(relative) as before:
                sink = FileSink(file, compressed=True, before=before)
                yield sink
                sink.close()
            self._root.rename(name, relative)
        except BaseException:
            with suppress(OSError):
                self._root.remove(name)
            raise
        self._finish_anew(relative, sink.digest, sink.size)

    @contextmanager
    def scratch(self, relative: str) -> Iterator[BinaryIO]:
        """A file that is no part of the backup: it goes when the block ends well, and stays for another run when it does not."""
        with os.fdopen(self._open(relative), "wb") as file:
            yield file
        self._root.remove(relative)

    def adopt(self, relative: str, digest: str) -> bool:
        """Have a file with the SHA-256 `digest` without getting it again; whether there is one.

        Out of an earlier backup, or written under this path by a run that is no more.
        """
        if not self._leftovers and not self._earlier.backups:
            return False
        self._make_directory(relative.rpartition("/")[0])
        if (linked := self._earlier.link(digest, self._root, relative)) is not None:
            self._finish(relative, digest, linked, is_linked=True)
            return True
        if not (
            any(leftover.give(relative, digest, self._root) for leftover in self._leftovers)
            or self._earlier.copy(digest, self._root, relative)
        ):
            return False
        size = os.stat(relative, dir_fd=self._root.descriptor, follow_symlinks=False).st_size
        self._finish(relative, digest, size, is_linked=False)
        return True

    def earlier(self) -> Iterator[EarlierBackup]:
        """The sealed backups whose files it shares, the newest first."""
        yield from self._earlier.backups

    def left_behind(self, relative: str) -> Iterator[BinaryIO]:
        """The files of this path that interrupted runs have left, as far as they may be believed."""
        for leftover in self._leftovers:
            if file := leftover.reading(relative):
                with file:
                    yield file

    def checkpoint(self) -> int:
        """A mark that `rollback` takes the folder back to."""
        return self._sums.tell()

    def rollback(self, mark: int) -> None:
        """Remove every file that was finished since the mark."""
        for path in self._finished(mark):
            self._root.remove(path)
        self._sums.truncate(mark)
        self._sums.seek(mark)

    # ---- reading

    @property
    def name(self) -> str:
        """What it will be called."""
        return self.final.name

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return str(self.path / relative)

    def paths(self, prefix: str = "") -> list[str]:
        """The files that are finished and whose path begins so, in the order in which they were."""
        return [path for path in self._finished(0) if path.startswith(prefix)]

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """A file that is finished, opened for reading."""
        with self._root.reading(relative) as file:
            yield file

    def _finished(self, mark: int) -> Iterator[str]:
        """The path of each file since the mark."""
        return (each[_NOTED:-1].decode() for each in self._listed(mark))

    def _listed(self, mark: int) -> Iterator[bytes]:
        """The line of each (`_noted`)."""
        with self._guard:
            self._sums.flush()
        with self._root.reading(_LIST) as file:
            file.seek(mark)
            yield from file

    # ---- the end

    def seal(self, catalog: Catalog, original: Original | None = None) -> Catalog:
        """Write the sums and, last, the catalog; put all of it on the disk; give the folder its name."""
        identity, stored = self._write_sums(original)
        sealed = replace(catalog, sums_sha256=identity, stored=stored)
        self._sums.close()
        self._root.remove(_LIST)
        named = f"{len(sealed.missing)} things that are missing" if sealed.missing else "what it names"
        data = original.catalog if original else sealed.serialise()
        require_readable(data, MAX_SIZE, self.describe(CATALOG_FILE), hint=f"it lists {named}: choose less")
        with self._create(CATALOG_FILE) as file:
            file.write(data)
        sync_file_system(self._root.descriptor, self.path)
        self._give_name()
        self.is_sealed = True
        self._parent.sync()
        self._lock.release()
        self._close()
        return sealed

    def _write_sums(self, original: Original | None) -> tuple[str, dict[str, int]]:
        """The list of the sums in its order: its own sum, which is the identity of the backup, and what is new and linked."""
        identity = hashlib.sha256()
        files, sizes = dict.fromkeys(_KINDS, 0), dict.fromkeys(_KINDS, 0)

        def counted() -> Iterator[Sum]:
            for each in self._listed(0):
                kind = chr(each[_NOTED - 2])
                files[kind] += 1
                sizes[kind] += int(each[_DIGEST : _NOTED - 2])
                yield each[_NOTED:-1], each[:_DIGEST]

        with self._root.scratch() as spill, self._create(SUMS_FILE) as file:
            listed = map(line, in_order(counted(), spill))
            for text in _instead(original, listed) if original else listed:
                identity.update(text)
                file.write(text)
        counts = (("Files", files), ("Bytes", sizes))
        return identity.hexdigest(), {f"{word}{what}": count[kind] for kind, word in _KINDS.items() for what, count in counts}

    def _give_name(self) -> None:
        """Rename the folder, and see that it was this one: in a folder that others write, they may exchange it."""
        if self._parent.look(self.final.name) is not None:
            raise FileExistsError(errno.EEXIST, "it was made meanwhile, by another run or program", str(self.final))
        if self._root.is_at(self._parent, self.path.name):
            self._parent.rename(self.path.name, self.final.name)
        if not self._root.is_at(self._parent, self.final.name):
            raise OSError(errno.ESTALE, "another user moves what is being written", str(self.path))

    def settle(self, progress: Progress) -> None:
        """After the seal: what interrupted runs had left goes, and what could not be shared is said."""
        for leftover in self._leftovers:
            finish(leftover, progress)
        for remark in self._earlier.remarks():
            progress.note(f"warning: {remark}")

    def put_away(self, *, keep: bool) -> str:
        """It was not sealed, or something failed after that; what is kept for another run, in words."""
        with suppress(OSError):
            self._sums.close()
        kept = self._put_away(keep=keep) + sum(leftover.keep() for leftover in self._leftovers)
        return f"{kept} files that were copied are kept in {self.path} for the next backup" if kept else ""

    def _put_away(self, *, keep: bool) -> int:
        """How many files of it are kept for another run. What has its name is a backup, wherever `seal` was broken off."""
        self.is_sealed = self.is_sealed or self._root.is_at(self._parent, self.final.name)
        if self.is_sealed:
            self._lock.release()
            self._close()
            return 0
        try:
            own = Leftover(self._parent, self._root, self._lock)
            if keep:
                return own.keep()
            own.remove()  # what somebody else has put there stays, and is named by the next run
            return 0
        finally:
            self._parent.close()

    def _close(self) -> None:
        self._root.close()
        self._parent.close()

    def _create(self, relative: str) -> BinaryIO:
        return os.fdopen(self._root.create(relative, READ_ONLY), "wb", buffering=CHUNK)

    def _open(self, relative: str) -> int:
        self._make_directory(relative.rpartition("/")[0])
        return self._root.create(relative, READ_ONLY)

    def _make_directory(self, relative: str) -> None:
        """The folder and those above it, each 0700, which `mkdir(parents=True)` would not give them."""
        if relative in self._directories:
            return
        with self._guard:
            if relative not in self._directories:
                self._make_directory(relative.rpartition("/")[0])
                self._root.make(relative)
                self._directories.add(relative)

    def _finish(self, relative: str, digest: str, size: int, *, is_linked: bool) -> None:
        """It is part of the backup."""
        self._sums.write(_noted(digest, size, LINKED if is_linked else NEW) + f"{relative}\n".encode())

    def _finish_anew(self, relative: str, digest: str, size: int) -> None:
        """It is part of the backup already, and another file now."""
        at = 0
        with self._guard:
            self._sums.flush()
            with self._root.reading(_LIST) as file:
                for each in file:
                    if each[_NOTED:-1].decode() == relative:
                        noted = _noted(digest, size, NEW)
                        if os.pwrite(self._sums.fileno(), noted, at) != len(noted):
                            raise OSError(errno.EIO, "a sum could not be written", str(self.path / _LIST))
                        return
                    at += len(each)
        raise FileNotFoundError(errno.ENOENT, "no file of the backup", relative)


def _instead(original: Original, listed: Iterable[bytes]) -> Iterator[bytes]:
    """The list as it was; the one in its place is only counted."""
    for _ in listed:
        pass
    yield from original.sums()


_DIGEST, _NOTED = 64, 88
"""Bytes of a line of the list up to the end of the sum, and before the path."""


def _noted(digest: str, size: int, kind: str) -> bytes:
    """What stands in the list before the path, always as long: it may be written over."""
    return f"{digest} {size:020} {kind[0]} ".encode()
