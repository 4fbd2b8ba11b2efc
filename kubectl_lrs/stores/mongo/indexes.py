"""Indexes: which of a backup's a server takes, tried before anything is written, and built after the documents.

One that is refused does not stop the others; what a server made of each is held against what it was sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson

from kubectl_lrs.model.errors import DeniedError
from kubectl_lrs.runtime.retry import Policy, insist
from kubectl_lrs.stores.mongo.definition import altered
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import BAD_INDEX, CANNOT_TRY, CANNOT_WAIT, OTHER_INDEX, MongoError
from kubectl_lrs.stores.mongo.server.info import PLAIN
from kubectl_lrs.stores.mongo.server.persist import Persist

Index = Mapping[str, Any]

_NOT_SENT = frozenset(("v", "ns"))
_WITHOUT_EFFECT = frozenset(("background", "dropDups", "safe"))
"""Of old servers; no server from 4.2 on does anything else for them."""

_DECIDING = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation")
"""What is so only where an index says it."""

_LARGEST_AGE = (1 << 31) - 1
_TRIALS = Policy(attempts=4, first=0.0)


def restorable(indexes: Sequence[Index]) -> list[dict[str, Any]]:
    """What is sent of them: without those that come with the collection, and without what is the server's to say."""
    return [_sent(each) for each in indexes if not _is_own(each)]


def _is_own(index: Index) -> bool:
    return dict(index["key"]) == {"_id": 1} or bool(index.get("clustered"))


def _sent(index: Index) -> dict[str, Any]:
    return {key: value for key, value in index.items() if key not in _NOT_SENT}


def name_of(index: Index) -> str:
    """Its name, or its keys where it has none."""
    name = index.get("name")
    return name if isinstance(name, str) and name else "_".join(f"{key}_{value}" for key, value in index["key"].items())


def flaw(index: Index) -> str:
    """Why it must not be sent at all; empty where the server is to decide."""
    if not isinstance(index.get("name"), str) or not index["name"]:
        return "it has no name"
    if not index["key"]:
        return "it has no fields"
    age = index.get("expireAfterSeconds", 0)
    is_number = isinstance(age, (int, float)) and not isinstance(age, bool)
    if not is_number or not math.isfinite(age) or not 0 <= age <= _LARGEST_AGE:
        return f"it would remove documents after {age!r} seconds, which servers take for different things"
    return ""


def listed(mongo: Mongo, database: str, name: str) -> dict[str, dict[str, Any]]:
    """Those of a collection, by name."""
    return {str(each["name"]): each for each in (bson.decode(raw, PLAIN) for raw in mongo.indexes(database, name))}


def is_expiring(index: Index) -> bool:
    """Whether the server removes documents by it."""
    return "expireAfterSeconds" in index


def expired(indexes: Sequence[Index], now: float) -> dict[str, Any] | None:
    """The query for documents that one of the indexes lets the server remove at once; None where none does."""
    queries = [_expired(each, now) for each in indexes if is_expiring(each) and not flaw(each)]
    return {"$or": queries} if queries else None


def _expired(index: Index, now: float) -> dict[str, Any]:
    field_name = next(iter(index["key"]))
    end = bson.DatetimeMS(int((now - float(index["expireAfterSeconds"])) * 1000))
    query: dict[str, Any] = {field_name: {"$lt": end}}
    partial = index.get("partialFilterExpression")
    return {"$and": [query, partial]} if partial else query


