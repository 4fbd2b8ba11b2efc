"""Print a schema, as `schema_` is told."""

from __future__ import annotations

from difflib import get_close_matches

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.schema_ import Flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.render.notes import notes_view
from kubectl_lrs.render.schemas import KINDS, schema
from kubectl_lrs.render.view import as_json

NOTES = "notes"


def run(given: Given) -> None:
    """That of the kind, or the kinds."""
    kind = given.of(Flags).kind
    if not kind:
        rows = [(name, what) for name, (what, _) in KINDS.items()]
        render.show(render.View(None, columns=("KIND", "PRINTED BY"), rows=rows), "table")
        return
    if kind.lower() == NOTES:
        render.show(notes_view(), "table")
        return
    names = {name.lower(): name for name in (*KINDS, NOTES)}
    if kind.lower() not in names:
        near = get_close_matches(kind.lower(), names, 1)
        hint = f"did you mean {names[near[0]]}?" if near else "schema alone lists them"
        raise UsageError(f"no document is of kind {kind!r}", hint=hint)
    render.answer(as_json(schema(names[kind.lower()])), is_data=True)
