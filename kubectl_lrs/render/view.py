"""One answer in every form: table, JSON, YAML, names."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

from kubectl_lrs.model.each import Each
from kubectl_lrs.model.units import printable
from kubectl_lrs.render import colour
from kubectl_lrs.render.fold import columns as _columns
from kubectl_lrs.render.fold import folded, width_of
from kubectl_lrs.render.output import answer

T = TypeVar("T")

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "
NARROW = 2
"""Blanks between columns, where a terminal is too narrow for more."""
INDENT = "    "
LEAST = 20
"""Columns that the last one needs to go on below itself."""

AT_ONCE = 500
"""So many things of a list that is made while it is written are in memory as text."""

_NOT_INERT = "[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
"""As text: compiled for those who print JSON or YAML."""


@dataclass(frozen=True)
class View:
    """One answer in every form: `data` for programs, `names` for scripts, a table with lines around it for people.

    `kind`: that of the document for programs.

    `done`: what the command has changed, in one line, which is told where the answer cannot be. `wide_after`: what stands
    below the wide table, where that is something else. `spare`: headings of columns that a narrow terminal can do without.
    """

    data: Any
    kind: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    wide_columns: tuple[str, ...] = ()
    wide_rows: Sequence[Sequence[str]] = ()
    names: Iterable[str] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = field(default=())
    done: str = ""
    wide_after: tuple[str, ...] | None = None
    spare: tuple[str, ...] = ()
    has_headings: bool = True


def show(view: View, output: str, *, err: bool = False) -> None:
    """Print the view on stdout, or on stderr where it belongs to a question."""
    texts = _TEXTS[output](view) if output in _TEXTS else ("".join(f"{line}\n" for line in _lines(view, output, err=err)),)
    for text in chain(texts, ("",)):  # an answer of nothing is one too
        answer(text, is_data=output in _TEXTS, err=err, done=view.done)


_TEXTS: Mapping[str, Callable[[View], Iterable[str]]] = {
    "json": lambda view: _json(_document(view)),
    "yaml": lambda view: (_inert(_yaml(_document(view))),),
    "name": lambda view: ("".join(f"{printable(name)}\n" for name in block) for block in _blocks(view.names)),
}
"""The forms for programs, in pieces."""


def _lines(view: View, output: str, *, err: bool) -> Iterator[str]:
    wide = output == "wide" and view.wide_columns
    columns, rows = (view.wide_columns, view.wide_rows) if wide else (view.columns, view.rows)
    after = view.wide_after if output == "wide" and view.wide_after is not None else view.after
    stream = sys.stderr if err else sys.stdout
    width, is_coloured = width_of(stream), colour.is_on(stream)
    for line in map(printable, view.before):
        yield from folded(line, width)
    if view.has_headings or wide:
        yield from table(columns, rows, width=width, coloured=is_coloured, spare=() if wide else view.spare)
    else:
        yield from list(table(columns, rows, width=width, coloured=is_coloured, spare=view.spare))[1:]
    for line in map(printable, after):
        yield from folded(line, width)


def _document(view: View) -> Any:
    if not view.kind:
        return view.data
    from kubectl_lrs.render.documents import document

    return document(view.kind, view.data)


def as_json(data: Any) -> str:
    """A document that no terminal acts on."""
    return "".join(_json(data))


def _json(data: Any) -> Iterator[str]:
    """The same in pieces, of which none has all of a list that is made while it is written."""
    if not isinstance(data, dict) or not any(isinstance(each, Each) for each in data.values()):
        yield f"{_dumped(data)}\n"
        return
    before = "{\n"
    for name, each in data.items():
        yield f"{before}  {_dumped(name)}: "
        yield from _listed(each) if isinstance(each, Each) else (_deeper(_dumped(each)),)
        before = ",\n"
    yield "\n}\n"


def _listed(things: Each[Any]) -> Iterator[str]:
    """A list in a document, `[` and `]` of the first block and of the last one alone."""
    before = "["
    for block in _blocks(things):
        yield before + _deeper(_dumped(block))[1:-4]
        before = ","
    yield "[]" if before == "[" else "\n  ]"


def _blocks(things: Iterable[T]) -> Iterator[list[T]]:
    left = iter(things)
    while block := list(islice(left, AT_ONCE)):
        yield block


def _dumped(data: Any) -> str:
    return _inert(json.dumps(data, indent=2, ensure_ascii=False))


def _deeper(text: str) -> str:
    """Two blanks further in; no text in JSON has an end of a line."""
    return text.replace("\n", "\n  ")


def _yaml(data: Any) -> str:
    from kubectl_lrs.formats.yaml_writer import dump  # for those who ask for it

    if isinstance(data, dict):
        data = {name: list(each) if isinstance(each, Each) else each for name, each in data.items()}
    return dump(data)


def _inert(text: str) -> str:
    """JSON, or YAML as it is written here, that no terminal acts on: control characters as escapes, which mean the same."""
    return re.sub(_NOT_INERT, lambda match: f"\\u{ord(match[0]):04x}", text)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int = 0,
    coloured: bool = False,
    spare: Sequence[str] = (),
) -> Iterable[str]:
    """Aligned lines under upper-case headings, as kubectl prints them; nothing where there is no row.

    Where `width` (columns of a terminal) does not hold them, they stand closer, what is said in the last column goes on below
    itself, or once below the rows that all say it, and the `spare` columns go, the first one first. Where all that is not
    enough, a row takes several lines. No word is broken, and but for spare columns nothing is left out.
    """
    if not rows:
        return
    shown, gap, widths = _fitting([[printable(str(cell)) for cell in row] for row in (columns, *rows)], width, spare)
    if width > 0:
        yield from _within(width, shown, gap, widths, coloured=coloured)
        return
    for place, row in enumerate(shown):
        cells = map(_padded, row, widths)
        yield (" " * gap).join(map(colour.cell, cells) if coloured and place else cells).rstrip()


def _within(width: int, shown: list[list[str]], gap: int, widths: list[int], *, coloured: bool) -> Iterator[str]:
    """The lines on a terminal of so many columns."""
    before = sum(widths[:-1]) + gap * (len(widths) - 1)
    goes_on = _may_go_on(shown, before, width) and before + widths[-1] > width
    longest = max(_columns(word) for row in shown for word in (row[-1].split() or [""]))
    indent = before if width - before >= max(LEAST, longest) else len(INDENT)
    for place, row in enumerate(shown):
        parts = [row[-1]]
        if goes_on and before + _columns(row[-1]) > width:
            parts = _wrapped(row[-1], max(LEAST, width - indent))
            is_said_below = place + 1 < len(shown) and shown[place + 1][-1] == row[-1]
            parts = parts if indent == before else [""] if is_said_below else ["", *parts]
        cells = [*map(_padded, (*row[:-1], parts[0]), widths)]
        line = (" " * gap).join(cells).rstrip()
        if coloured and row is not shown[0] and _columns(line) <= width:
            yield (" " * gap).join(map(colour.cell, cells)).rstrip()
        else:
            yield from folded(line, width, len(INDENT))
        yield from (" " * indent + part for part in parts[1:])


def _fitting(shown: list[list[str]], width: int, spare: Sequence[str]) -> tuple[list[list[str]], int, list[int]]:
    """(what is shown, the gap between columns, how wide they are): the first way in which each row is one line, else in
    which it goes on. Where nothing bounds them, all of it, and no other way is tried."""
    whole = (shown, len(GAP), _widths(shown))
    if width <= 0:
        return whole
    ways = []
    for count in range(len(spare) + 1):
        kept = [place for place, title in enumerate(shown[0]) if title not in spare[:count]]
        rows = [[row[place] for place in kept] for row in shown]
        ways += [(rows, gap, _widths(rows)) for gap in (len(GAP), NARROW)]
    for goes_on in (False, True):
        for rows, gap, widths in ways:
            before = sum(widths[:-1]) + gap * (len(widths) - 1)
            if _may_go_on(rows, before, width) if goes_on else before + widths[-1] <= width:
                return rows, gap, widths
    return whole


def _may_go_on(shown: Sequence[Sequence[str]], before: int, width: int) -> bool:
    """Whether the last column is of words that can stand below each other."""
    return before <= width and any(" " in row[-1] for row in shown[1:])


def _widths(shown: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_columns, column)) for column in zip(*shown, strict=True)]


def _wrapped(text: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))
