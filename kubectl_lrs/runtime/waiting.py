"""That a server is waited for is told to whoever waits. Must not know who is told, and how."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class _Told:
    tell: Callable[[str], None] | None = None


def tell_by(tell: Callable[[str], None] | None) -> None:
    """Who is told from now on; nobody with None."""
    _Told.tell = tell


def say(what: str) -> None:
    """Something takes long, in words."""
    if _Told.tell is not None:
        _Told.tell(what)


def tell(why: str, seconds: float) -> None:
    """Something is tried again that failed, for so long at most; once for each outage."""
    if _Told.tell is not None:
        until = (datetime.now() + timedelta(seconds=seconds)).astimezone()
        _Told.tell(f"note: {why}; trying again until {until:%H:%M:%S %Z} ({max(1, round(seconds))}s)")
