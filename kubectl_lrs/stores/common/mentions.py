"""What the saved LRS and Mongo documents speak of: every string in them, with the place where it stands.

Images and files are found by it. The fields' names are not public, so every field is looked at. It reads a backup that
is being made as well as one that is sealed.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from kubectl_lrs.formats.bson_batches import NotBsonError
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.manifest import Manifest, loads
from kubectl_lrs.repository import Readable

LRS = "lrs"
"""The store of an LRS, as a document has it."""

LRS_FILE = "lrs.raw.jsonl.gz"
MONGO = "mongo/"

APPLICATIONS, LRS_DOCUMENTS = "custom_applications", "longrunningservices"
"""Collections whose documents say what an LRS is of."""

_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])")


def tokens_in(texts: Iterable[str]) -> list[str]:
    """Every id that stands by itself in one of them."""
    return _ID.findall("\n".join(texts))


@dataclass(frozen=True, slots=True)
class Document:
    """One saved document. `store`: `lrs` or a collection's name; `id`: `namespace/name` or the text of its `_id`."""

    store: str
    id: str
    content: Any


@dataclass(frozen=True, slots=True)
class Mention:
    """A string, and where it stands: the document and the field (`spec.containers[0].image`)."""

    store: str
    id: str
    field: str
    text: str


def documents(folder: Readable) -> Iterator[Document]:
    """Every saved LRS (its metadata's labels and annotations, and its spec), then every saved Mongo document."""
    yield from _lrs(folder)
    yield from collections(folder)


def collections(folder: Readable, is_wanted: Callable[[str], bool] = lambda _stem: True) -> Iterator[Document]:
    """Every saved Mongo document; `is_wanted`: whether those in the file of this stem are meant."""
    for path in folder.paths(MONGO):
        stem = path.rpartition("/")[2].removesuffix(".gz")
        if stem.endswith(".bson") and is_wanted(stem.removesuffix(".bson")):
            yield from _collection(folder, path)


def of_lrs(manifest: Manifest) -> Document:
    """What is looked at of an LRS: its metadata's labels and annotations, and its spec."""
    metadata = manifest["metadata"]
    labels = {key: metadata.get(key) or {} for key in ("labels", "annotations")}
    return Document(LRS, f"{metadata['namespace']}/{metadata['name']}", {"metadata": labels, "spec": manifest.get("spec")})


def mentions(folder: Readable) -> Iterator[Mention]:
    """Every string in them, document by document."""
    for document in documents(folder):
        for field, text in strings(document.content):
            yield Mention(document.store, document.id, field, text)


_EVERY: Callable[[str], object] = id
"""Wants any string; quicker than a function of ours."""


def strings(value: Any, field: str = "", *, is_wanted: Callable[[str], object] = _EVERY) -> list[tuple[str, str]]:
    """(field, text) of every string in a value that is wanted, ids of Mongo included as their 24 digits."""
    found: list[tuple[str, str]] = []
    _gather(value, field, is_wanted, found.append)
    return found


def _gather(value: Any, field: str, is_wanted: Callable[[str], object], add: Callable[[tuple[str, str]], None]) -> None:
    """No generator: each string would go through as many of them as it lies deep. The field is written where it is wanted."""
    if isinstance(value, dict):
        above = f"{field}." if field else ""
        for key, item in value.items():
            if item.__class__ is not str:
                _gather(item, f"{above}{key}", is_wanted, add)
            elif is_wanted(item):
                add((f"{above}{key}", item))
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            _gather(item, f"{field}[{place}]", is_wanted, add)
    else:
        text = value if isinstance(value, str) else str(value) if type(value).__name__ == "ObjectId" else None
        if text is not None and is_wanted(text):
            add((field, text))


def _lrs(folder: Readable) -> Iterator[Document]:
    try:
        with folder.reading(LRS_FILE) as file, gzip.GzipFile(fileobj=file) as unpacked:
            for line in unpacked:
                yield of_lrs(loads(line.decode("utf-8", "surrogatepass")))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DamageError(f"{folder.describe(LRS_FILE)}: cannot be read: {error}") from error


def _collection(folder: Readable, path: str) -> Iterator[Document]:
    from kubectl_lrs.formats.bson_documents import decoded_stream

    name = unquote_plus(path.rpartition("/")[2].removesuffix(".gz").removesuffix(".bson"))
    try:
        with folder.reading(path) as file:
            stream = gzip.GzipFile(fileobj=file) if path.endswith(".gz") else file
            for content in decoded_stream(stream):
                yield Document(name, str(content.get("_id")), content)
    except (OSError, EOFError, NotBsonError) as error:
        raise DamageError(f"{folder.describe(path)}: cannot be read: {error}") from error
