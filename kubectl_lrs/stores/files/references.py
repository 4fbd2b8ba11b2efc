"""What the saved LRS and Mongo documents say that may mean a file: read once, as a backup holds them."""

from __future__ import annotations

import re

from kubectl_lrs.repository import Readable
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import Document, documents, strings
from kubectl_lrs.stores.files.match import References, Where

LRS = "lrs"
_PLACE = re.compile(r"\[\d+\]")
_ID = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{24}(?![0-9a-zA-Z])")


def read_references(folder: Readable, progress: Progress) -> References:
    """Every document's strings and id. An application's LRS has its id in its name."""
    references = References()
    for document in documents(folder):
        add(references, document)
        progress.advance()
    return references


def add(references: References, document: Document) -> None:
    """What one document says."""
    field = "metadata.name" if document.store == LRS else "_id"
    for identifier in _ID.findall(document.id):
        references.add_id(Where(document.store, document.id, field), identifier)
    for place, text in strings(document.content):
        references.add(Where(document.store, document.id, _PLACE.sub("[]", place)), text)
