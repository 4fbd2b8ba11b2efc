"""Live documents are those of plain collections that are wanted and there, at one instant where that can be had."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bson
import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.mongo.inspect import LiveDocuments
from kubectl_lrs.stores.mongo.server.info import CollectionInfo

AT = bson.Timestamp(7, 1)


def info(name: str, kind: str = "collection", **options: Any) -> CollectionInfo:
    return CollectionInfo(name=name, kind=kind, options=bson.encode(options), uuid="")


def mongo(*present: CollectionInfo, has_snapshots: bool = True, read: list[Any] | None = None) -> Any:
    def batches(_database: str, name: str, *, at: Any) -> list[list[bytes]]:
        (read if read is not None else []).append((name, at))
        return [[bson.encode({"_id": name})]]

    return SimpleNamespace(
        access=SimpleNamespace(database=""),
        server=lambda: SimpleNamespace(has_snapshots=has_snapshots),
        collections=lambda _database: {each.name: each for each in present},
        instant=lambda *_: AT,
        batches=batches,
    )


def test_what_is_read_and_when() -> None:
    read: list[Any] = []
    there = [info("a"), info("capped", capped=True), info("v", "view"), info("other")]
    live = LiveDocuments(mongo(*there, read=read), database="d", wanted=["a", "v", "capped", "gone"])
    assert live.collections == ["a", "capped"]
    assert [(each.store, each.id) for each in live.documents()] == [("a", "a"), ("capped", "capped")]
    assert read == [("a", AT), ("capped", None)]


def test_without_snapshots() -> None:
    read: list[Any] = []
    list(LiveDocuments(mongo(info("a"), has_snapshots=False, read=read), database="d", wanted=["a"]).documents())
    assert read == [("a", None)]


def test_no_database() -> None:
    with pytest.raises(UsageError, match="does not exist"):
        LiveDocuments(mongo(), database="d", wanted=["a"])
