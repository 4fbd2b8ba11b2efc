"""One answer in every form: table, JSON, YAML, names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from kubectl_lrs.yamltext import dump

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "


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
        click.echo(json.dumps(view.data, indent=2, ensure_ascii=False), err=err)
    elif output == "yaml":
        click.echo(dump(view.data), nl=False, err=err)
    elif output == "name":
        for name in view.names:
            click.echo(name, err=err)
    else:
        wide = output == "wide" and view.wide_columns
        columns, rows = (view.wide_columns, view.wide_rows) if wide else (view.columns, view.rows)
        for line in (*view.before, *table(columns, rows), *view.after):
            click.echo(line, err=err)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Aligned lines under upper-case headings, as kubectl prints them; nothing where there is no row."""
    if not rows:
        return
    widths = [max(len(str(row[n])) for row in (columns, *rows)) for n in range(len(columns))]
    for row in (columns, *rows):
        yield GAP.join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
