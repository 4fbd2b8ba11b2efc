"""One answer in every form: table, JSON, YAML, names."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import combining, east_asian_width

from kubectl_lrs.model.units import printable
from kubectl_lrs.render import colour
from kubectl_lrs.render.output import answer

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "
INDENT = "    "
LEAST = 20
"""Columns that the last one needs to go on below itself."""

_NOT_INERT = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class View:
    """One answer in every form: `data` for programs, `names` for scripts, a table with lines around it for people.

    `kind`: that of the document for programs.

    `done`: what the command has changed, in one line, which is told where the answer cannot be.
    """

    data: Any
    kind: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    wide_columns: tuple[str, ...] = ()
    wide_rows: Sequence[Sequence[str]] = ()
    names: Sequence[str] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = field(default=())
    done: str = ""


def capped(lines: Sequence[str], most: int) -> Iterator[str]:
    """The first of them, and how many more there are where that is more than one."""
    shown = len(lines) if len(lines) <= most + 1 else most
    yield from lines[:shown]
    if more := len(lines) - shown:
        yield f"and {more:,} more (-o wide shows all)"


def show(view: View, output: str, *, err: bool = False) -> None:
    """Print the view on stdout, or on stderr where it belongs to a question."""
    text = _TEXTS[output](view) if output in _TEXTS else "".join(f"{line}\n" for line in _lines(view, output, err=err))
    answer(text, is_data=output in _TEXTS, err=err, done=view.done)


_TEXTS: Mapping[str, Callable[[View], str]] = {
    "json": lambda view: as_json(_document(view)),
    "yaml": lambda view: _inert(_yaml(_document(view))),
    "name": lambda view: "".join(f"{printable(name)}\n" for name in view.names),
}
"""The forms for programs."""


def _lines(view: View, output: str, *, err: bool) -> Iterator[str]:
    wide = output == "wide" and view.wide_columns
    columns, rows = (view.wide_columns, view.wide_rows) if wide else (view.columns, view.rows)
    stream = sys.stderr if err else sys.stdout
    width, is_coloured = _width() if stream.isatty() else 0, colour.is_on(stream)
    yield from map(printable, view.before)
    yield from table(columns, rows, width=width, coloured=is_coloured)
    yield from map(printable, view.after)


def _width() -> int:
    """Columns of the terminal."""
    from shutil import get_terminal_size  # where there is one

    return get_terminal_size().columns


def _document(view: View) -> Any:
    if not view.kind:
        return view.data
    from kubectl_lrs.render.documents import document

    return document(view.kind, view.data)


def as_json(data: Any) -> str:
    """A document that no terminal acts on."""
    return _inert(json.dumps(data, indent=2, ensure_ascii=False)) + "\n"


def _yaml(data: Any) -> str:
    from kubectl_lrs.formats.yaml_writer import dump  # for those who ask for it

    return dump(data)


def _inert(text: str) -> str:
    """JSON, or YAML as it is written here, that no terminal acts on: control characters as escapes, which mean the same."""
    return _NOT_INERT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 0, coloured: bool = False) -> Iterable[str]:
    """Aligned lines under upper-case headings, as kubectl prints them; nothing where there is no row.

    Where `width` (columns of a terminal) does not hold them, what stands in the last column goes on below itself, or on
    lines of its own where that is too narrow. Nothing is cut; where not even the others fit, the terminal wraps.
    """
    if not rows:
        return
    shown = [[printable(str(cell)) for cell in row] for row in (columns, *rows)]
    widths = [max(_columns(row[n]) for row in shown) for n in range(len(columns))]
    before = sum(widths[:-1]) + len(GAP) * (len(columns) - 1)
    is_wide = before <= width < before + widths[-1]
    longest = max(_columns(word) for row in shown for word in (row[-1].split() or [""]))
    indent = before if width - before >= max(LEAST, longest) else len(INDENT)
    for row in shown:
        parts = [row[-1]]
        if is_wide and before + _columns(row[-1]) > width:
            from textwrap import wrap

            parts = wrap(row[-1], max(LEAST, width - indent), break_on_hyphens=False, break_long_words=False)
            parts = parts if indent == before else ["", *parts]
        cells = [_padded(cell, size) for cell, size in zip((*row[:-1], parts[0]), widths, strict=True)]
        yield GAP.join(map(colour.cell, cells) if coloured and row is not shown[0] else cells).rstrip()
        yield from (" " * indent + part for part in parts[1:])


def _columns(text: str) -> int:
    """How many columns of a terminal it takes."""
    return len(text) if text.isascii() else sum(2 if east_asian_width(char) in "WF" else not combining(char) for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))
