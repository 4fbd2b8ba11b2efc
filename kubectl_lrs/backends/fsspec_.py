"""What else fsspec reaches: Google Cloud Storage, Azure Blob, HDFS (over WebHDFS, or libhdfs where that is).

Object stores make an object at once or not at all; on HDFS it is written under another name and renamed. Listings are
never cached.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import Any, NoReturn

from kubectl_lrs.backends.base import CHUNK, FullError, GoneError, Place, Stored, TakenError
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.http.foreign import take_over
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls, from_files
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown
from kubectl_lrs.runtime.redact import text as heard

HIERARCHIES = ("webhdfs", "hdfs")
PART_PREFIX = ".lrs-part-"
BLOCK = 16 << 20
TIMEOUT = (10.0, 300.0)
"""Seconds for a connection and for the next bytes; WebHDFS has none by itself."""

RETRIES = 2

_MARKERS = ("etag", "ETag", "generation", "md5Hash", "modificationTime", "mtime", "last_modified", "updated")
_HDFS = ("permission", "owner", "group")


def opened(place: Place) -> Remote:
    """The storage of a URL; credentials from the options, else as each library finds them."""
    import fsspec

    options = {**place.options, "use_listings_cache": False, "skip_instance_cache": True}
    if place.ca_file and place.scheme != "webhdfs":
        raise UsageError(f"--files-ca-file is not for {place.scheme}://", hint="its library reads SSL_CERT_FILE")
    hidden = tuple(secrets_of(place.options))
    remember(*hidden)
    try:
        system, root = fsspec.core.url_to_fs(place.url, **options)
    except Exception as error:  # noqa: BLE001  each library has its own
        _raise(error, shown(place.url), hidden)
    if place.scheme == "webhdfs":
        _take_over(system, place)
    return Remote(system, str(root).rstrip("/"), shown(place.url).rstrip("/"), hidden, place.scheme in HIERARCHIES)


def _take_over(system: Any, place: Place) -> None:
    """WebHDFS sends through a session of `requests`, which is given what all of ours have."""
    verify = place.options.get("session_verify")
    bundle = place.ca_file or (verify if isinstance(verify, str) else "")
    flag = "--files-ca-file" if place.ca_file else "--files-options: session_verify"
    tls = Tls(insecure=True) if verify is False and not bundle else from_files(bundle, os.environ, flag=flag)
    take_over(system.session, first=system.url, tls=tls, proxies=Proxies(os.environ), timeout=TIMEOUT, retries=RETRIES)


class Remote:
    """Everything below `root`, a path as the file system of fsspec has it."""

    def __init__(self, system: Any, root: str, url: str, hidden: tuple[str, ...], is_hierarchy: bool) -> None:
        self.url = url
        self.notes: list[str] = []
        self._system = system
        self._root = root
        self._hidden = hidden
        self._is_hierarchy = is_hierarchy
        self._folders: Mapping[str, Mapping[str, Any]] = {}

    def tells_content(self, _marker: str) -> bool:
        """Never: a marker is made of times here."""
        return False

    def names(self, path: str) -> tuple[str, ...]:
        """With the root before it, without the bucket, and as a URL."""
        full = self._full(path)
        return full, full.lstrip("/").partition("/")[2], f"{self.url}/{path}"

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    # ---- reading

    def listing(self) -> Iterator[Stored]:
        """By folders where there are any, else as one list."""
        self.notes.clear()
        if self._is_hierarchy:
            yield from self._below(self._root or "/")
            return
        for name, info in self._try(self._root, self._find).items():
            if path := name.removeprefix(self._root).removeprefix("/"):
                yield _stored(path, info)

    def _find(self) -> dict[str, Any]:
        found: dict[str, Any] = self._system.find(self._root, detail=True)
        return found

    def _below(self, folder: str) -> Iterator[Stored]:
        for info in self._try(folder, lambda: self._system.ls(folder, detail=True)):
            path = str(info["name"]).removeprefix(self._root).lstrip("/")
            if info["type"] == "directory":
                yield from self._below(str(info["name"]))
            elif info["type"] == "file" and not path.rpartition("/")[2].startswith(PART_PREFIX):
                yield _stored(path, info)
            elif info["type"] != "file":
                self.notes.append(f"{self.url}/{shown(path)} is a link, which is not followed")

    def look(self, path: str) -> Stored | None:
        """None where there is no file."""
        try:
            info = self._info(path)
        except GoneError:
            return None
        if info["type"] != "file":
            raise TakenError(f"{self.url}: {shown(path)} is no plain file there")
        return _stored(path, info)

    def _info(self, path: str) -> dict[str, Any]:
        self._system.invalidate_cache()
        info: dict[str, Any] = self._try(path, lambda: self._system.info(self._full(path)))
        return info

    def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
        """It stood still when it is the same before the first byte and after the last one."""
        before = _stored(wanted.path, self._info(wanted.path))
        size = 0
        if before.size:
            full = self._full(wanted.path)
            file = self._try(wanted.path, lambda: self._system.open(full, "rb", block_size=CHUNK, cache_type="none"))
            with file:
                while data := self._try(wanted.path, lambda: file.read(CHUNK)):
                    sink(data)
                    size += len(data)
        after = _stored(wanted.path, self._info(wanted.path))
        return after, before == after and size == after.size

    # ---- writing

    def write(self, path: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> list[str]:
        """Object stores: at once. HDFS: under another name first."""
        if not replace and self.look(path) is not None:
            raise TakenError(f"{self.url}: {shown(path)} is there already")
        if self._is_hierarchy:
            return self._write_and_rename(path, chunks, attributes, replace=replace)
        if size <= BLOCK:
            body = b"".join(chunks)
            self._try(path, lambda: self._system.pipe_file(self._full(path), body))
        else:
            self._stream(self._full(path), path, chunks)
        return sorted(set(attributes) - {"mode", "uid", "gid", *_HDFS})

    def _stream(self, full: str, path: str, chunks: Iterator[bytes]) -> None:
        """Block by block. A file of fsspec makes what it has got when it is closed; after a failure it must not."""
        file = self._try(path, lambda: self._system.open(full, "wb", block_size=BLOCK))
        try:
            for data in chunks:
                self._try(path, lambda data=data: file.write(data))  # type: ignore[misc]
            self._try(path, file.close)
        except BaseException:
            with suppress(Exception):
                file.discard()
            file.closed = True
            raise

    def _write_and_rename(self, path: str, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> list[str]:
        parent = path.rpartition("/")[0]
        self._make_folders(parent)
        part = self._full(f"{parent}/{PART_PREFIX}{secrets.token_hex(8)}".lstrip("/"))
        try:
            self._stream(part, path, chunks)
            unset = self._set(part, attributes, path)
            self._rename(part, path, replace=replace)
        except BaseException:
            with suppress(Exception):
                self._system.rm_file(part)
            raise
        return unset

    def _rename(self, part: str, path: str, *, replace: bool) -> None:
        full = self._full(path)
        if hasattr(self._system, "_call"):  # WebHDFS: its plain RENAME says in the body that it did nothing
            option = {"renameoptions": "OVERWRITE" if replace else "NONE"}
            self._try(path, lambda: self._system._call("RENAME", method="put", path=part, destination=full, **option))
            return
        if replace and self.look(path) is not None:
            self._try(path, lambda: self._system.rm_file(full))
        self._try(path, lambda: self._system.mv(part, full))

    def _make_folders(self, folder: str) -> None:
        at = ""
        for piece in folder.split("/") if folder else ():
            at = f"{at}/{piece}" if at else piece
            try:
                if self._info(at)["type"] != "directory":
                    raise TakenError(f"{self.url}: {shown(at)} is no folder there")
            except GoneError:
                full, name = self._full(at), at
                self._try(at, lambda full=full: self._system.makedirs(full, exist_ok=True))  # type: ignore[misc]
                self._set(full, self._folders.get(at) or {}, name)

    def _set(self, full: str, attributes: Mapping[str, Any], path: str) -> list[str]:
        """Permission, owner and group of HDFS, where we may; what could not be set."""
        unset = []
        permission, owner, group = (attributes.get(name) for name in _HDFS)
        if isinstance(permission, str) and permission.isdigit() and hasattr(self._system, "chmod"):
            self._try(path, lambda: self._system.chmod(full, permission[-3:]))
        if isinstance(owner, str) and isinstance(group, str) and hasattr(self._system, "chown"):
            now = self._try(path, lambda: self._system.info(full))
            if (now.get("owner"), now.get("group")) != (owner, group):
                try:
                    self._try(path, lambda: self._system.chown(full, owner, group))
                except LrsError:
                    unset.append(f"owner {owner}:{group}")
        return unset

    def folder(self, path: str) -> Mapping[str, Any]:
        """Permission, owner and group on HDFS."""
        return _attributes(self._info(path)) if self._is_hierarchy else {}

    def prepare(self, folders: Mapping[str, Mapping[str, Any]]) -> None:
        """New ones get them."""
        self._folders = folders

    def problem(self, path: str) -> str:
        """HDFS: as in a file system, and no `:`. Else up to 1,024 bytes of UTF-8."""
        try:
            size = len(path.encode())
        except UnicodeEncodeError:
            return "its path is not UTF-8"
        parts = path.split("/")
        if {"", ".", ".."} & set(parts):
            return "a part of its path is empty, '.' or '..'"
        if "\0" in path or size > (4000 if self._is_hierarchy else 1024) or max(len(part.encode()) for part in parts) > 255:
            return "its path is longer than the storage allows, or holds a NUL"
        return "HDFS allows no ':' in a path" if self._is_hierarchy and ":" in path else ""

    def probe(self) -> None:
        """A small object, made and removed."""
        name = f"{PART_PREFIX}{secrets.token_hex(8)}"
        self._try("a file", lambda: self._system.pipe_file(self._full(name), b"lrs"))
        self._try("a file", lambda: self._system.rm_file(self._full(name)))

    def free(self) -> int | None:
        """HDFS: what the folder's quota leaves. Object stores do not say."""
        if not hasattr(self._system, "content_summary"):
            return None
        said = self._try("its quota", lambda: self._system.content_summary(self._root or "/"))
        quota, used = said.get("spaceQuota", -1), said.get("spaceConsumed", 0)
        return max(0, quota - used) if quota > 0 else None

    # ---- errors

    def _try(self, path: str, call: Callable[[], Any]) -> Any:
        try:
            with (
                nullcontext() if self.url.startswith("webhdfs:") else wirelog.logged(f"{self.url}: {path}")
            ):  # WebHDFS shows its requests
                return call()
        except LrsError:
            raise
        except Exception as error:  # noqa: BLE001  each library has its own
            _raise(error, f"{self.url}: {shown(path)}", self._hidden)


