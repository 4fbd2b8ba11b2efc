"""What is to happen to a collection, by what there is under its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bson
import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.mongo.evidence import Standing
from kubectl_lrs.stores.mongo.metadata import Metadata
from kubectl_lrs.stores.mongo.plan import decide
from kubectl_lrs.stores.mongo.saved import Measured, StoredCollection
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Size

SHARDED = Size(documents=1, bytes=1, max_bytes=0, max_documents=0, is_sharded=True)


def info(kind: str = "collection", *, uuid: str = "a" * 32, **options: Any) -> CollectionInfo:
    return CollectionInfo(name="c", kind=kind, options=bson.encode(options), uuid=uuid)


def stored(*, data: str = "c.bson", has_metadata: bool = True, **options: Any) -> StoredCollection:
    return StoredCollection(name="c", metadata=Metadata(options=options), data=data, has_metadata=has_metadata)


VIEW = {"viewOn": "x", "pipeline": [{"$match": {"a": 1}}]}


@pytest.mark.parametrize(
    ("saved", "there", "existing", "size", "action"),
    [
        (stored(), None, Existing.DROP, None, Action.CREATE),
        (stored(create="victim"), None, Existing.MERGE, None, Action.CONFLICT),
        (stored(**VIEW), None, Existing.MERGE, None, Action.CONFLICT),  # with documents
        (stored(data="", **VIEW), None, Existing.MERGE, None, Action.CREATE),
        (stored(), info(), Existing.MERGE, None, Action.MERGE),
        (stored(), info(), Existing.DROP, None, Action.REPLACE),
        (stored(), info("view", **VIEW), Existing.DROP, None, Action.CONFLICT),
        (stored(data="", **VIEW), info("view", **VIEW), Existing.DROP, None, Action.UNCHANGED),
        (stored(data="", **VIEW), info("view", **VIEW, collation={"locale": "simple"}), Existing.DROP, None, Action.UNCHANGED),
        (stored(data="", **VIEW, collation={"locale": "de"}), info("view", **VIEW), Existing.DROP, None, Action.REPLACE),
        (stored(data="", **VIEW), info("view", **VIEW, collation={"locale": "de"}), Existing.MERGE, None, Action.CONFLICT),
        (stored(data="", **VIEW), info("view", **VIEW, collation={"locale": "de"}), Existing.DROP, None, Action.REPLACE),
        (stored(data="", **VIEW), info("view", viewOn="y", pipeline=[]), Existing.DROP, None, Action.REPLACE),
        (stored(data="", **VIEW), info("view", viewOn="y", pipeline=[]), Existing.MERGE, None, Action.CONFLICT),
        (stored(data=""), info(), Existing.DROP, None, Action.CONFLICT),
        (stored(has_metadata=False), info(), Existing.DROP, None, Action.CONFLICT),
        (stored(has_metadata=False), info(), Existing.MERGE, None, Action.MERGE),
        (stored(), info(), Existing.DROP, SHARDED, Action.CONFLICT),
        (stored(), info(), Existing.DROP, replace(SHARDED, is_sharded=False), Action.REPLACE),
    ],
)
def test_decisions(
    saved: StoredCollection, there: CollectionInfo | None, existing: Existing, size: Size | None, action: Action
) -> None:
    standing = Standing(info=there, documents=3) if there else None
    assert decide(saved, standing, database="d", measured=Measured(), existing=existing, size=size).action is action
