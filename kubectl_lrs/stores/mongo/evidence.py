"""What a collection is at a moment, and whether it still is that: looked at right before and after what cannot be undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kubectl_lrs.stores.mongo import expiry, indexes
from kubectl_lrs.stores.mongo.names import BUCKETS
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Writes

TIME_LIMIT = "an index, or the collection,"
"""What lets a server remove documents by itself."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is there under a name. `documents`: 0 for a view; `writes`: None where the server does not count them."""

    info: CollectionInfo
    documents: int = 0
    writes: Writes | None = None


def standing(mongo: Mongo, database: str, name: str, info: CollectionInfo | None = None) -> Standing | None:
    """What is there now, None where nothing is."""
    there = info or mongo.collection(database, name)
    if there is None:
        return None
    if there.kind == "view":
        return Standing(info=there)
    writes = mongo.writes(database, name)
    if there.kind != "timeseries":
        return Standing(info=there, documents=mongo.count(database, name), writes=writes)
    buckets = mongo.collection(database, BUCKETS + name)  # it is these that have a UUID
    if buckets:
        there = replace(there, uuid=buckets.uuid)
    return Standing(info=there, documents=mongo.exact_count(database, name), writes=writes)


def identity_changed(before: Standing, now: Standing | None) -> str:
    """Whether it is another collection by now, in words; empty where it is the same."""
    if now is None:
        return "it is gone since it was looked at"
    one, other = before.info, now.info
    if (one.uuid, one.kind, one.options) != (other.uuid, other.kind, other.options):
        return "another has come in its place since it was looked at, or its options were changed"
    return ""


def content_changed(before: Standing, now: Standing) -> str:
    """Whether clients have written to it meanwhile, in words. Fewer documents without a write are the server's own doing."""
    count = f"it holds {now.documents} documents, and held {before.documents} when it was looked at"
    writes = before.writes.until(now.writes) if before.writes and now.writes else None
    if writes:
        return f"{writes} writes of other clients have come since it was looked at; {count}"
    if now.documents > before.documents or (writes is None and now.documents != before.documents):
        return count
    return ""


def counted(mongo: Mongo, database: str, name: str, expected: int) -> int:
    """How many documents there are; where the server's books say another number than expected, each one is looked at."""
    books = mongo.count(database, name)
    return books if books == expected else mongo.exact_count(database, name)


def doomed(mongo: Mongo, database: str, name: str) -> dict[str, Any] | None:
    """The query for documents that the server removes by itself, by the indexes and options that are there now; None for none.

    What a merge finds counts as what a restore has made. Of a time series it is about the buckets.
    """
    there = mongo.collection(database, name)
    if there is None or there.kind == "view":
        return None
    found = [] if there.kind == "timeseries" else [*indexes.listed(mongo, database, name).values()]
    return expiry.query(found, there.decoded(), mongo.server().clock)
