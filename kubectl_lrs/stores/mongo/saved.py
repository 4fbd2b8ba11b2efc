"""Dumps on disk, ours and the real mongodump's, read without trust: which collections they hold, and their documents.

The files that mongodump writes are enough: a catalog only tells how many documents there must be.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from kubectl_lrs.formats import bson_batches as rawbson
from kubectl_lrs.formats.bson_batches import NotBsonError, documents
from kubectl_lrs.formats.bson_documents import id_text
from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.repository import Readable
from kubectl_lrs.stores.mongo import metadata, names
from kubectl_lrs.stores.mongo.metadata import Metadata

TIER = "mongo"
GZIP = ".gz"
OPLOG = "oplog.bson"
_UNREADABLE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, kw_only=True)
class StoredCollection:
    """A collection of a dump. `data`: the file with its documents, empty where it has none; `documents`: -1 where not told.

    `has_metadata`: there is a file of it that says something, and options and indexes are not just unknown.
    """

    name: str
    metadata: Metadata
    data: str = ""
    documents: int = -1
    has_metadata: bool = True


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the file of a collection holds. `empty_timestamps`: documents with a `Timestamp(0, 0)` that servers replace."""

    documents: int = 0
    bytes: int = 0
    empty_timestamps: int = 0


@dataclass(frozen=True, kw_only=True)
class StoredDump:
    """The collections of one database. `facts`: what a catalog says of them, empty for a plain dump.

    `left_out`: its collections that do not go back; `unknown`: files that are none of its; `oplog`: the file with the writes
    that came while it was made; `server`: the version that it was made of. Each empty where there is none.
    `only`: `collection/_id` of the documents that are meant, None for all: of others it gives nothing.
    """

    folder: Readable
    database: str
    collections: tuple[StoredCollection, ...]
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    oplog: str = ""
    server: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    only: frozenset[str] | None = None

    @property
    def instant(self) -> str:
        """What it stands for, in words; empty where nothing tells."""
        facts = self.facts
        instant = facts.get("instant")
        at = instant.get("from") if isinstance(instant, dict) else facts.get("atClusterTime") or facts.get("operationTime")
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
        """Rows of whole documents of about `size` bytes, of those that are meant; DamageError where the file is none of BSON."""
        for batch in self._rows(collection, size):
            if meant := self._meant(collection, batch):
                yield meant

    def _meant(self, collection: StoredCollection, batch: bytes) -> bytes:
        if self.only is None:
            return batch
        try:
            return b"".join(each for each in rawbson.split(batch) if f"{collection.name}/{id_text(each)}" in self.only)
        except NotBsonError as error:
            raise DamageError(f"{self.folder.describe(collection.data)}: damaged: {error}") from error

    def _rows(self, collection: StoredCollection, size: int) -> Iterator[bytes]:
        where = self.folder.describe(collection.data)
        try:
            with self.opened(collection) as file:
                yield from documents(file.read, limit=size)
        except NotBsonError as error:
            raise DamageError(f"{where}: truncated or altered: {error}", hint="nothing of it was restored") from error
        except _UNREADABLE as error:
            raise DamageError(f"{where}: damaged: {error}") from error

    def measured(self, collection: StoredCollection) -> Measured:
        """What the file holds, after every length in it was looked at; DamageError where one cannot be."""
        count = size = empty = there = 0
        for row in self._rows(collection, 1 << 20) if collection.data else ():
            in_row = rawbson.count(row)
            batch = self._meant(collection, row)
            there += in_row
            count += in_row if batch is row else rawbson.count(batch)
            size += len(batch)
            try:
                empty += rawbson.count_empty_timestamps(batch)
            except NotBsonError as error:
                raise DamageError(f"{self.folder.describe(collection.data)}: damaged: {error}") from error
        if collection.documents not in (-1, there):
            where = self.folder.describe(collection.data or collection.name)
            raise DamageError(f"{where}: {there} documents, but {collection.documents} were saved")
        return Measured(documents=count, bytes=size, empty_timestamps=empty)


def saved(folder: Readable, facts: Mapping[str, Any], *, only: tuple[str, ...] = ()) -> StoredDump:
    """The Mongo part of a backup; `only`: of these collections."""
    database = facts.get("database")
    if not isinstance(database, str) or not names.is_database(database):
        raise DamageError(f"{folder.describe()}: the catalog names no database")
    listed = facts.get("collections")
    rows = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    counts = {each.get("name"): each["documents"] for each in rows if type(each.get("documents")) is int}
    found = collections_in(folder, f"mongo/{database}/", counts)
    if lost := {str(each.get("name")) for each in rows} - set(found) - {each for each in counts if _is_buckets(each)}:
        raise DamageError(f"{folder.describe()}: collection {min(lost)} is in the catalog, and not among the files")
    return selected(folder, database, found, only, tuple(found), facts=facts, server=version_of(facts.get("server")))


