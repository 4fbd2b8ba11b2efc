"""What differs between two backups, or a backup and the cluster, as people and programs read it."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.diff import ABSENT, Change, Kind
from kubectl_lrs.model.manifest import Manifest, loads
from kubectl_lrs.render import colour
from kubectl_lrs.render.backups import local, scope
from kubectl_lrs.render.output import answer
from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.diff import Comparison, Difference, Origin
from kubectl_lrs.usecases.diff_stores import KEPT, StoreComparison

SHOWN = 40
"""Characters of a value in a table; all of it is in the other formats."""

LEAD = 10
"""How many of them stand before the place where two long values part."""

ABSENT_MARK = "<absent>"
WHOLE = "(whole object)"
"""In place of a value. Neither can be mistaken for one: strings stand in double quotes."""

LISTED = 20
"""How many differences of a store stand in a table."""

NAMED = 5
"""How many names a remark lists before it only counts."""

COLUMNS = ("NAMESPACE", "NAME", "TYPE", "CHANGE", "FIELD", "BEFORE", "AFTER")
MEANING = {Kind.REMOVED: " (only before)", Kind.ADDED: " (only after)", Kind.CHANGED: ""}


def difference_data(difference: Difference) -> dict[str, Any]:
    """One object for programs. A side of a field that is not there has no key; null is a value."""
    return {
        "namespace": difference.namespace,
        "name": difference.name,
        "type": difference.type,
        "change": difference.kind.value,
        "fields": [_field_data(change) for change in difference.fields],
    }


def _field_data(change: Change) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    values = {side: value for side, value in sides.items() if value is not ABSENT}
    return {"field": change.field, "path": list(change.path), **values}


def comparison_view(comparison: Comparison[dict[str, Any]]) -> View:
    """All differences: which side is which, one row per field, and how many objects there are of each sort."""
    rows = [row for data in comparison.kept for row in _rows(data)]
    gap = ("",) if rows else ()
    return View(
        kind="Diff",
        data={
            "before": _origin_data(comparison.before),
            "after": _origin_data(comparison.after),
            "counts": {
                **{kind.value: comparison.counts[kind] for kind in Kind},
                "equal": comparison.equal,
                "notCompared": comparison.not_compared,
            },
            "beingDeleted": comparison.being_deleted,
            "differences": comparison.kept,
            "stores": [_store_data(each) for each in comparison.stores],
            "notCompared": [{"part": each.part, "why": each.why} for each in comparison.parts_not_compared],
        },
        before=(*side_lines(comparison), *gap),
        columns=COLUMNS,
        rows=[(*row[:-2], *_shortened(*row[-2:])) for row in rows],
        wide_columns=COLUMNS,
        wide_rows=rows,
        names=[*(f"{data['namespace']}/{data['name']}" for data in comparison.kept), *_store_names(comparison)],
        after=(*gap, *store_lines(comparison), summary(comparison)),
    )


def _store_names(comparison: Comparison[Any]) -> Iterator[str]:
    yield from (f"{each.store}/{name}" for each in comparison.stores for _, name in each.differences)


def _store_data(found: StoreComparison) -> dict[str, Any]:
    return {
        "tier": found.store,
        "counts": {
            **{kind.value: found.counts[kind] for kind in Kind},
            "equal": found.equal,
            "notCompared": found.untold,
        },
        "differences": [{"name": name, "change": kind.value} for kind, name in found.differences],
    }


def store_lines(comparison: Comparison[Any]) -> Iterator[str]:
    """What is beside the LRS: of each store the first differences and the counts; what was not compared."""
    for found in comparison.stores:
        for kind, name in found.differences[:LISTED]:
            yield f"{found.store}: {kind.value}: {name}"
        if (more := sum(found.counts.values()) - LISTED) > 0:
            yield f"{found.store}: and {more} more that differ; -o json lists {'them' if more + LISTED <= KEPT else 'more'}"
        counted = [f"{found.counts[kind]} {kind.value}{MEANING[kind]}" for kind in Kind if found.counts[kind]]
        untold = [f"{found.untold} not compared (no content is told of them)"] if found.untold else []
        yield f"{found.store}: {', '.join((*counted, f'{found.equal} equal', *untold))}"
    for each in comparison.parts_not_compared:
        yield f"not compared: {each.part}: {each.why}"


def _rows(data: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    head = (data["namespace"], data["name"], data["type"], data["change"])
    if data["change"] == Kind.REMOVED.value:
        yield (*head, "", WHOLE, ABSENT_MARK)
    elif data["change"] == Kind.ADDED.value:
        yield (*head, "", ABSENT_MARK, WHOLE)
    for change in data["fields"]:
        yield (*head, change["field"], _value(change, "before"), _value(change, "after"))


def _value(change: dict[str, Any], side: str) -> str:
    """A value as JSON on one line, which tells "1", 1, 1.0, true and null apart."""
    return json.dumps(change[side], ensure_ascii=False) if side in change else ABSENT_MARK


def _shortened(before: str, after: str) -> tuple[str, str]:
    """Two values cut to what fits, and so that one sees where they part: images often differ in their last characters."""
    common = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), 0)
    start = 0 if common < SHOWN - LEAD else common - LEAD
    return _cut(before, start), _cut(after, start)


def _cut(text: str, start: int) -> str:
    if len(text) <= SHOWN:
        return text
    return f"{'...' * (start > 0)}{text[start : start + SHOWN]}{'...' * (len(text) > start + SHOWN)}"


def side_lines(comparison: Comparison[Any]) -> tuple[str, str]:
    """Which side is before and which is after."""
    return f"before: {_words(comparison.before)}", f"after:  {_words(comparison.after)}"


def _words(origin: Origin) -> str:
    if origin.catalog is None:
        return f"live, as it is now on {origin.title}"
    return f"backup {origin.label}, taken {local(origin.catalog.instant)} of {origin.title}; {scope(origin.catalog)}"


def _origin_data(origin: Origin) -> dict[str, Any]:
    saved = origin.catalog
    return {
        "is": "live" if saved is None else "backup",
        "name": None if saved is None else origin.label,
        "path": origin.path or None,
        "instant": None if saved is None else saved.to_dict()["instant"],
        "server": origin.server,
        "context": origin.context,
        "resourceVersion": origin.resource_version,
        "selection": None if saved is None else dict(saved.selection),
    }


def summary(comparison: Comparison[Any]) -> str:
    """The counts in one line."""
    counted = [f"{comparison.counts[kind]} {kind.value}{MEANING[kind]}" for kind in Kind if comparison.counts[kind]]
    counted.append(f"{comparison.equal} equal")
    if comparison.not_compared:
        counted.append(f"{comparison.not_compared} not compared (the other side was not taken for them)")
    same = "nothing differs" if comparison.is_whole else "nothing that was compared differs"
    verdict = "differs" if comparison.differs else same
    return f"{comparison.before.label} -> {comparison.after.label}: {verdict}: {', '.join(counted)}"


def comparison_remarks(comparison: Comparison[Any]) -> Iterator[str]:
    """What the user should know besides."""
    if going := comparison.being_deleted:
        more = f" and {len(going) - NAMED} more" if len(going) > NAMED else ""
        yield f"warning: being deleted, so taken as not there: {', '.join(going[:NAMED])}{more}"
    if comparison.is_empty:
        yield "warning: neither side holds an LRS"


def unified(difference: Difference) -> str:
    """A unified diff of the sanitised YAML of one object, keys in alphabetical order on both sides, as `kubectl diff`."""
    key = f"{difference.namespace}/{difference.name}.yaml"
    old, new = f"before/{key}", f"after/{key}"
    lines = difflib.unified_diff(
        _lines(difference.before),
        _lines(difference.after),
        "/dev/null" if difference.before is None else old,
        "/dev/null" if difference.after is None else new,
    )
    return "".join([f"diff -u -N {old} {new}\n", *lines])


def _lines(manifest: Manifest | None) -> list[str]:
    return [] if manifest is None else dump(loads(json.dumps(manifest, sort_keys=True))).splitlines(keepends=True)


HEADER = 3
"""Lines of a unified diff before its first hunk: the command, before, after."""


def show_unified(texts: list[str]) -> None:
    """Print unified diffs, in colours where the output has some."""
    coloured = colour.is_on(sys.stdout)
    for text in texts:
        answer(_coloured(text) if coloured else text, is_data=not coloured)


def _coloured(text: str) -> str:
    lines = text.splitlines()
    head = [click.style(line, bold=True) for line in lines[:HEADER]]
    body = [click.style(line, fg=COLOURS.get(line[0])) for line in lines[HEADER:]]
    return "".join(f"{line}\n" for line in (*head, *body))


COLOURS = {"-": "red", "+": "green", "@": "cyan"}
