"""Dumps on disk, ours and the real mongodump's, read without trust: which collections they hold, and their documents.

The files that mongodump writes are enough: a catalog only tells how many documents there must be.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from kubectl_lrs.formats import bson_batches as rawbson
from kubectl_lrs.formats.bson_batches import NotBsonError, documents
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository import Readable
from kubectl_lrs.repository.files import reading
from kubectl_lrs.stores.mongo import metadata, names
from kubectl_lrs.stores.mongo.levels import COMPLETE, MINIMUM
from kubectl_lrs.stores.mongo.metadata import Metadata

GZIP = ".gz"
_UNREADABLE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, kw_only=True)
class StoredCollection:
    """A collection of a dump. `data`: the file with its documents, empty where it has none; `documents`: -1 where not told."""

    name: str
    metadata: Metadata
    data: str = ""
    documents: int = -1


@dataclass(frozen=True, kw_only=True)
class StoredDump:
    """The collections of one database. `facts`: what a catalog says of them, empty for a plain dump."""

    folder: Readable
    database: str
    collections: tuple[StoredCollection, ...]
    left_out: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def instant(self) -> str:
        """What it stands for, in words; empty where nothing tells."""
        at = self.facts.get("atClusterTime") or self.facts.get("operationTime") or {}
        return str(at.get("time", "")) if isinstance(at, dict) else ""

    @contextmanager
    def opened(self, collection: StoredCollection) -> Iterator[BinaryIO]:
        """Its documents, unpacked."""
        with self.folder.reading(collection.data) as file:
            if collection.data.endswith(GZIP):
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked  # type: ignore[misc]  # it can be read
            else:
                yield file

    def batches(self, collection: StoredCollection, size: int) -> Iterator[bytes]:
        """Rows of whole documents of about `size` bytes; DamageError where the file is none of BSON."""
        where = self.folder.path / collection.data
        try:
            with self.opened(collection) as file:
                yield from documents(file.read, limit=size)
        except NotBsonError as error:
            raise DamageError(f"{where}: truncated or altered: {error}", hint="nothing of it was restored") from error
        except _UNREADABLE as error:
            raise DamageError(f"{where}: damaged: {error}") from error

    def measured(self, collection: StoredCollection) -> tuple[int, int]:
        """(documents, bytes), after every length in the file was looked at; DamageError where one cannot be."""
        count = size = 0
        for batch in self.batches(collection, 1 << 20):
            count += rawbson.count(batch)
            size += len(batch)
        if collection.documents not in (-1, count):
            where = self.folder.path / collection.data
            raise DamageError(f"{where}: {count} documents, but {collection.documents} were saved")
        return count, size


def saved(folder: Readable, facts: Mapping[str, Any], *, only: tuple[str, ...] = ()) -> StoredDump:
    """The Mongo part of a backup; `only`: of these collections."""
    database = facts.get("database")
    if not isinstance(database, str) or not names.is_database(database):
        raise DamageError(f"{folder.path}: the catalog names no database")
    listed = facts.get("collections")
    rows = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    counts = {each.get("name"): each["documents"] for each in rows if type(each.get("documents")) is int}
    found = _collections(folder, f"mongo/{database}/", counts)
    if lost := {str(each.get("name")) for each in rows} - set(found) - {each for each in counts if _is_buckets(each)}:
        raise DamageError(f"{folder.path}: collection {min(lost)} is in the catalog, and not among the files")
    return _chosen(folder, database, found, only or tuple(found), facts)


def is_mongodump(path: Path) -> bool:
    """Whether a folder looks like what mongodump writes: a database's files, or folders of them."""
    try:
        return path.is_dir() and any(_looks_like_dump(each) for each in PlainFolder(path).paths())
    except OSError:
        return False


