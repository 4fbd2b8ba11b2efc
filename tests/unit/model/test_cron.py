"""When a CronJob begins, as Kubernetes' own parser reads it."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from kubectl_lrs.model import cron
from kubectl_lrs.model.errors import UsageError

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "wanted"),
    [
        ("17 1 * * *", "2026-11-27 01:16:59", "2026-11-27 01:17"),
        ("17 1 * * *", "2026-11-27 01:17:00", "2026-11-28 01:17"),
        ("* * * * *", "2026-11-27 01:17:30", "2026-11-27 01:18"),
        ("*/15 9-17 * * 1-5", "2026-11-27 17:45:00", "2026-11-30 09:00"),
        ("0 0 1,15 * *", "2026-11-27 00:00:00", "2026-12-01 00:00"),
        ("0 0 29 2 *", "2026-11-27 00:00:00", "2028-02-29 00:00"),
        ("0 0 13 * FRI", "2026-11-27 00:00:00", "2026-12-04 00:00"),  # both restricted: either is enough
        ("0 0 */2 * FRI", "2026-11-27 00:00:00", "2026-11-29 00:00"),  # a step is a restriction
        ("0 0 * * sun", "2026-11-27 00:00:00", "2026-11-29 00:00"),
        ("0 0 ? JAN-mar ?", "2026-11-27 00:00:00", "2027-01-01 00:00"),
        ("30/10 0 * * *", "2026-11-27 00:35:00", "2026-11-27 00:40"),
        ("@daily", "2026-11-27 00:35:00", "2026-11-28 00:00"),
        ("@weekly", "2026-11-27 00:35:00", "2026-11-29 00:00"),
    ],
)
def test_the_next_one(text: str, now: str, wanted: str) -> None:
    assert cron.parse(text, what="--cron").after(at(now), UTC) == at(wanted)


def test_what_never_comes() -> None:
    assert cron.parse("0 0 30 2 *", what="--cron").after(at("2026-11-27"), UTC) is None


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-03-28 12:00", "2026-03-30 00:30"),  # 02:30 is skipped on the 29th
        ("2026-10-24 12:00", "2026-10-25 00:30"),  # the first 02:30 of two
        ("2026-10-25 00:30", "2026-10-25 01:30"),  # and the second
        ("2026-10-25 01:30", "2026-10-26 01:30"),
        ("2026-07-01 12:00", "2026-07-02 00:30"),
        ("2026-12-01 12:00", "2026-12-02 01:30"),
    ],
)
def test_the_clock_on_the_wall(now: str, wanted: str) -> None:
    assert cron.parse("30 2 * * *", what="--cron").after(at(now), BERLIN) == at(wanted)


def test_an_hour_that_comes_twice_is_in_its_order() -> None:
    every = cron.parse("*/30 2,3 * * *", what="--cron").all_after(at("2026-10-24 12:00"), BERLIN)
    assert [f"{next(every):%H:%M}" for _ in range(6)] == ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"]


@pytest.mark.parametrize(
    "text",
    ["", "17 1 * *", "17 1 * * * *", "60 0 * * *", "0 24 * * *", "0 0 0 * *", "0 0 * 13 *", "0 0 * * 7", "0 0 * * 5-1",
     "*-3 0 * * *", "0 0 * * monday", "*/0 * * * *", "@reboot", "@every 1h", "TZ=UTC 0 0 * * *", "1,,2 0 * * *",
     "-1 0 * * *", "a * * * *", "² 0 * * *"],
)  # fmt: skip
def test_what_kubernetes_refuses_is_refused_here(text: str) -> None:
    with pytest.raises(UsageError):
        cron.parse(text, what="--cron")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe\0"])
def test_no_time_zone(name: str) -> None:
    with pytest.raises(UsageError):
        cron.zone_of(name, what="--time-zone")
