"""LRS out of plain manifests: what the vendor's script or `kubectl get -o yaml` saved, or a person wrote. Not trusted.

A file that changes meanwhile changes nothing, and standard input is read once.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubectl_lrs.formats.yaml_reader import MAX_BYTES
from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import SUMS_FILE
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import printable
from kubectl_lrs.runtime.paths import is_folder
from kubectl_lrs.stores.lrs.loose import LooseLrs
from kubectl_lrs.stores.lrs.saved import RAW_FILE

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


def passed_over(folder: Path) -> list[str]:
    """What lies in a folder of manifests and is not read: folders, and files whose names end otherwise; not what is hidden."""
    with os.scandir(folder) as entries:
        others = (each for each in entries if each.is_dir(follow_symlinks=False) or not each.name.endswith(EXTENSIONS))
        names = sorted(f"{each.name}/" if each.is_dir(follow_symlinks=False) else each.name for each in others)
    return [printable(name) for name in names if not name.startswith(".")]


class FilesSource(LooseLrs):
    """The LRS of files, folders and standard input.

    `paths`: files, folders (`recursive`: those below too), or `-`. UsageError for a file that is empty, too.
    """

    def __init__(self, paths: Sequence[Path], *, recursive: bool, default_namespace: str = "") -> None:
        super().__init__(_description(paths), default_namespace=default_namespace)
        if empty := take_in(self, paths, recursive=recursive):
            raise all_empty(empty)


def take_in(lrs: LooseLrs, paths: Sequence[Path], *, recursive: bool = False) -> list[str]:
    """Read all of them; the files that hold nothing. UsageError where no object is in any."""
    empty = [where for where, data in _contents(paths, recursive=recursive) if not lrs.read(where, data)]
    if lrs.unended:
        raise UsageError(
            f"{lrs.unended}: a part of a list: its metadata.continue says that more comes, which is not there",
            hint="kubectl get without --raw asks for all parts",
        )
    if not lrs.keys and not empty:
        raise UsageError(f"{lrs.description}: no LRS in it", hint="its list of items is empty")
    return empty


def _description(paths: Sequence[Path]) -> str:
    first = "standard input" if str(paths[0]) == STDIN else printable(str(paths[0]))
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def all_empty(files: Sequence[str]) -> UsageError:
    """What files without anything are."""
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
