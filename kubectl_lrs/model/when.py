"""An instant as a person names it on a command line: a date, a day of the week, so long ago. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import duration

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGO = re.compile(r"(?:\d+(?:\.\d+)?(?:s|m|h|d))+")


def instant_of(text: str, *, what: str, now: datetime) -> datetime:
    """The end of what is named: of a day its last moment, of a minute that minute; `now` with the zone of who names it.

    A time without a zone is of that zone. A day of the week is the last one, today's among them. UsageError.
    """
    word = text.strip().lower()
    if _AGO.fullmatch(word):
        return (now - duration(word, what=what)).astimezone(timezone.utc)
    day = _day(word, now)
    if day is not None:
        return _end_of(day).astimezone(timezone.utc)
    try:
        made = datetime.fromisoformat(re.sub(r"\s*(?:utc|z)$", "+00:00", word))
    except ValueError:
        hint = "write it like 2026-11-24, '2026-11-24 08:00', 2026-11-24T08:00Z, tuesday, yesterday or 2d"
        raise UsageError(f"{what}: {text!r} is no time", hint=hint) from None
    if made.tzinfo is None:
        made = made.replace(tzinfo=now.tzinfo)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", word):
        return _end_of(made).astimezone(timezone.utc)
    return made.astimezone(timezone.utc)


def start_of(text: str, *, what: str, now: datetime) -> datetime:
    """The beginning of what is named: of a day its first moment, else as `instant_of`. UsageError."""
    found = instant_of(text, what=what, now=now)
    day = found.astimezone(now.tzinfo)
    return day.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(timezone.utc) if day == _end_of(day) else found


def _day(word: str, now: datetime) -> datetime | None:
    if word in ("today", "yesterday"):
        return now - timedelta(days=word == "yesterday")
    named = [place for place, day in enumerate(DAYS) if len(word) >= 3 and day.startswith(word)]
    return now - timedelta(days=(now.weekday() - named[0]) % 7) if named else None


def _end_of(day: datetime) -> datetime:
    return day.replace(hour=23, minute=59, second=59, microsecond=999999)
