"""The application's file storage: what every kind of it can do, its errors, and how one is opened from a URL.

The kinds themselves are in `mount` (a path), `s3` and `remote` (what else fsspec knows); only these modules talk to a
storage, and nothing outside `clients` imports fsspec.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime.redact import shown

CHUNK = 8 << 20
"""Bytes that are held at once of what is read or written, for each of those that are in work."""

MAX_OPTIONS = 1 << 20
"""Bytes that a file of options may have."""


class GoneError(LrsError):
    """The object is not there, or not any more."""


class TakenError(LrsError):
    """There is an object where one was to be made, or in the way of it."""


class FullError(LrsError):
    """The storage has no room, or a quota is used up."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of a storage.

    `path` is relative to the prefix, with `/`; `marker` changes when the content does (an ETag, a time of change);
    `attributes` are what the storage keeps beside the content, known after `look` and `read`.
    """

    path: str
    size: int
    marker: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Storage(Protocol):
    """A storage below a prefix; every method may be called from several threads at once.

    All of them raise UnreachableError and DeniedError, besides what they name.
    """

    url: str
    """As it may be shown."""

    notes: list[str]
    """What a listing has left out, and why."""

    def tells_content(self, marker: str) -> bool:
        """Whether objects with this marker are of equal content, wherever they are; one of 32 hex digits is then its MD5."""

    def names(self, path: str) -> tuple[str, ...]:
        """Every way in which a document may write this path out in full."""

    def listing(self) -> Iterator[Stored]:
        """Every object; GoneError where the prefix itself is not there."""

    def look(self, path: str) -> Stored | None:
        """One object as it is now, None where there is none."""

    def read(self, wanted: Stored, sink: Callable[[bytes], object]) -> tuple[Stored, bool]:
        """Its content, chunk by chunk; what was read, and whether it stood still meanwhile. GoneError."""

    def write(self, path: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> list[str]:
        """A new object, all of it or none: where `chunks` raises, nothing is there. What of the attributes could not be set.

        TakenError where there is one and `replace` is not set; FullError.
        """

    def folder(self, path: str) -> Mapping[str, Any]:
        """What the storage keeps of a folder, empty where it has none."""

    def prepare(self, folders: Mapping[str, Mapping[str, Any]]) -> None:
        """What folders are to have that `write` makes."""

    def problem(self, path: str) -> str:
        """Why this storage cannot hold an object of this path; empty where it can."""

    def probe(self) -> None:
        """Write something small and remove it again."""

    def free(self) -> int | None:
        """Bytes that there is room for, None where that is not known."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a storage is and how it is reached, out of flags and environment. `options`: as fsspec's file system takes them."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    ca_file: str = ""
    workers: int = 8

    @property
    def scheme(self) -> str:
        """The kind of storage; a plain path is `file`."""
        found = _URL.fullmatch(self.url)
        return found[1].lower() if found else "file"

    @property
    def host_and_path(self) -> tuple[str, str]:
        """What stands between `//` and the first `/`, and what follows it, without slashes around."""
        found = _URL.fullmatch(self.url)
        rest = found[2] if found else self.url
        if self.scheme == "file":
            return "", rest
        host, _, path = rest.partition("/")
        return host, path.strip("/")


_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


@dataclass(frozen=True)
class _Kind:
    """`modules`: what must be importable; `extra`: what pip installs them by."""

    opener: str
    modules: tuple[str, ...] = ()
    extra: str = ""


_KINDS: Mapping[str, _Kind] = {
    "file": _Kind("local"),
    "s3": _Kind("s3", ("fsspec", "s3fs"), "s3"),
    "gs": _Kind("fsspec_", ("fsspec", "gcsfs"), "gs"),
    "abfs": _Kind("fsspec_", ("fsspec", "adlfs"), "abfs"),
    "abfss": _Kind("fsspec_", ("fsspec", "adlfs"), "abfs"),
    "webhdfs": _Kind("fsspec_", ("fsspec",), "files"),
    "hdfs": _Kind("fsspec_", ("fsspec", "pyarrow"), "hdfs"),
}


def open_storage(place: Place) -> Storage:
    """The storage of a URL; nothing is asked of it yet. UsageError where the URL, the options or a library are not right."""
    kind = _KINDS.get(place.scheme)
    if kind is None:
        raise UsageError(
            f"--files-url: {shown(place.url)!r}: no such kind of storage", hint=f"it begins with one of: {', '.join(_KINDS)}"
        )
    _check(place)
    for module in kind.modules:
        _require(module, place.scheme, kind.extra)
    opener = importlib.import_module(f"kubectl_lrs.backends.{kind.opener}")
    storage: Storage = opener.opened(place)
    return storage


def _check(place: Place) -> None:
    host = place.host_and_path[0]
    if ":" in host.rpartition("@")[0]:
        raise UsageError(
            f"--files-url: {shown(place.url)!r} holds a password",
            hint="a URL is seen by everyone; give it in the environment, in a profile, or with --files-options FILE",
        )
    if place.scheme == "file":
        _check_path(place)
    else:
        _check_remote(place, *place.host_and_path)


def _check_path(place: Place) -> None:
    if not place.host_and_path[1].startswith("/"):
        raise UsageError(f"--files-url: {shown(place.url)!r} is not an absolute path", hint="write it like file:///mnt/storage")
    given = {"--files-options": place.options, "--files-endpoint": place.endpoint, "--files-ca-file": place.ca_file}
    if useless := [name for name, value in given.items() if value]:
        raise UsageError(f"{useless[0]} is of no use with a path", hint="leave it out")


def _check_remote(place: Place, host: str, path: str) -> None:
    url = shown(re.split(r"[?#]", place.url, maxsplit=1)[0])
    if not host:
        raise UsageError(f"--files-url: {url!r} names no bucket or host", hint="write it like s3://bucket/prefix")
    if "?" in place.url or "#" in place.url:
        raise UsageError(f"--files-url: {url!r}: no '?' or '#'", hint="options go into --files-options FILE")
    if path and {".", "..", ""} & set(path.split("/")):
        raise UsageError(f"--files-url: {url!r}: a part of its path is empty, '.' or '..'")
    if place.endpoint and place.scheme != "s3":
        raise UsageError("--files-endpoint is for s3:// only", hint="other storages have theirs in --files-options FILE")


def _require(module: str, scheme: str, extra: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// needs the Python package {module}, which is not installed here ({error})",
            hint=f"pip install 'kubectl-lrs[{extra}]'",
        ) from error


def read_options(path: Path) -> dict[str, Any]:
    """The options in a JSON or YAML file: one mapping, as fsspec's file system of the storage takes them."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_OPTIONS + 1)
    except OSError as error:
        raise UsageError(f"--files-options {path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_OPTIONS:
        raise UsageError(f"--files-options {path}: larger than {MAX_OPTIONS >> 20} MiB")
    try:
        options = _parsed(data)
    except (ValueError, RecursionError):
        # Not `from error`: what the parser quotes may be a secret.
        raise UsageError(f"--files-options {path}: neither JSON nor YAML") from None
    if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
        raise UsageError(f"--files-options {path}: not a mapping of names to values")
    return options


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        import yaml

        try:
            return yaml.safe_load(data)
        except yaml.YAMLError:
            raise ValueError from None
