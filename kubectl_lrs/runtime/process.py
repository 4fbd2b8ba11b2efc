"""Whether a process of this machine is over: known only where its number means the same here as where it was noted."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS = Path("/proc/self/ns/pid")


@cache
def place() -> str:
    """Where numbers of processes mean what they mean to this one: this start of the machine, this container; empty: unknown."""
    try:
        return f"{_BOOT.read_text('ascii').strip()} {_NUMBERS.readlink()}"
    except (OSError, UnicodeDecodeError):
        return ""


def is_gone(number: object, noted_in: object) -> bool:
    """Whether the process of this number is over; False where that is not known, or another has its number by now."""
    if not place() or noted_in != place() or not isinstance(number, int) or number <= 0:
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
