"""One answer in every form: table, JSON, YAML, names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from kubectl_lrs.settings import printable
from kubectl_lrs.yamltext import dump

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "
_NOT_INERT = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class View:
    """One answer in every form: `data` for programs, `names` for scripts, a table with lines around it for people."""

    data: Any
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    wide_columns: tuple[str, ...] = ()
    wide_rows: Sequence[Sequence[str]] = ()
    names: Sequence[str] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = field(default=())


def show(view: View, output: str, *, err: bool = False) -> None:
    """Print the view on stdout, or on stderr where it belongs to a question."""
    if output == "json":
        click.echo(_inert(json.dumps(view.data, indent=2, ensure_ascii=False)), err=err)
    elif output == "yaml":
        click.echo(_inert(dump(view.data)), nl=False, err=err)
    elif output == "name":
        for name in view.names:
            click.echo(printable(name), err=err)
    else:
        wide = output == "wide" and view.wide_columns
        columns, rows = (view.wide_columns, view.wide_rows) if wide else (view.columns, view.rows)
        for line in (*view.before, *table(columns, rows), *view.after):
            click.echo(printable(line), err=err)


def _inert(text: str) -> str:
    """JSON, or YAML as it is written here, that no terminal acts on: control characters as escapes, which mean the same."""
    return _NOT_INERT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Aligned lines under upper-case headings, as kubectl prints them; nothing where there is no row."""
    if not rows:
        return
    shown = [[printable(str(cell)) for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[n]) for row in shown) for n in range(len(columns))]
    for row in shown:
        yield GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
