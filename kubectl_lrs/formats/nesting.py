"""How deeply a document is nested, found out without descending into it: whoever wrote it may have meant harm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def is_within(value: Any, depth: int) -> bool:
    """Whether no more than so many mappings and lists are within each other."""
    level = _nested((value,))
    for _ in range(depth):
        if not level:
            return True
        level = [below for each in level for below in _nested(each.values() if isinstance(each, dict) else each)]
    return not level


def _nested(values: Iterable[Any]) -> list[Any]:
    return [each for each in values if isinstance(each, (dict, list))]