_STATUS: Mapping[int, tuple[type[LrsError], str]] = {
    401: (DeniedError, "check the credentials"),
    403: (DeniedError, "see docs/files.md for the rights that are needed"),
    404: (GoneError, ""),
    409: (TakenError, ""),
    412: (TakenError, ""),
    507: (FullError, "make room there; running it again goes on"),
}
_FULL = ("quota", "no space", "could only be written to 0", "replicated to 0 nodes")
_DENIED = ("credential", "authenticat", "accesscontrol", "not authorized", "permission denied")


def _raise(error: Exception, where: str, hidden: tuple[str, ...]) -> NoReturn:
    """Every library has its own words; classes of Python and HTTP's status tell most of them apart."""
    said = heard(error, hidden) or type(error).__name__
    lowered = f"{type(error).__name__} {said}".lower()
    status = _status(error)
    if isinstance(error, FileNotFoundError):
        raise GoneError(f"{where}: not there") from error
    if isinstance(error, PermissionError) or (status is None and any(word in lowered for word in _DENIED)):
        raise DeniedError(f"{where}: {said}", hint="see docs/files.md for the credentials and rights that are needed") from error
    if isinstance(error, (FileExistsError, IsADirectoryError, NotADirectoryError)) or "filealreadyexists" in lowered:
        raise TakenError(f"{where}: {said}") from error
    if any(word in lowered for word in _FULL):
        raise FullError(f"{where}: {said}", hint="make room there; running it again goes on") from error
    if status is not None and status in _STATUS:
        kind, hint = _STATUS[status]
        raise kind(f"{where}: {said}", hint=hint) from error
    if isinstance(error, (TypeError, ValueError, ImportError)):
        raise UsageError(f"{where}: {said}", hint="check --files-url and --files-options") from error
    raise UnreachableError(f"{where}: cannot be reached: {said}", hint="check --files-url and the network") from error


def _status(error: Exception) -> int | None:
    """The HTTP status, wherever the library keeps it."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
                return int(value)
    return None


def _stored(path: str, info: Mapping[str, Any]) -> Stored:
    marker = next((str(info[name]) for name in _MARKERS if info.get(name)), "")
    return Stored(path, int(info["size"] or 0), marker.strip('"'), _attributes(info))


def _attributes(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: info[name] for name in _HDFS if isinstance(info.get(name), str)}
