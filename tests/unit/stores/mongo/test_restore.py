"""What tells that a document was made since a backup: the time in its id, where the dump says when it was taken."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from bson import ObjectId

from kubectl_lrs.stores.mongo.restore import _first_id_after


def test_documents_of_the_same_second_do_not_count() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    first = _first_id_after("2026-01-02T03:04:05Z")
    assert first
    assert ObjectId(f"{int(at.timestamp()):08x}ffffffffffffffff") < first
    assert ObjectId(f"{int(at.timestamp()) + 1:08x}0000000000000000") >= first


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-99-99T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_what_is_no_instant_tells_nothing(instant: str) -> None:
    assert _first_id_after(instant) is None
