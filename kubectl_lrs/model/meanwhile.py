"""What became of the LRS while the other stores of a backup were read, as the catalog has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

FIELD = "meanwhile"
"""Where it stands among the facts of the resources tier."""


class What(str, Enum):
    """What became of one LRS after it was listed.

    `TAKEN_IN`: made, and in the backup all the same; `MADE`: made, and not in it. `REMADE`: another one has its name.
    `LEFT`: it is there, and no longer fits what was selected. `GONE`: deleted or one of these, which is not known.
    """

    TAKEN_IN = "taken in"
    MADE = "made"
    CHANGED = "changed"
    REMADE = "made anew"
    DELETED = "deleted"
    LEFT = "no longer selected"
    GONE = "gone"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One LRS, and what became of it: a `What`, or a word of a later version."""

    namespace: str
    name: str
    type: str
    what: str

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    def to_dict(self) -> dict[str, str]:
        """As it stands in the catalog."""
        return {"namespace": self.namespace, "name": self.name, "type": self.type, "what": str(self.what)}


@dataclass(frozen=True, kw_only=True)
class Meanwhile:
    """What one look has shown. `resource_version`: as of when; empty where the server did not answer.

    `touched`: LRS of which only the status or metadata were written.
    """

    resource_version: str
    changes: tuple[Change, ...] = field(default=())
    touched: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the catalog."""
        return {
            "resourceVersion": self.resource_version,
            "touched": self.touched,
            "lrs": [each.to_dict() for each in self.changes],
        }


def parse(facts: Mapping[str, Any]) -> Meanwhile | None:
    """What the facts of the resources tier say, None where nobody looked; ValueError and the like where it is none."""
    document = facts.get(FIELD)
    if document is None:
        return None
    changes = tuple(Change(*(_text(each[key]) for key in ("namespace", "name", "type", "what"))) for each in document["lrs"])
    touched = document["touched"]
    if type(touched) is not int or touched < 0:
        raise ValueError(f"{FIELD}.touched")
    return Meanwhile(resource_version=_text(document["resourceVersion"]), changes=changes, touched=touched)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(FIELD)
    return value
