"""All notes and warnings that can be acknowledged: those of the table, and the rules of `check` that are not always errors."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from kubectl_lrs.consistency import RULES
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.notes import MEANINGS
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.render.view import View


def known_notes() -> dict[str, tuple[str, str]]:
    """Id → the verbs that say it, and what it means."""
    rules = {rule.code: ("check", rule.title) for rule in RULES if rule.severity is not Severity.ERROR or rule.may_be_less}
    return {**{note.value: meaning for note, meaning in MEANINGS.items()}, **rules}


def require_notes(ids: Collection[str], *, where: str) -> None:
    """UsageError for an id that is none, or that of an error. `where`: in which file or flag they stand."""
    known = known_notes()
    errors = {rule.code for rule in RULES} - known.keys()
    for each in ids:
        if each in errors:
            raise UsageError(f"{where}: {each} is an error, which cannot be acknowledged", hint="put right what it tells of")
        if each not in known:
            near = get_close_matches(each, known, 1)
            raise UsageError(
                f"{where}: no note has the id {each!r}",
                hint=f"did you mean {near[0]}?" if near else "schema notes lists them",
            )


def notes_view() -> View:
    """`schema notes`."""
    rows = [(name, verbs, meaning) for name, (verbs, meaning) in sorted(known_notes().items())]
    return View(None, columns=("NOTE", "SAID BY", "MEANING"), rows=rows)
