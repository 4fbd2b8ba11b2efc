"""The history as it is shown: one row an act; what is not known is said, and what is no instant is shown as it stands."""

from __future__ import annotations

import pytest

from kubectl_lrs.render.history import UNKNOWN, history_view
from kubectl_lrs.runtime.history import Act


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def _act(**other: object) -> Act:
    fields = {
        "id": "1",
        "began": "2026-01-02T03:04:05Z",
        "user": "ann@host",
        "verb": "restore",
        "cluster": "u",
        "target": "https://c",
        "what": "latest",
    }
    return Act(**{**fields, **other})  # type: ignore[arg-type]


def test_one_row_each() -> None:
    view = history_view([_act(), _act(id="2", ended="2026-01-02T03:05:05Z", status=3, result="1 failed")])
    assert [row[1:] for row in view.rows] == [
        ("ann@host", "restore", f"latest: {UNKNOWN}"),
        ("ann@host", "restore", "latest: 1 failed"),
    ]
    assert history_view([_act(ended="x", result="latest: 1 created")]).rows[0][-1] == "latest: 1 created"
    assert {len(row) for row in view.wide_rows} == {len(view.wide_columns)}
    assert view.data["acts"][0]["ended"] is None
    assert view.data["acts"][1]["exitStatus"] == 3
    assert view.names == ["1", "2"]


def test_none() -> None:
    assert history_view([]).data == {"acts": []}


def test_what_is_no_instant() -> None:
    assert history_view([_act(began="yesterday")]).rows[0][0] == "yesterday"
