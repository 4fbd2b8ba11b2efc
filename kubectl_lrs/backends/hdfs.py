"""HDFS through fsspec, over WebHDFS or libhdfs: directories, owners, permissions, and a rename.

An object is written under a name of this run's own beside its place, and renamed when all of it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends import webhdfs
from kubectl_lrs.backends.base import (
    KeyExistsError,
    KeyNotFoundError,
    NoSpaceError,
    OnSkipped,
    PassingError,
    Skipped,
    Stat,
    Upload,
    Written,
    has,
    refuse_unreadable,
)
from kubectl_lrs.backends.fsspec_ import KEPT, Remote, attributes_of, discard, opened_as, reason_against, stat_of
from kubectl_lrs.backends.local_tree import Range
from kubectl_lrs.backends.local_upload import LATE, is_unfinished, new_part
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.rest import PATIENT
from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.runtime.redact import shown
from kubectl_lrs.runtime.retry import insist, is_any

LITTLE = 1 << 20
"""Bytes of a block that every name node takes, if it is not told otherwise."""


def opened(place: StorageLocation) -> Hierarchy:
    """The file system of a URL."""
    return opened_as(Hierarchy, place, _prepare)


def _prepare(system: Any, place: StorageLocation) -> None:
    if place.scheme == "webhdfs":
        webhdfs.prepare(system, place)


class Hierarchy(Remote):
    """Everything below the root of a file system."""

    keeps = frozenset(KEPT)

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:
        """Directory by directory; those in which no such key can be are not asked for."""
        for found in self._below(self._root or "/", Range(prefix, after), skipped):
            if found.key.startswith(prefix):
                yield found

    def _below(self, directory: str, wanted: Range, skipped: OnSkipped) -> Iterator[Stat]:
        try:
            infos = self.attempt(directory, lambda: self._system.ls(directory, detail=True))
        except (DeniedError, KeyNotFoundError) as error:
            if directory == (self._root or "/"):
                raise
            if isinstance(error, DeniedError):
                skipped(self._key(directory), Skipped.UNREADABLE, error)
            return
        for info in sorted(infos, key=_place_of):
            key = self._key(str(info["name"]))
            if info["type"] == "directory":
                if wanted.may_hold(f"{key}/"):
                    yield from self._below(str(info["name"]), wanted, skipped)
            elif wanted.is_after(key):
                yield from self._file(key, info, skipped)

    @staticmethod
    def _file(key: str, info: Mapping[str, Any], skipped: OnSkipped) -> Iterator[Stat]:
        if info["type"] != "file":
            skipped(key, Skipped.LINK, None)
        elif is_unfinished(key.rpartition("/")[2]):
            skipped(key, Skipped.UNFINISHED, None)
        else:
            yield stat_of(key, info)

    def _key(self, full: str) -> str:
        return full.removeprefix(self._root).lstrip("/")

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:
        """Under another name beside its place.

        A quota counts a whole block for what is being written, mostly of 128 MiB, and each replica: what is small asks for a
        small one where there is no room for that, so that a prune can write its lists.
        """
        if not replace:
            self.require_absent(key)
        self._make_directories(key.rpartition("/")[0])
        if size > LITTLE or not self.tells_renames:
            return self._filled(key, chunks, attributes, replace=replace)
        data = b"".join(chunks)
        try:
            return self._filled(key, iter([data]), attributes, replace=replace)
        except NoSpaceError as error:
            with suppress(LrsError):
                return self._filled(key, iter([data]), attributes, replace=replace, blocksize=LITTLE)
            raise error from None

    def _filled(self, key: str, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool, **asked: Any) -> Upload:
        part = self._full(f"{key.rpartition('/')[0]}/{new_part()}".lstrip("/"))
        file = self.stream(part, key, chunks, **asked)
        try:
            self.attempt(key, file.close)
            unset = self._set(part, attributes, key)
        except BaseException:
            discard(file)
            self.remove(part)
            raise
        return _Part(self, key, part, unset, replace=replace)

    @property
    def tells_renames(self) -> bool:
        """Whether a rename is one request that is refused or done, as WebHDFS has it."""
        return hasattr(self._system, "session")

    def rename(self, part: str, key: str, *, replace: bool) -> float | None:
        """To its place. When that was, as far as the storage says."""
        full = self._full(key)
        if self.tells_renames:
            at: float | None = self.attempt(key, lambda: webhdfs.rename(self._system, part, full, replace=replace))
            return at
        if replace:
            self._exchange(part, full, key)
            return None
        self.require_absent(key)
        self.attempt(key, lambda: self._system.mv(part, full))
        return None

    def set_time(self, key: str, at: float) -> Stat:
        """What has got its name then is dated so."""
        self.attempt(key, lambda: webhdfs.set_time(self._system, self._full(key), at))
        return self.stat(key)

    def _exchange(self, part: str, full: str, key: str) -> None:
        """Where there is no rename over another file: the old one is only removed when the new one has its place."""
        old = f"{part.rpartition('/')[0]}/{new_part()}"
        is_there = True
        try:
            self.attempt(key, lambda: self._system.mv(full, old))
        except KeyNotFoundError:
            is_there = False
        try:
            self.attempt(key, lambda: self._system.mv(part, full))
        except BaseException:
            if is_there:
                self.attempt(key, lambda: self._system.mv(old, full))
            raise
        if is_there:
            self.remove(old)

    def has_moved(self, part: str, key: str) -> bool:
        """Whether a part of this run's own has its name: it is no more where it was."""
        try:
            self.attempt(key, lambda: self._system.info(part))
        except KeyNotFoundError:
            return has(self, key)
        return False

    def remove(self, part: str) -> None:
        """What is not to be; it was made by this run."""
        with suppress(Exception):
            self._system.rm_file(part)

    def directory(self, key: str) -> Mapping[str, Any]:
        """Permission, owner and group."""
        return attributes_of(self._info(key))

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
        """A new one gets them."""
        try:
            if self._info(key)["type"] != "directory":
                raise KeyExistsError(f"{self.url}: {shown(key)} is no directory there")
        except KeyNotFoundError:
            self.attempt(key, lambda: self._system.makedirs(self._full(key), exist_ok=True))
            return self._set(self._full(key), attributes, key)
        return ()

    def _make_directories(self, key: str) -> None:
        at = ""
        for piece in key.split("/") if key else ():
            at = f"{at}/{piece}" if at else piece
            self.make_directory(at, {})

    def _set(self, full: str, attributes: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """Where we may; what could not be set."""
        permission, owner, group = (attributes.get(name) for name in KEPT)
        if isinstance(permission, str) and permission.isdigit() and hasattr(self._system, "chmod"):
            self.attempt(key, lambda: self._system.chmod(full, permission[-3:]))
        if isinstance(owner, str) and isinstance(group, str) and hasattr(self._system, "chown"):
            now = self.attempt(key, lambda: self._system.info(full))
            if (now.get("owner"), now.get("group")) != (owner, group):
                try:
                    self.attempt(key, lambda: self._system.chown(full, owner, group))
                except LrsError:
                    return (f"owner {owner}:{group}",)
        return ()

    def refuses(self, key: str) -> str:
        """As in a file system, and no `:`."""
        return reason_against(key, 4000) or ("HDFS allows no ':' in a path" if ":" in key else "")

    def probe(self, *, large: bool = False) -> None:  # noqa: ARG002
        """An upload, which is given up."""
        self.upload(f"{new_part()}-probe", 3, iter([b"lrs"]), {}, replace=False).abort()

    def free(self) -> int | None:
        """What the directory's quota leaves."""
        if not hasattr(self._system, "content_summary"):
            return None
        said = self.attempt("its quota", lambda: self._system.content_summary(self._root or "/"))
        quota, used = said.get("spaceQuota", -1), said.get("spaceConsumed", 0)
        return max(0, quota - used) if quota > 0 else None

    def now(self) -> float:
        """The Date of an answer of the name node, which needs no right to write; else by a file that is made there."""
        if hasattr(self._system, "session"):
            found: float | None = self.attempt("the time", lambda: webhdfs.date(self._system, self._root or "/"))
            if found is not None:
                return found
        return super().now()


class _Part:
    """A file of HDFS that has all its bytes and not yet its name."""

    def __init__(self, hierarchy: Hierarchy, key: str, part: str, unset: tuple[str, ...], *, replace: bool) -> None:
        self.unset = unset
        self._hierarchy, self._key, self._part, self._replace = hierarchy, key, part, replace

    def commit(self, *, once: bool = False) -> Written:
        """Renamed, and dated by that where its bytes came much earlier; where that cannot be, it is not to be."""
        try:
            is_sent_once = once or not self._hierarchy.tells_renames
            at = self._named(1) if is_sent_once else insist(self._named_by_now, policy=PATIENT, may_pass=is_any(PassingError))
        except BaseException:
            self.abort()
            raise
        stat = self._hierarchy.stat(self._key)
        if at is None or stat.mtime is None or at - stat.mtime <= LATE:
            return Written(stat)
        try:
            return Written(self._hierarchy.set_time(self._key, at))
        except BaseException:
            if not self._replace:
                with suppress(LrsError):
                    self._hierarchy.delete(self._key)
            raise

    def _named(self, _attempt: int) -> float | None:
        return self._hierarchy.rename(self._part, self._key, replace=self._replace)

    def _named_by_now(self, attempt: int) -> float | None:
        """The same, where an earlier answer may have been lost on the way."""
        try:
            return self._named(attempt)
        except (PassingError, KeyNotFoundError):
            if not self._hierarchy.has_moved(self._part, self._key):
                raise
            return None

    def abort(self) -> None:
        """Removed."""
        self._hierarchy.remove(self._part)


def _place_of(info: Mapping[str, Any]) -> str:
    """Where the keys of an entry stand in the order of all keys: a directory's begin with its name and `/`."""
    return f"{info['name']}/" if info["type"] == "directory" else str(info["name"])
