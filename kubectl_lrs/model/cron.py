"""When a CronJob begins: the five fields of its schedule, as Kubernetes reads them (robfig/cron, standard parser). Pure.

An instant is found in the time zone's own clock, so that 02:30 is that on the wall; one that a change of the clock skips is
none, and one that it repeats is two. What this does not take is refused before a server has to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import product
from zoneinfo import ZoneInfo

from kubectl_lrs.model.errors import UsageError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
"""Name, first, last, and the words for them."""

_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGE = re.compile(r"(?P<first>\*|\?|[a-z]+|\d+)(?:-(?P<last>[a-z]+|\d+))?(?:/(?P<step>\d+))?", re.IGNORECASE)
YEARS = 5
"""So far is looked ahead: one that is not due by then (30 February) never is."""


@dataclass(frozen=True)
class Cron:
    """A schedule. `any_day`: whether the days of the month, or those of the week, are said to be any: the others alone count."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool

    def fires_on(self, day: date) -> bool:
        """Whether it begins on this day at all. Where both kinds of days are restricted, either is enough."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (in_month and in_week) if self.any_day else (in_month or in_week)

    def after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """The first beginning later than this instant, in UTC; None where there is none in YEARS."""
        return next(self.all_after(instant, zone), None)

    def all_after(self, instant: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Every one later than this instant, the next first."""
        first = instant.astimezone(zone).date()
        for day in (first + timedelta(days=each) for each in range(YEARS * 366)):
            if self.fires_on(day):
                yield from (each for each in self._on(day, zone) if each > instant)

    def _on(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        found = set()
        for hour, minute, fold in product(self.hours, self.minutes, (0, 1)):
            wall = datetime.combine(day, time(hour, minute, fold=fold), zone)
            instant = wall.astimezone(timezone.utc)
            if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                found.add(instant)
        yield from sorted(found)


def parse(text: str, *, what: str) -> Cron:
    """The schedule that is written so. UsageError."""
    words = _SHORT.get(text.strip().lower(), text).split()
    if len(words) != len(_FIELDS):
        hint = "write five fields, such as '17 1 * * *' for 01:17 each night; the time zone has a flag of its own"
        raise UsageError(f"{what}: {text!r} is no schedule of a CronJob", hint=hint)
    found = [_field(word, *field, what=what) for word, field in zip(words, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = found
    return Cron(minutes, hours, days, months, weekdays, any_day=any(map(_says_any, (words[2], words[4]))))


def _says_any(field: str) -> bool:
    """Whether a field says any day; with a step (`*/2`) it says some."""
    return any(re.fullmatch(r"[*?](/1)?", part) for part in field.split(","))


def _field(text: str, name: str, first: int, last: int, words: tuple[str, ...], *, what: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise UsageError(f"{what}: {part!r} is no {name}")
        is_any = match["first"] in "*?"
        start = first if is_any else _number(match["first"], first, words, name, what)
        end = last if is_any or (match["step"] and not match["last"]) else start
        end = _number(match["last"], first, words, name, what) if match["last"] else end
        step = int(match["step"] or 1)
        if (is_any and match["last"]) or not (first <= start <= end <= last) or step < 1:
            raise UsageError(f"{what}: {part!r} is no {name}: it is {first} to {last}")
        found.update(range(start, end + 1, step))
    return frozenset(found)


def _number(text: str, first: int, words: tuple[str, ...], name: str, what: str) -> int:
    if text.isdecimal():
        return int(text)
    if text.lower() not in words:
        raise UsageError(f"{what}: {text!r} is no {name}")
    return words.index(text.lower()) + first


def zone_of(name: str, *, what: str) -> ZoneInfo:
    """The time zone of this name. UsageError where this machine has none such."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError, and comes below
        raise UsageError(f"{what}: no time zone {name!r}") from error
    except KeyError as error:
        hint = "it is one of the IANA database, such as Europe/Berlin or Etc/UTC"
        raise UsageError(f"{what}: this machine knows no time zone {name!r}", hint=hint) from error
