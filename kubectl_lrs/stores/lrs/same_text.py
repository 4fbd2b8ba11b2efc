"""The raw objects of a backup beside a live list: what is listed in the very text that is saved is not read a second time.

Equal texts are equal objects, whatever is compared of them. This never says that two differ: what has another text, or comes
out of order, is read and compared as ever. Nor is a text believed to be an object: whoever holds the two against each other
reads all of the backup, and takes what is known here only of an object that was read from the text of that sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.recall import Unchanged
from kubectl_lrs.stores.lrs.saved import sum_of

LOST = 100
"""After so many objects that were changed, if they are most, the backup is not read on: it is of another life of them."""

_GOING = '"deletionTimestamp"'
_KEY = re.compile(r'"name":"([^"\\]*)","namespace":"([^"\\]*)"')
"""As the API server writes it. Where it stands elsewhere, what is found does not come in order, and is read."""


class SameText:
    """The texts of one backup in their order, as a `Recall`. For one thread at a time.

    `texts`: begun when the first object is listed. What keeps them from being read is left to those who must.
    """

    def __init__(self, texts: Callable[[], Iterator[str]]) -> None:
        self._open = texts
        self._texts: Iterator[str] | None = None
        self._line = self._ahead = ""
        self._met = self._changed = 0

    def at(self, text: str, start: int) -> Unchanged | None:
        """The object that a text goes on with from here, where it is the one that comes next."""
        if self._texts is None:
            self._texts = self._open()
            self._next()
        found, line = self._ahead, self._line
        if not found or not text.startswith(found, start) or _GOING in found:
            return None
        self._met += 1
        self._next()
        return Unchanged(found, sum_of(line))

    def beside(self, text: str, start: int, manifest: Mapping[str, Any]) -> Unchanged | None:
        """The same of one that was read; what comes before it is gone."""
        metadata = manifest["metadata"]
        key = f"{metadata['namespace']}/{metadata['name']}"
        self._changed += 1
        if self._changed > LOST and self._changed > self._met:
            self._texts, self._ahead = iter(()), ""
        while self._ahead and (ahead := _key(self._ahead)) <= key:
            if ahead == key:
                found = self.at(text, start)
                if not found:
                    self._next()
                return found
            self._next()
        return None

    def _next(self) -> None:
        try:
            self._line = next(self._texts or iter(()), "")
        except LrsError:
            self._line = ""
        text = self._line.rstrip("\n")
        self._ahead = text if text[:1] + text[-1:] == "{}" else ""


def _key(text: str) -> str:
    found = _KEY.search(text)
    return f"{found[2]}/{found[1]}" if found else ""
