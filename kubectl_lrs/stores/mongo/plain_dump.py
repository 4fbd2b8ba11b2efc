"""Dumps that the real mongodump wrote, read without trust: a folder of its files or an archive, with no catalog and no sums."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository.plain.files import reading
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.archive import ArchiveFile, is_archive
from kubectl_lrs.stores.mongo.levels import COMPLETE, MINIMUM
from kubectl_lrs.stores.mongo.saved import GZIP, StoredCollection, StoredDump, collections_in, content_of, selected, version_of

OPLOG = "oplog.bson"


def is_mongodump(path: Path) -> bool:
    """Whether it looks like what mongodump writes: an archive, a folder of a database's files, or one of such folders."""
    try:
        if path.is_file():
            return is_archive(path)
        return path.is_dir() and any(_looks_like_dump(each) for each in PlainFolder(path).paths())
    except OSError:
        return False


def dumped(path: Path, *, only: tuple[str, ...] = ()) -> StoredDump:
    """What mongodump wrote: the known collections in it, or those named; UsageError where it is not clear of which database."""
    folder = ArchiveFile(path) if path.is_file() else PlainFolder(path)
    found: dict[str, dict[str, StoredCollection]] = {}
    for prefix in sorted({each.rpartition("/")[0] for each in folder.paths() if _looks_like_dump(each)}):
        database = prefix or path.resolve().name
        if database in found:
            raise UsageError(f"{path}: it holds database {database} twice", hint="name a folder that holds one of them alone")
        if names.is_database(database):
            found[database] = collections_in(folder, f"{prefix}/" if prefix else "", {})
    holding = [name for name in found if set(only or MINIMUM) & set(found[name])]
    if not holding:
        raise UsageError(
            f"{path}: no database in it holds {' or '.join(only or MINIMUM)}", hint="--mongo-collection names others"
        )
    if len(holding) > 1:
        raise UsageError(f"{path}: it holds several databases: {', '.join(holding)}", hint="name the folder of one of them")
    dump = selected(folder, holding[0], found[holding[0]], only, COMPLETE, server=_prelude(folder))
    return replace(dump, oplog=_oplog(folder), unknown=_unknown(folder, holding[0]))


class PlainFolder:
    """A folder that is no backup of ours, two levels of it: `Readable`, no link is followed."""

    def __init__(self, path: Path) -> None:
        self.path: Path = path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""
        return str(self.path / relative)

    def paths(self, prefix: str = "") -> list[str]:
        """Its plain files, and those of the folders in it."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_file(follow_symlinks=False):
                    found.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    found += [f"{entry.name}/{each.name}" for each in _files(entry.path)]
        return [each for each in found if each.startswith(prefix)]

    def too_deep(self) -> list[str]:
        """The folders in its folders, which hold nothing of a dump."""
        found = []
        with os.scandir(self.path) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_dir(follow_symlinks=False):
                    with os.scandir(entry.path) as inner:
                        found += [f"{entry.name}/{each.name}/" for each in inner if each.is_dir(follow_symlinks=False)]
        return sorted(found)

    @contextmanager
    def reading(self, relative: str) -> Iterator[BinaryIO]:
        """One of them."""
        try:
            file = reading(str(self.path / relative))
        except OSError as error:
            raise UsageError(f"{self.path / relative}: cannot be read: {error.strerror}") from error
        with file:
            yield file


def _files(path: str) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted((each for each in entries if each.is_file(follow_symlinks=False)), key=lambda each: each.name)


def _looks_like_dump(path: str) -> bool:
    return path.removesuffix(GZIP).endswith((names.DATA, names.METADATA))


def _oplog(folder: PlainFolder | ArchiveFile) -> str:
    return next((path for path in folder.paths() if path.removesuffix(GZIP) == OPLOG), "")


def _unknown(folder: PlainFolder | ArchiveFile, database: str) -> tuple[str, ...]:
    """What lies there beside the database's own files: other databases, the server's own collections, what is no dump's."""
    found = []
    for path in folder.paths():
        prefix, _, file = path.rpartition("/")
        is_meant = (prefix or folder.path.resolve().name) == database
        plain = file.removesuffix(GZIP)
        if plain in (names.PRELUDE, OPLOG):
            continue
        if not (is_meant and _looks_like_dump(file)):
            found.append(f"{prefix}/" if prefix and not is_meant else path)
        elif plain.startswith("system.") and not plain.startswith(names.BUCKETS):
            found.append(path)
    return tuple(dict.fromkeys([*found, *folder.too_deep()]))


def _prelude(folder: PlainFolder | ArchiveFile) -> str:
    """The version of the server that a plain dump says it is of; empty where it does not."""
    for path in folder.paths():
        if path.rpartition("/")[2].removesuffix(GZIP) == names.PRELUDE:
            try:
                return version_of(json.loads(content_of(folder, path)))
            except ValueError:
                return ""
    return ""
