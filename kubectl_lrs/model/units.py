"""Values that are set on a command line, read and checked; and how values are shown to a person. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from kubectl_lrs.model.errors import UsageError

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)"


def duration(text: str, *, what: str) -> timedelta:
    """A duration as kubectl writes them (`30s`, `1h30m`; a bare number is seconds); days (`7d`) besides."""
    parts = [(text, "s")] if re.fullmatch(r"\d+", text) else re.findall(_PART, text)
    if not parts or "".join(number + unit for number, unit in parts) not in (text, f"{text}s"):
        raise UsageError(f"{what}: {text!r} is not a duration", hint="write it like 30s, 5m, 1h30m or 7d")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError as error:
        raise UsageError(f"{what}: {text!r} is longer than there are years") from error


def limit_of_age(text: str, *, what: str) -> timedelta:
    """A duration that decides what is old enough to go. UsageError for a bare number but 0: `30` is seconds to kubectl, and
    days to whoever thinks of backups."""
    if re.fullmatch(r"\d+", text) and int(text):
        raise UsageError(f"{what}: {text!r} has no unit", hint=f"write {text}d for days, {text}h for hours, {text}s for seconds")
    return duration(text, what=what)


AUTO, MOST = "auto", 1000
"""What --shards may say: as few segments as may be; the highest number."""


def shards(text: str, *, what: str) -> int | None:
    """Into about how many segments; None for as few as may be. UsageError."""
    if text == AUTO:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST):
        raise UsageError(f"{what} {text}: neither {AUTO} nor a number from 1 to {MOST}")
    return int(text)


def age(seconds: float) -> str:
    """An age as kubectl prints them: 45s, 5m30s, 90m, 5h12m, 3d4h, 40d."""
    whole = max(0, int(seconds))
    for below, big, small in _AGES:
        if whole < below:
            return _two(whole, big, small)
    return f"{whole // 86400}d"


_AGES: tuple[tuple[int, tuple[int, str], tuple[int, str] | None], ...] = (
    (120, (1, "s"), None),
    (600, (60, "m"), (1, "s")),
    (3 * 3600, (60, "m"), None),
    (8 * 3600, (3600, "h"), (60, "m")),
    (48 * 3600, (3600, "h"), None),
    (8 * 86400, (86400, "d"), (3600, "h")),
)


def _two(seconds: int, big: tuple[int, str], small: tuple[int, str] | None) -> str:
    text = f"{seconds // big[0]}{big[1]}"
    if small and (rest := seconds % big[0] // small[0]):
        text += f"{rest}{small[1]}"
    return text


_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """A number of bytes for a person: 512 B, 3.4 KiB, 1.2 GiB."""
    value = float(count)
    for unit in _SIZES:
        if value < 1024 or unit == _SIZES[-1]:
            break
        value /= 1024
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def counted(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Text that a terminal only shows: what would move the cursor, hide or reorder characters is written as an escape.

    Names, labels and messages come from backups and servers; none of them may take over the terminal.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def self_name(argv0: str) -> str:
    """The command as the user typed it: `kubectl lrs` for `kubectl-lrs`, whatever the plugin's name."""
    name = argv0.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
    if name.startswith("kubectl-"):
        return f"kubectl {name.removeprefix('kubectl-').replace('_', '-')}"
    return "kubectl lrs"
