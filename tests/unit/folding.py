"""The rows of a table as one test, for `gate.py unit`: pytest takes longer over a test than most of them do.

Only where each row is all that its test is given: what stands on a fixture has it for itself, as everywhere else. In the
whole gate, and by hand, each row is a test of its own.
"""

from __future__ import annotations

import inspect
import itertools
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any

import pytest

Row = Mapping[str, Any]

REPR = reprlib.Repr()
REPR.maxstring = REPR.maxother = 300
REPR.maxdict = 20


def folded(test: Callable[..., None]) -> Callable[[], None] | None:
    """All rows of it, one after the other; None where that cannot be."""
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    if not marks or not inspect.isfunction(test) or hasattr(test, "is_hypothesis_test"):
        return None
    tables = [_rows(mark) for mark in marks]
    names = [name for table in tables if table for name in table[0]]
    if not all(tables) or sorted(names) != sorted(inspect.signature(test).parameters):
        return None

    def every_row() -> None:
        for row in _products(tables):
            _run(test, row)

    return every_row


def _run(test: Callable[..., None], row: Row) -> None:
    try:
        test(**row)
    except pytest.skip.Exception:
        pass
    except (Exception, pytest.fail.Exception) as error:
        raise AssertionError(f"the row {REPR.repr(row)}: {error}") from error


def _products(tables: list[list[Row]]) -> Iterator[Row]:
    for rows in itertools.product(*tables):
        yield {name: value for row in rows for name, value in row.items()}


def _rows(mark: pytest.Mark) -> list[Row]:
    """Those of a `parametrize`; none where it is something else, or where a row has marks of its own."""
    if mark.name != "parametrize" or mark.kwargs.keys() - {"ids"} or len(mark.args) != 2 or not isinstance(mark.args[1], Sized):
        return []
    names, values = mark.args
    names = [each.strip() for each in names.split(",")] if isinstance(names, str) else list(names)
    if any(getattr(each, "marks", ()) for each in values):
        return []
    return [dict(zip(names, _values(each, len(names)), strict=True)) for each in values]


def _values(row: Any, count: int) -> Any:
    if hasattr(row, "marks"):  # pytest.param
        return row.values
    return row if count > 1 else (row,)
