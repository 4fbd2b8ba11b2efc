"""What a collection is made with: which options of a metadata file go to the server, and what it made of them. Pure.

Only options that are documented for `create` are sent: a metadata file must not steer the request elsewhere.
Source: MongoDB manual, `create` and `listCollections`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import bson

from kubectl_lrs.stores.mongo.metadata import Metadata

_OF_COLLECTIONS = frozenset(
    (
        "capped",
        "size",
        "max",
        "storageEngine",
        "validator",
        "validationLevel",
        "validationAction",
        "indexOptionDefaults",
        "collation",
        "timeseries",
        "expireAfterSeconds",
        "clusteredIndex",
        "changeStreamPreAndPostImages",
        "recordPreImages",
        "encryptedFields",
    )
)
_OF_VIEWS = frozenset(("viewOn", "pipeline", "collation"))
_WITHOUT_EFFECT = frozenset(("autoIndexId", "flags", "temp"))
"""What old servers kept and today's refuse or ignore; it says nothing of the documents."""

_WRITES = frozenset(("$out", "$merge"))


def sent_options(about: Metadata) -> dict[str, Any]:
    """The options that go to the server."""
    return {key: value for key, value in about.options.items() if key not in _WITHOUT_EFFECT}


def left_out(about: Metadata) -> list[str]:
    """The options that no server needs any more."""
    return sorted(_WITHOUT_EFFECT & set(about.options))


def flaw(about: Metadata) -> str:
    """Why the collection cannot be made as the metadata says; empty where nothing stands against it."""
    allowed = _OF_VIEWS if about.is_view else _OF_COLLECTIONS
    if unknown := sorted(set(sent_options(about)) - allowed):
        what = "view" if about.is_view else "collection"
        return f"its metadata holds options that no {what} has: {', '.join(map(repr, unknown[:5]))}"
    if about.is_view:
        return _flaw_of_view(about.options)
    if about.is_timeseries != (about.kind == "timeseries") and about.kind:
        return f"its metadata says that it is a {about.kind}, and its options say otherwise"
    return ""


def _flaw_of_view(options: Mapping[str, Any]) -> str:
    source, pipeline = options.get("viewOn"), options.get("pipeline", [])
    if not isinstance(source, str) or not source or "\0" in source:
        return "its metadata says that it is a view, and not of which collection"
    if not isinstance(pipeline, list) or not all(isinstance(stage, dict) for stage in pipeline):
        return "the pipeline of the view is none"
    if writing := sorted({key for stage in pipeline for key in stage} & _WRITES):
        return f"the pipeline of the view writes: {', '.join(writing)}"
    return ""


def altered(sent: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The fields that the server did not keep as they were sent; what it added by itself is none."""
    return sorted(_altered(sent, found, ""))


def _altered(sent: Mapping[str, Any], found: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in sent.items():
        there = found.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            yield from _altered(value, there, f"{path}{key}.")
        elif not _is_same(value, there) and not (key not in found and _is_nothing(value)):
            yield f"{path}{key}"


def _is_same(one: Any, other: Any) -> bool:
    """Numbers of one value are the same whatever their type; in lists, the order of fields counts too."""
    if isinstance(one, list):
        return isinstance(other, list) and bson.encode({"": one}) == bson.encode({"": other})
    return bool(one == other)


def _is_nothing(value: Any) -> bool:
    """What a server may leave out of what it keeps, for it is what holds without."""
    return value is None or value is False or value == 0 or value in ({}, [])
