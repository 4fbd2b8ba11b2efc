"""Where a storage is, and how one is opened from its URL. A kind's library is imported only when one of it is opened."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, Encryption
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.redact import shown


@dataclass(frozen=True)
class Words:
    """What the user says each part of a place by, as messages name it."""

    url: str
    options: str
    endpoint: str
    ca_file: str


FILES = Words("--files-url", "--files-options", "--files-endpoint", "--files-ca-file")
"""Of the application's file storage."""

BACKUPS = Words("--backup-dir", "--backup-options", "--backup-endpoint", "--backup-ca-file")
"""Of a repository of backups."""


@dataclass(frozen=True, kw_only=True)
class StorageLocation:
    """Where a storage is and how it is reached, out of flags and environment.

    `options`: as fsspec's file system takes them. `said`: what the user says its parts by. `encryption`: what the storage is
    asked for. `is_ours`: every key below it is made by us, as in a repository, and not by an application.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    ca_file: str = ""
    workers: int = 8
    said: Words = FILES
    encryption: Encryption = BY_THE_BUCKET
    is_ours: bool = False

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
    """`module` of this package; `needs`: what must be importable; `extra`: what pip installs it by."""

    module: str
    needs: tuple[str, ...] = ()
    extra: str = ""


_KINDS: Mapping[str, _Kind] = {
    "file": _Kind("local"),
    "s3": _Kind("s3", ("botocore",), "s3"),
    "gs": _Kind("fsspec_", ("fsspec", "gcsfs"), "gs"),
    "az": _Kind("fsspec_", ("fsspec", "adlfs"), "abfs"),
    "abfs": _Kind("fsspec_", ("fsspec", "adlfs"), "abfs"),
    "abfss": _Kind("fsspec_", ("fsspec", "adlfs"), "abfs"),
    "webhdfs": _Kind("hdfs", ("fsspec",), "files"),
    "hdfs": _Kind("hdfs", ("fsspec", "pyarrow"), "hdfs"),
}

_OURS: Mapping[str, _Kind] = {
    "gs": _Kind("gcs", ("google.auth",), "gs"),
    **dict.fromkeys(("az", "abfs", "abfss"), _Kind("azure")),
}
"""Those of a repository that are reached another way, where no application's keys and attributes have to be kept."""

ENDPOINTS = frozenset(("s3", *_OURS))
"""Those of a repository that may be at another server than the provider's."""

CA_FILES = frozenset(("s3", *_OURS, "webhdfs"))
"""Those of a repository whose authority a file can name."""


def open_backend(place: StorageLocation) -> Backend:
    """The storage of a URL; nothing is asked of it yet. UsageError where the URL, the options or a library are not right."""
    kind = (_OURS.get(place.scheme) if place.is_ours else None) or _KINDS.get(place.scheme)
    if kind is None:
        raise _wrong(place, "no such kind of storage", f"it begins with one of: {', '.join(_KINDS)}")
    _check(place)
    for module in kind.needs:
        require(module, place.scheme, kind.extra)
    backend: Backend = importlib.import_module(f"kubectl_lrs.backends.{kind.module}").opened(place)
    return backend


def _wrong(place: StorageLocation, why: str, hint: str = "") -> UsageError:
    return UsageError(f"{place.said.url}: {shown(place.url)!r}: {why}", hint=hint)


def _check(place: StorageLocation) -> None:
    host = place.host_and_path[0]
    if ":" in host.rpartition("@")[0]:
        hint = f"a URL is seen by everyone; give it in the environment, in a profile, or in the file of {place.said.options}"
        raise _wrong(place, "holds a password", hint)
    if place.scheme == "file":
        _check_path(place)
    else:
        _check_remote(place, *place.host_and_path)


def _check_path(place: StorageLocation) -> None:
    if not place.host_and_path[1].startswith("/"):
        raise _wrong(place, "not an absolute path", "write it like file:///mnt/storage")
    said = place.said
    given = {said.options: place.options, said.endpoint: place.endpoint, said.ca_file: place.ca_file}
    if useless := [word for word, value in given.items() if value]:
        raise UsageError(f"{useless[0]} is of no use with a path", hint="leave it out")


def _check_remote(place: StorageLocation, host: str, path: str) -> None:
    if "?" in place.url or "#" in place.url:
        bare = re.split(r"[?#]", place.url, maxsplit=1)[0]
        hint = f"options go into the file of {place.said.options}"
        raise UsageError(f"{place.said.url}: {shown(bare)!r}: no '?' or '#'", hint=hint)
    if not host:
        raise _wrong(place, "names no bucket or host", "write it like s3://bucket/prefix")
    if path and {".", "..", ""} & set(path.split("/")):
        raise _wrong(place, "a part of its path is empty, '.' or '..'")
    if place.endpoint and place.scheme not in (ENDPOINTS if place.is_ours else ("s3",)):
        hint = f"other storages have theirs in {place.said.options} FILE"
        raise UsageError(f"{place.said.endpoint} is not for {place.scheme}://", hint=hint)
    if place.endpoint and not is_server(place.endpoint):
        said = f"{place.said.endpoint} {shown(place.endpoint)!r}: no URL of a server"
        raise UsageError(said, hint="write it like https://host:port")


def is_server(url: str) -> bool:
    """Whether it is a URL of a server that requests could go to."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and len(url.split()) == 1
    except ValueError:  # a bracket that is not closed, a port that is no number
        return False


def require(module: str, scheme: str, extra: str) -> None:
    """UsageError where a library is not installed, or cannot be imported."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// needs the Python package {module}, which is not installed here ({error})",
            hint=f"pip install 'kubectl-lrs[{extra}]'",
        ) from error