# ---- the trial


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the server says of a collection that is to be made. `refused`: why, by index. `unknown`: why it did not say."""

    problem: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""


def trial(mongo: Mongo, database: str, name: str, options: Mapping[str, Any], indexes: Sequence[Index], *, is_new: bool) -> Trial:
    """Ask the server, which makes nothing. `name`: one that is free; `is_new`: whether the collection itself is to be made."""
    bad = {name_of(each): why for each in indexes if (why := flaw(each))}
    left = [each for each in indexes if not flaw(each)]
    try:
        if problem := _tried(mongo, database, name, options, []) if is_new else "":
            return Trial(problem=problem)
        if left and _tried(mongo, database, name, options, left):
            bad |= {name_of(each): why for each in left if (why := _tried(mongo, database, name, options, [each]))}
    except _UnknownError as error:
        return Trial(refused=bad, unknown=str(error))
    return Trial(refused=bad)


class _UnknownError(Exception):
    """The server does not say."""


def _tried(mongo: Mongo, database: str, name: str, options: Mapping[str, Any], indexes: Sequence[Index]) -> str:
    """Why the server refuses it, empty where it does not."""
    try:
        insist(lambda _attempt: mongo.try_creating(database, name, options, indexes), policy=_TRIALS, may_pass=_is_busy)
    except DeniedError as error:
        raise _UnknownError(str(error)) from error
    except MongoError as error:
        if error.code in CANNOT_TRY:
            raise _UnknownError("this server makes no such thing on trial") from error
        if _is_busy(error):
            raise _UnknownError("the server was too busy to try it") from error
        return error.said
    return ""


def _is_busy(error: Exception) -> bool:
    return isinstance(error, MongoError) and error.code in CANNOT_WAIT


# ---- building


@dataclass(kw_only=True)
class Built:
    """What became of indexes, by name. `made`: those that came. `refused`: why, and whether by their specification.

    `others`: another index has the name, or the keys. `altered`: fields that the server did not take as they were sent.
    """

    made: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    by_specification: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    altered: dict[str, list[str]] = field(default_factory=dict)


def build(mongo: Mongo, persist: Persist, database: str, name: str, indexes: Sequence[Index]) -> Built:
    """Build those that are not there: all in one pass, or each by itself where the server refuses one of them."""
    built = Built()
    there = persist(lambda _attempt: listed(mongo, database, name))
    missing = [each for each in indexes if name_of(each) not in there]
    for each in missing:
        if why := flaw(each):
            _refuse(built, each, why, by_specification=True)
    wanted = [each for each in missing if not flaw(each)]
    if wanted and not _built(mongo, persist, database, name, wanted):
        for each in wanted:
            _build_one(mongo, persist, database, name, each, built)
    built.made = [name_of(each) for each in wanted if name_of(each) not in {*built.refused, *built.others}]
    if indexes:
        _compare(indexes, persist(lambda _attempt: listed(mongo, database, name)), built)
    built.others += [name_of(each) for each in indexes if _has_more(each, there) and name_of(each) not in built.others]
    return built


def _has_more(index: Index, there: Mapping[str, Index]) -> bool:
    """Whether one that was there before does what this one does not: it refuses documents, removes them, or knows but some."""
    found = there.get(name_of(index), {})
    return any(each not in index and found.get(each, False) is not False for each in _DECIDING)


def _built(mongo: Mongo, persist: Persist, database: str, name: str, indexes: Sequence[Index]) -> bool:
    try:
        persist(lambda _attempt: mongo.create_indexes(database, name, indexes))
    except MongoError:
        return False
    return True


def _build_one(mongo: Mongo, persist: Persist, database: str, name: str, index: Index, built: Built) -> None:
    try:
        persist(lambda _attempt: mongo.create_indexes(database, name, [index]))
    except MongoError as error:
        if error.code in OTHER_INDEX:
            built.others.append(name_of(index))
        else:
            _refuse(built, index, error.said, by_specification=error.code in BAD_INDEX)


def _refuse(built: Built, index: Index, why: str, *, by_specification: bool) -> None:
    built.refused[name_of(index)] = why
    if by_specification:
        built.by_specification.add(name_of(index))


def _compare(indexes: Sequence[Index], there: Mapping[str, Index], built: Built) -> None:
    for each in indexes:
        name = name_of(each)
        if name in built.refused or name in built.others:
            continue
        found = there.get(name)
        if found is None:
            built.refused[name] = "it is not there after it was built"
        elif list(each["key"].items()) != list(found["key"].items()):
            built.others.append(name)
        elif fields := [key for key in altered(_kept(each), found) if key != "key"]:
            built.altered[name] = fields


def _kept(index: Index) -> dict[str, Any]:
    return {key: value for key, value in index.items() if key not in _WITHOUT_EFFECT}


def lost(there: Mapping[str, Index], refused: Mapping[str, str], stored: Sequence[Index]) -> Iterator[str]:
    """Names of indexes that the old collection has, and the new one would lack because they were refused."""
    keys = {name_of(each): list(each["key"].items()) for each in stored}
    for name in refused:
        if any(list(each["key"].items()) == keys.get(name) for each in there.values()):
            yield name