def dumped(path: Path, *, only: tuple[str, ...] = ()) -> StoredDump:
    """What mongodump wrote: the known collections in it, or those named; UsageError where it is not clear of which database."""
    folder = PlainFolder(path)
    found: dict[str, dict[str, StoredCollection]] = {}
    for prefix in sorted({each.rpartition("/")[0] for each in folder.paths() if _looks_like_dump(each)}):
        database = prefix or path.resolve().name
        if names.is_database(database):
            found[database] = _collections(folder, f"{prefix}/" if prefix else "", {})
    wanted = only or COMPLETE
    holding = [name for name in found if set(only or MINIMUM) & set(found[name])]
    if not holding:
        raise UsageError(
            f"{path}: no database in it holds {' or '.join(only or MINIMUM)}", hint="--mongo-collection names others"
        )
    if len(holding) > 1:
        raise UsageError(f"{path}: it holds several databases: {', '.join(holding)}", hint="name the folder of one of them")
    return _chosen(folder, holding[0], found[holding[0]], wanted, {})


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


def _is_buckets(name: object) -> bool:
    return isinstance(name, str) and name.startswith(names.BUCKETS)


def _collections(folder: Readable, prefix: str, counts: Mapping[Any, int]) -> dict[str, StoredCollection]:
    """Every collection with files right below the prefix, by name; the buckets of a time series are its data."""
    data: dict[str, str] = {}
    described: dict[str, Metadata] = {}
    for path in folder.paths(prefix):
        file = path.removeprefix(prefix)
        plain = file.removesuffix(GZIP)
        if "/" in file:
            continue
        if plain.endswith(names.METADATA):
            described[plain.removesuffix(names.METADATA)] = _read_metadata(folder, path)
        elif plain.endswith(names.DATA):
            stem = plain.removesuffix(names.DATA)
            if stem in data:
                raise DamageError(f"{folder.path / path}: there twice, with and without {GZIP}")
            data[stem] = path
    found: dict[str, StoredCollection] = {}
    for stem in sorted({*data, *described}):
        about = described.get(stem, Metadata())
        name = _name(folder, prefix, stem, about)
        if name is None or (_is_buckets(name) and stem not in described):
            continue
        buckets = names.BUCKETS + name
        source = names.stem(buckets) if about.is_timeseries else stem
        count = counts.get(buckets if about.is_timeseries else name, -1)
        found[name] = StoredCollection(name=name, metadata=about, data=data.get(source, ""), documents=count)
    return found


def _name(folder: Readable, prefix: str, stem: str, about: Metadata) -> str | None:
    """The collection's name; None where it is the server's own."""
    where = f"{folder.path}/{prefix}{stem}"
    if names.is_cut(stem):
        if not about.name:
            raise DamageError(f"{where}: its name is cut, and there is no metadata that tells the whole")
        name = about.name
    else:
        try:
            name = names.collection(stem)
        except UnicodeDecodeError as error:
            raise DamageError(f"{where}: its name is not UTF-8") from error
    if about.name and (about.name != name or names.stem(name) != stem):
        raise DamageError(f"{where}: its metadata is of a collection of another name: {about.name!r}")
    return name if names.is_collection(name) else None


def _read_metadata(folder: Readable, path: str) -> Metadata:
    where = f"{folder.path / path}"
    try:
        with folder.reading(path) as file:
            source: Any = gzip.GzipFile(fileobj=file) if path.endswith(GZIP) else file
            content = source.read(metadata.MAX_FILE + 1)
    except _UNREADABLE as error:
        raise DamageError(f"{where}: damaged: {error}") from error
    if len(content) > metadata.MAX_FILE:
        raise DamageError(f"{where}: larger than {metadata.MAX_FILE >> 20} MiB")
    return metadata.read(content, where)


def _chosen(
    folder: Readable, database: str, found: Mapping[str, StoredCollection], wanted: tuple[str, ...], facts: Mapping[str, Any]
) -> StoredDump:
    """Collections before the views on them."""
    chosen = [each for name, each in found.items() if name in wanted]
    if absent := [name for name in wanted if name not in found and name not in COMPLETE]:
        raise LrsError(f"{folder.path}: it holds no collection {', '.join(absent)}", hint=f"it holds: {', '.join(found)}")
    return StoredDump(
        folder=folder,
        database=database,
        collections=tuple(sorted(chosen, key=lambda each: each.metadata.is_view)),
        left_out=tuple(name for name in found if name not in wanted),
        facts=facts,
    )
