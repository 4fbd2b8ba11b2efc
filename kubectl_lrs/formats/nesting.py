"""How deeply a document is nested, found out without descending into it: whoever wrote it may have meant harm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_lrs.formats.documents import MAX_DEPTH


def is_within(value: Any, depth: int) -> bool:
    """Whether no more than so many mappings and lists are within each other."""
    level = _nested((value,))
    for _ in range(depth):
        if not level:
            return True
        level = [below for each in level for below in _nested(each.values() if isinstance(each, dict) else each)]
    return not level


def is_readable(text: str, value: Any) -> bool:
    """Whether JSON is nested no more than any step that descends goes; `value` is None where Python's reader gave up.

    Counting brackets settles it for nearly all.
    """
    return text.count("{") + text.count("[") <= MAX_DEPTH or (value is not None and is_within(value, MAX_DEPTH))


def _nested(values: Iterable[Any]) -> list[Any]:
    return [each for each in values if isinstance(each, (dict, list))]
