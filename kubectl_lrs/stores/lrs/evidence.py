"""What the server answered to a write, held against what it was sent. Pure.

Admission may take away, change and add; a server drops what its schema does not know. The answer is the evidence: what
differs in it is not what was asked for. What the schema's defaults add, and what the server sets itself, is no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kubectl_lrs.model.diff import ABSENT, Change, changes, same
from kubectl_lrs.model.manifest import Manifest, comparable

SHOWN = 8
"""How many fields an outcome names before it only counts."""

LONGEST = 120
"""Characters of a field's path that are shown."""

Normalise = Callable[[Manifest], Manifest]


def alterations(sent: Manifest, answer: Manifest, normalise: Normalise) -> list[Change]:
    """The fields in which the answer is not what was sent: `before` is what was sent, `after` what the server made of it."""
    return differences(_whole(normalise(sent)), _whole(answer))


def differences(before: Any, after: Any) -> list[Change]:
    """Every field that differs; a number is the same number however it is written, and a server writes 1.0 as 1."""
    if same(before, after):  # as nearly always; finding what differs takes several times as long
        return []
    return [change for change in changes(before, after) if not _is_same_number(change.before, change.after)]


def status_alterations(sent: Any, answer: Manifest, normalise: Normalise) -> list[Change]:
    """As `alterations`, of a status that was set."""
    expected = normalise({**answer, "status": sent}).get("status")
    return differences({"status": expected}, {"status": answer.get("status", ABSENT)})


def patched(live: Manifest, diff: Iterable[Change]) -> Manifest:
    """The object with the changes made, but for those that would take something away; nothing of `live` is changed."""
    whole: dict[str | int, Any] = {"": live}
    for change in diff:
        if change.after is not ABSENT:
            whole = _put(whole, ("", *change.path), change.after)
    made: Manifest = whole[""]
    return made


def altered(found: Sequence[Change]) -> str:
    """What the server did, in words: `altered by the server: removed spec.note, added metadata.labels.team`."""
    shown = ", ".join(f"{_deed(change)} {_shortened(change.field)}" for change in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"altered by the server: {shown}{more}"


def _whole(manifest: Mapping[str, Any]) -> Manifest:
    """What is compared: as for a plan, and the owners besides."""
    whole = comparable(manifest)
    if owners := manifest["metadata"].get("ownerReferences"):
        # Null and no value are one thing to the server here: these fields are its own, not the CRD's.
        plain = [{key: value for key, value in owner.items() if value is not None} for owner in owners]
        whole["metadata"] = {**whole["metadata"], "ownerReferences": plain}
    return whole


def _is_same_number(one: Any, other: Any) -> bool:
    kinds = (int, float)
    return type(one) in kinds and type(other) in kinds and one == other


def _put(container: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the container with the value there; what lies beside the path is shared."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    made = list(container) if isinstance(container, list) else dict(container)
    there = made[key] if isinstance(made, list) or key in made else {}  # type: ignore[index]
    made[key] = _put(there, rest, value)  # type: ignore[index]
    return made


def _deed(change: Change) -> str:
    if change.after is ABSENT:
        return "removed"
    return "added" if change.before is ABSENT else "changed"


def _shortened(field: str) -> str:
    return field if len(field) <= LONGEST else f"{field[:LONGEST]}..."
