"""Instants as people name them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.when import instant_of, start_of

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 26, 10, 30, tzinfo=ZONE)
"""A Thursday."""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-24", "2026-11-24T21:59:59.999999+00:00"),
        ("2026-11-24 08:00", "2026-11-24T06:00:00+00:00"),
        ("2026-11-24T08:00:01", "2026-11-24T06:00:01+00:00"),
        ("2026-11-24 08:00Z", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24 08:00:00 UTC", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24T08:00+01:00", "2026-11-24T07:00:00+00:00"),
        ("tuesday", "2026-11-24T21:59:59.999999+00:00"),
        ("Tue", "2026-11-24T21:59:59.999999+00:00"),
        ("thursday", "2026-11-26T21:59:59.999999+00:00"),
        ("friday", "2026-11-20T21:59:59.999999+00:00"),
        ("today", "2026-11-26T21:59:59.999999+00:00"),
        ("yesterday", "2026-11-25T21:59:59.999999+00:00"),
        ("2d", "2026-11-24T08:30:00+00:00"),
        ("1h30m", "2026-11-26T07:00:00+00:00"),
    ],
)
def test_what_is_meant(text: str, wanted: str) -> None:
    assert instant_of(text, what="--at", now=NOW).isoformat() == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-24", "2026-11-23T22:00:00+00:00"),
        ("yesterday", "2026-11-24T22:00:00+00:00"),
        ("2026-11-24 08:00", "2026-11-24T06:00:00+00:00"),
        ("2d", "2026-11-24T08:30:00+00:00"),
    ],
)
def test_where_it_begins(text: str, wanted: str) -> None:
    assert start_of(text, what="--since", now=NOW).isoformat() == wanted


@pytest.mark.parametrize("text", ["", "t", "tu", "soon", "2026-13-01", "2026", "24.11.2026", "-2d", "latest", "25:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="--at"):
        instant_of(text, what="--at", now=NOW)
