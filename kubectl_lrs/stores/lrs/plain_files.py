"""LRS out of plain manifests: what the vendor's script or `kubectl get -o yaml` saved, or a person wrote. Not trusted.

All of it is read and checked before the first object is given out, and kept packed in memory: a file that changes
meanwhile changes nothing, standard input is read once, and nothing is written to any disk.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kubectl_lrs.formats.documents import Document
from kubectl_lrs.formats.yaml_reader import MAX_BYTES, load_all
from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import SUMS_FILE
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.manifest import Manifest, fingerprint, loads, sanitise
from kubectl_lrs.model.units import printable
from kubectl_lrs.model.workloads import GROUP
from kubectl_lrs.runtime.paths import is_folder
from kubectl_lrs.stores.lrs.saved import RAW_FILE, StoredLrs, problem_of

Key = tuple[str, str]

STDIN = "-"
EXTENSIONS = (".json", ".yaml", ".yml")
"""What is read of a folder, as kubectl does."""

MAX_FOLDERS = 64
"""Folders below folders that are looked into."""

MAX_NAMED = 100
"""Files that one message names."""


def is_plain_folder(path: Path) -> bool:
    """Whether it is a folder of manifests, such as the vendor's script makes, and no part of a backup of ours."""
    if not is_folder(path) or any(os.path.lexists(path / name) for name in (CATALOG_FILE, SUMS_FILE, RAW_FILE, "lrs")):
        return False
    try:
        with os.scandir(path) as entries:
            return any(entry.name.endswith(EXTENSIONS) and entry.is_file() for entry in entries)
    except OSError:
        return False


class FilesSource:
    """The LRS of files, folders and standard input; see `tiers.resources.stored.Source`.

    `paths`: files, folders (`recursive`: those below too), or `-`. An object without a namespace gets `default_namespace`.
    UsageError, before any object is given out, for a file that is empty, cannot be read or holds something else than LRS
    of one version and kind, and for two objects of one name that are not the same.
    """

    def __init__(self, paths: Sequence[Path], *, recursive: bool, default_namespace: str = "") -> None:
        self.description = _description(paths)
        self.version = ""
        self.kind = ""
        self._default_namespace = default_namespace
        self._first = ""
        self._origins: dict[Key, tuple[str, bytes]] = {}
        self._packed = _Packed()
        empty = [where for where, data in _contents(paths, recursive=recursive) if not self._read(where, data)]
        if empty:
            raise _empty(empty)
        if not self._origins:
            raise UsageError(f"{self.description}: no LRS in it", hint="its list of items is empty")

    def __iter__(self) -> Iterator[StoredLrs]:
        for text in self._packed:
            manifest = loads(text)
            owners = manifest["metadata"].get("ownerReferences") or ()
            yield StoredLrs(sanitise(manifest), tuple(owners), manifest.get("status"), sum=fingerprint(manifest))

    def _read(self, where: str, data: bytes) -> bool:
        """Take in every object of a file; whether there was any document in it."""
        found = False
        items: list[int] = []
        for document in load_all(data, where=where):
            found = True
            place = f"{where}: line {document.line}"
            if document.is_item:
                items.append(document.line)
                self._add(document.value, place)
            elif not (isinstance(document.value, dict) and "items" in document.value):
                self._add(document.value, place)
            elif problem := _list_problem(document):
                raise UsageError(f"{place}: {problem}")
        return found

    def _add(self, manifest: Any, place: str) -> None:
        self._check_kind(manifest, place)
        metadata = manifest.get("metadata")
        if isinstance(metadata, dict) and not metadata.get("namespace"):
            manifest = {**manifest, "metadata": {**metadata, "namespace": self._default_namespace}}
        if problem := problem_of(manifest, f"{GROUP}/{self.version}", self.kind):
            raise UsageError(f"{place}: {problem}")
        if self._is_new(manifest, place):
            self._packed.append(json.dumps(manifest, separators=(",", ":")))

    def _check_kind(self, manifest: Any, place: str) -> None:
        """It is an LRS, and of the version and kind of the first one."""
        if not isinstance(manifest, dict) or not isinstance(manifest.get("apiVersion"), str):
            raise UsageError(f"{place}: not a Kubernetes object", hint="only LRS manifests can be restored with -f")
        api_version, kind = manifest["apiVersion"], manifest.get("kind")
        group, _, version = api_version.partition("/")
        if group != GROUP or not version or not isinstance(kind, str) or not kind:
            raise UsageError(
                f"{place}: {_named(manifest)} is not an LRS of group {GROUP}", hint="restore all else with: kubectl apply -f"
            )
        if not self._first:
            self.version, self.kind, self._first = version, kind, place
        elif (version, kind) != (self.version, self.kind):
            raise UsageError(
                f"{place}: {_named(manifest)} is of {api_version}; in {self._first} is a {self.kind} of {GROUP}/{self.version}",
                hint="restore them one version after the other",
            )

    def _is_new(self, manifest: Manifest, place: str) -> bool:
        """Whether no object of this name was there before; UsageError where a different one was."""
        metadata = manifest["metadata"]
        key = (metadata["namespace"], metadata["name"])
        print_ = fingerprint(
            {"lrs": sanitise(manifest), "owners": metadata.get("ownerReferences"), "status": manifest.get("status")}
        )
        before = self._origins.setdefault(key, (place, print_))
        if before[1] != print_:
            raise UsageError(f"{'/'.join(key)} is there twice and differs: {before[0]}, and {place}", hint="keep one of the two")
        return before[0] == place


