"""What is decided about a dump as a whole: which documents were made since, and about which steps the server is asked."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import cast

import pytest
from bson import ObjectId

from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.restore import _first_id_after, is_tried


def test_documents_of_the_same_second_do_not_count() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    first = _first_id_after("2026-01-02T03:04:05Z")
    assert first
    assert ObjectId(f"{int(at.timestamp()):08x}ffffffffffffffff") < first
    assert ObjectId(f"{int(at.timestamp()) + 1:08x}0000000000000000") >= first


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-99-99T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_what_is_no_instant_tells_nothing(instant: str) -> None:
    assert _first_id_after(instant) is None


@pytest.mark.parametrize(
    ("action", "of_a_view", "of_a_series", "is_of_some", "asked"),
    [
        (Action.CREATE, False, False, False, True),
        (Action.CREATE, False, False, True, True),
        (Action.REPLACE, False, False, False, True),
        (Action.MERGE, False, False, False, True),
        (Action.MERGE, False, False, True, False),
        (Action.CREATE, True, False, False, False),
        (Action.CREATE, False, True, False, False),
        (Action.UNCHANGED, False, False, False, False),
        (Action.CONFLICT, False, False, False, False),
    ],
)
def test_about_which_steps_the_server_is_asked(
    action: Action, of_a_view: bool, of_a_series: bool, is_of_some: bool, asked: bool
) -> None:
    metadata = SimpleNamespace(is_view=of_a_view, is_timeseries=of_a_series)
    step = cast("MongoStep", SimpleNamespace(action=action, stored=SimpleNamespace(metadata=metadata)))
    assert is_tried(step, is_of_some=is_of_some) is asked
