"""What the readers of a person's YAML and JSON give, what they refuse, and numbers as Go's JSON has them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubectl_lrs.model.errors import UsageError

MAX_DEPTH = 200
"""Levels of mappings and lists within each other; far more than an LRS has, few enough for every step that descends."""

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is not empty, and the line it begins at.

    The elements of a list `items` at its top, as kubectl's lists have it, come one by one before it (`is_item`), so that
    a long list is never in memory as a whole; `items` is empty in the document itself.
    """

    line: int
    value: Any
    is_item: bool = False


def refused(where: str, line: int, what: str, hint: str = "") -> UsageError:
    """What is wrong, and in which line of which file."""
    return UsageError(f"{where}: line {line}: {what}", hint=hint)


def shown(text: str) -> str:
    """A piece of a file, for a message."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def as_go_writes(number: float) -> float:
    """A whole float is an integer to all who read Go's JSON; beyond 64 bits its shortest digits, filled up with zeros."""
    if not number.is_integer() or abs(number) >= 1e21:
        return number
    from decimal import Decimal

    return int(Decimal(repr(number)))