def version_of(said: object) -> str:
    found = said.get("ServerVersion", said.get("version")) if isinstance(said, dict) else None
    return found if isinstance(found, str) else ""


def _is_buckets(name: object) -> bool:
    return isinstance(name, str) and name.startswith(names.BUCKETS)


def collections_in(folder: Readable, prefix: str, counts: Mapping[Any, int]) -> dict[str, StoredCollection]:
    """Every collection with files right below the prefix, by name; the buckets of a time series are its data."""
    data, about_files = _files_below(folder, prefix, names.DATA), _files_below(folder, prefix, names.METADATA)
    contents = {stem: content_of(folder, path) for stem, path in about_files.items()}
    described = {stem: metadata.read(content, folder.describe(about_files[stem])) for stem, content in contents.items()}
    found: dict[str, StoredCollection] = {}
    for stem in sorted({*data, *described}):
        about = described.get(stem, Metadata())
        name = _name(folder, prefix, stem, about)
        if name is None or (_is_buckets(name) and stem not in described):
            continue
        if name in found:
            raise DamageError(
                f"{folder.describe(f'{prefix}{stem}')}: collection {name!r} is there twice, under another file name"
            )
        buckets = names.BUCKETS + name
        source = names.stem(buckets) if about.is_timeseries else stem
        count = counts.get(buckets if about.is_timeseries else name, -1)
        told = bool(contents.get(stem, b"").strip())
        found[name] = StoredCollection(name=name, metadata=about, data=data.get(source, ""), documents=count, has_metadata=told)
    return found


def _files_below(folder: Readable, prefix: str, ending: str) -> dict[str, str]:
    """Stem → the file right below the prefix that ends so, packed or not. DamageError where it is there twice."""
    found: dict[str, str] = {}
    for path in folder.paths(prefix):
        plain = path.removeprefix(prefix).removesuffix(GZIP)
        if "/" in plain or not plain.endswith(ending):
            continue
        stem = plain.removesuffix(ending)
        if stem in found:
            raise DamageError(f"{folder.describe(path)}: there twice, with and without {GZIP}")
        found[stem] = path
    return found


def narrowed(dump: StoredDump, only: frozenset[str]) -> StoredDump:
    """These documents of it alone (`collection/_id`), and of its collections those that they are in."""
    wanted = {each.partition("/")[0] for each in only}
    taken = tuple(each for each in dump.collections if each.name in wanted)
    left = tuple(each.name for each in dump.collections if each.name not in wanted)
    return replace(dump, collections=taken, left_out=(*dump.left_out, *left), only=only)


def _name(folder: Readable, prefix: str, stem: str, about: Metadata) -> str | None:
    """The collection's name; None where it is the server's own."""
    where = folder.describe(f"{prefix}{stem}")
    if names.is_cut(stem) and not about.name:
        raise DamageError(f"{where}: its name is cut, and there is no metadata that tells the whole")
    try:
        name = about.name if names.is_cut(stem) else names.collection(stem)
        is_other = bool(about.name) and (about.name != name or names.stem(name) != stem)
    except UnicodeError as error:
        raise DamageError(f"{where}: its name is not UTF-8") from error
    if is_other:
        raise DamageError(f"{where}: its metadata is of a collection of another name: {about.name!r}")
    return name if names.is_collection(name) else None


def content_of(folder: Readable, path: str) -> bytes:
    where = folder.describe(path)
    try:
        with folder.reading(path) as file:
            source: Any = gzip.GzipFile(fileobj=file) if path.endswith(GZIP) else file
            content: bytes = source.read(metadata.MAX_FILE + 1)
    except _UNREADABLE as error:
        raise DamageError(f"{where}: damaged: {error}") from error
    if len(content) > metadata.MAX_FILE:
        raise DamageError(f"{where}: larger than {metadata.MAX_FILE >> 20} MiB")
    return content


def selected(
    folder: Readable,
    database: str,
    found: Mapping[str, StoredCollection],
    only: tuple[str, ...],
    usual: tuple[str, ...],
    *,
    facts: Mapping[str, Any] | None = None,
    server: str = "",
) -> StoredDump:
    """Collections before the views on them. `only`: those that were named, each of which must be there; else the usual ones."""
    if absent := [name for name in only if name not in found]:
        raise LrsError(f"{folder.describe()}: it holds no collection {', '.join(absent)}", hint=f"it holds: {', '.join(found)}")
    wanted = only or usual
    taken = [each for name, each in found.items() if name in wanted]
    return StoredDump(
        folder=folder,
        database=database,
        collections=tuple(sorted(taken, key=lambda each: each.metadata.is_view)),
        left_out=tuple(name for name in found if name not in wanted),
        server=server,
        facts=facts or {},
    )
