"""What the saved LRS and Mongo documents say that may mean a file: read once, as a backup holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from sys import intern

from kubectl_lrs.repository import Readable
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import Document, documents, strings
from kubectl_lrs.stores.files.match import References, Where

LRS = "lrs"
_PLACE = re.compile(r"\[\d+\]")
_ID = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{24}(?![0-9a-zA-Z])")


def read_references(references: References, folder: Readable, progress: Progress) -> None:
    """Every document's strings and id. An application's LRS has its id in its name."""
    for document in documents(folder):
        add(references, document)
        progress.advance()


def add(references: References, document: Document, found: Iterable[tuple[str, str]] | None = None) -> None:
    """What one document says. `found`: (field, text) of every string in it, where these are known."""
    field = "metadata.name" if document.store == LRS else "_id"
    for identifier in _ID.findall(document.id):
        references.add_id(Where(document.store, document.id, field), identifier)
    if found is None:
        found = strings(document.content, is_wanted=references.concerns)
    else:
        found = (each for each in found if references.concerns(each[1]))
    for place, text in found:
        references.add(Where(document.store, document.id, intern(_PLACE.sub("[]", place))), text)  # the same in thousands of LRS
