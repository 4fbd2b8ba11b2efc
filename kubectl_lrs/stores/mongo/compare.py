"""The documents of two backups, to be held against each other: by `_id`, and the bytes of each. Only files are read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

from kubectl_lrs.formats.bson_batches import NotBsonError, id_of, split, with_id
from kubectl_lrs.formats.bson_documents import id_text, shown_id
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.base import Item
from kubectl_lrs.stores.mongo.metadata import Metadata
from kubectl_lrs.stores.mongo.saved import TIER, StoredCollection, StoredDump, narrowed, saved

BATCH = 1 << 20
DIGEST = 16
LONGEST = 64
"""Bytes of an `_id` that is kept as it is; of a longer one its digest stands in."""


def groups(folder: Backup) -> dict[str, int]:
    """The collections, and how many documents each has by the catalog."""
    return {f"collection {each.name}": max(0, each.documents) for each in _dump(folder).collections}


def items(folder: Backup, groups: frozenset[str], only: Collection[str] | None = None) -> Iterator[Item]:
    """The options and indexes of each collection, and each document; with `only` these documents alone."""
    dump = _dump(folder) if only is None else narrowed(_dump(folder), frozenset(only))
    for collection in dump.collections:
        if f"collection {collection.name}" in groups:
            name = collection.name.encode()
            about = collection.metadata
            if only is None:
                yield Item(name + b"\0", digest_of(_definition(about)))
            yield from (Item(name + b"\0" + key, digest) for key, digest in _documents(dump, collection))


def _definition(about: Metadata) -> bytes:
    """Options and indexes, as they are compared: those of one name, in whatever order the server lists them.

    Within each of them the order counts: an index of `a` and `b` is none of `b` and `a`.
    """
    indexes = sorted(([str(each.get("name")), sorted(_plain(each), key=str)] for each in about.indexes), key=str)
    return json.dumps([sorted(_plain(about.options), key=str), indexes], default=str).encode()


def _plain(value: Any) -> Any:
    """With the order of fields, and numbers that are the same whatever their type is."""
    if isinstance(value, Mapping):
        return [[key, _plain(each)] for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def live(collection: str, documents: Iterable[bytes], only: Collection[str]) -> Iterator[Item]:
    """Those of these documents that are meant, as a server has them."""
    for document in documents:
        if f"{collection}/{id_text(document)}" in only:
            yield Item(collection.encode() + b"\0" + key_of(document, collection), digest_of(document))


def shown(key: bytes) -> str:
    """`collection/_id`."""
    name, _, identifier = key.partition(b"\0")
    if not identifier:
        return f"{name.decode()} (options and indexes)"
    shown = shown_id(with_id(identifier)) if len(identifier) <= LONGEST else f"an _id of digest {identifier[-DIGEST:].hex()}"
    return f"{name.decode()}/{shown}"


def _documents(dump: StoredDump, collection: StoredCollection) -> Iterator[tuple[bytes, bytes]]:
    if not collection.data:
        return
    for batch in dump.batches(collection, BATCH):
        for document in split(batch):
            yield key_of(document, dump.folder.describe(collection.data)), digest_of(document)


def key_of(document: bytes, where: str) -> bytes:
    """Its `_id`; of a document without one, as a time series has them, all of it."""
    try:
        identifier = id_of(document)
    except NotBsonError as error:
        raise DamageError(f"{where}: {error}") from error
    if identifier is None:
        return b"\0" * LONGEST + digest_of(document)
    return identifier if len(identifier) <= LONGEST else identifier[:LONGEST] + digest_of(identifier)


def digest_of(data: bytes) -> bytes:
    """Of a document's bytes."""
    return blake2b(data, digest_size=DIGEST).digest()


def _dump(folder: Backup) -> StoredDump:
    return saved(folder, folder.catalog.tiers[TIER])
