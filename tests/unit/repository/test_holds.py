"""Holds as they are written and read, of whatever form the repository is."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.repository.holds import NO_HOLDS, Hold, Holds, document, key_of, parsed

NOW = datetime(2026, 11, 23, 8, 16, 10, tzinfo=timezone.utc)


def _catalog(sum_: str) -> Catalog:
    return Catalog(
        name="saved",
        instant=NOW,
        finished=NOW,
        tool="test",
        cluster=Cluster(server="https://127.0.0.1"),
        selection={},
        profile="lrs",
        tiers={},
        sha256=sum_,
    )


def test_written_and_read_back() -> None:
    held = _catalog("a" * 64)
    assert parsed(document(held, "before the upgrade", "2026-11-23T08:16:10Z")) == Hold(
        "before the upgrade", "2026-11-23T08:16:10Z"
    )


def test_it_is_about_one_catalog_and_not_about_a_name() -> None:
    held, other = _catalog("a" * 64), _catalog("b" * 64)
    holds = Holds({key_of(held.sha256): Hold("why")})
    assert holds.of(held) == Hold("why")
    assert holds.of(other) is None
    assert NO_HOLDS.of(held) is None


@pytest.mark.parametrize("change", [{"kind": "lrs-journal"}, {"reason": 3}, {"since": None}])
def test_what_is_no_hold(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a hold"):
        parsed({**document(_catalog("a" * 64), "why", ""), **change})