class _Packed:
    """Texts, each packed with the first one as the dictionary: LRS have most of their words in common."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self._first = b""

    def append(self, text: str) -> None:
        """One more."""
        data = text.encode()
        self._first = self._first or data
        packer = zlib.compressobj(1, zdict=self._first)
        self._texts.append(packer.compress(data) + packer.flush())

    def __iter__(self) -> Iterator[str]:
        for each in self._texts:
            yield zlib.decompressobj(zdict=self._first).decompress(each).decode()


def _description(paths: Sequence[Path]) -> str:
    first = "standard input" if str(paths[0]) == STDIN else printable(str(paths[0]))
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def _named(manifest: Manifest) -> str:
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{manifest.get('apiVersion')!r} {manifest.get('kind')!r} {name!r}"


def _list_problem(document: Document) -> str:
    """Why a document with items is no list of LRS."""
    kind, api_version = document.value.get("kind"), document.value.get("apiVersion")
    if (kind, api_version) == ("List", "v1"):
        return ""
    is_list = isinstance(kind, str) and kind.endswith("List") and str(api_version).startswith(f"{GROUP}/")
    return "" if is_list else f"{_named(document.value)} is not a List"


def _empty(files: list[str]) -> UsageError:
    named = ", ".join(files[:MAX_NAMED]) + (f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else "")
    return UsageError(
        f"{len(files)} empty file{'s' if len(files) > 1 else ''}, whose LRS would be missing: {named}",
        hint="a kubectl get that fails leaves one; save those LRS again, or take the files away",
    )


# ---- files


def _contents(paths: Sequence[Path], *, recursive: bool) -> Iterator[tuple[str, bytes]]:
    """(name for messages, content) of every file that is meant, each once."""
    seen: set[str] = set()
    for path in paths:
        for file in _files(path, recursive=recursive):
            if str(file) not in seen:
                seen.add(str(file))
                yield ("standard input", _stdin()) if str(file) == STDIN else (printable(str(file)), _content(file, path))


def _files(path: Path, *, recursive: bool) -> Iterator[Path]:
    if str(path) == STDIN or not is_folder(path):
        yield path
        return
    found = list(_walk(path, recursive=recursive))
    if not found:
        raise UsageError(
            f"{printable(str(path))}: no file with the ending {', '.join(EXTENSIONS)} in it",
            hint="" if recursive else "folders below it are looked into with -R",
        )
    yield from found


def _walk(folder: Path, *, recursive: bool, depth: int = 0) -> Iterator[Path]:
    """The manifests in a folder, in the order of their names."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from error
    if any(entry.name == CATALOG_FILE for entry in entries):
        raise UsageError(
            f"{printable(str(folder))} is a backup, not a folder of plain manifests", hint=f"restore it with: restore {folder}"
        )
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if recursive and depth < MAX_FOLDERS:
                yield from _walk(folder / entry.name, recursive=True, depth=depth + 1)
        elif entry.name.endswith(EXTENSIONS):
            yield folder / entry.name


def _content(file: Path, given: Path) -> bytes:
    """All of a file. A link is followed where it was named itself, not where it lies in a folder."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if file is given else os.O_NOFOLLOW)
    try:
        descriptor = os.open(file, flags)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{printable(str(file))}: not a plain file", hint="give what it holds to: restore -f -")
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UsageError(f"{printable(str(file))}: is a link; links in a folder are not followed") from error
        raise _unreadable(file, error) from error


def _stdin() -> bytes:
    try:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(Path("standard input"), error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{printable(str(path))}: cannot be read: {error.strerror}")
