"""An object that a backup has in the very words in which it is listed now, so that it need not be read again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Recalled(NamedTuple):
    """What a backup holds of it: its `text`, the `line` of its index, and what that says of its manifest."""

    text: str
    line: str
    namespace: str
    name: str
    type: str
    path: str
    sha256: str
    size: int

    @property
    def key(self) -> str:
        """In the order of these, bytewise, the API server lists objects."""
        return f"{self.namespace}/{self.name}"


class Unchanged(NamedTuple):
    """The same where nothing but the text is known: `sum`, as `StoredLrs` has it, tells which object it is when that is read."""

    text: str
    sum: bytes


class Recall(Protocol):
    """The objects of a backup, beside a list that is read from its beginning to its end."""

    def at(self, text: str, start: int) -> Recalled | Unchanged | None:
        """The object that a text goes on with from here; None where it has to be read."""

    def beside(self, text: str, start: int, manifest: Mapping[str, Any]) -> Recalled | Unchanged | None:
        """The same of one that was read, since something else was expected here."""
