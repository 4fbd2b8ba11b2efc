"""Names of databases and collections, and which files mongodump gives them. Pure.

Source: mongo-tools, `common/util/mongo.go` and `mongodump/prepare.go`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from urllib.parse import quote_plus, unquote_plus

from kubectl_lrs.model.errors import LrsError

LONGEST_STEM = 238
"""Bytes of a file name before its extension; a longer one is cut to `_KEPT` and ends in a hash of the whole name."""

PRELUDE = "prelude.json"
DATA = ".bson"
METADATA = ".metadata.json"
BUCKETS = "system.buckets."
"""What the collection with the data of a time series is called, before its name."""

REHEARSAL = "lrs_rehearsal_"
"""What the databases of rehearsals are called; the token of the run follows."""

_OF_REHEARSAL = re.compile(rf"{REHEARSAL}([0-9a-f]{{16}})")

_KEPT = 208
_IN_NO_DATABASE = frozenset('/\\. "$\0')


def is_database(name: str) -> bool:
    """Whether MongoDB, mongorestore and file systems take it as the name of a database."""
    return name.isprintable() and 0 < len(name.encode()) <= 63 and not _IN_NO_DATABASE & set(name)


def rehearsal_of(database: str) -> str:
    """The token of the rehearsal that a database has the name of; empty where it has the name of none."""
    found = _OF_REHEARSAL.fullmatch(database)
    return found[1] if found else ""


def is_collection(name: str) -> bool:
    """Whether a collection may be called so and is one of the user's: nothing of the server's own."""
    own = name.startswith("system.") and not name.startswith(BUCKETS)
    return bool(name) and "\0" not in name and "$" not in name and not own and len(name.encode()) <= 255


def stem(collection: str) -> str:
    """The file name of a collection, without extension: escaped, and cut where it is too long."""
    escaped = quote_plus(collection, safe="")
    if len(escaped) <= LONGEST_STEM:
        return escaped
    digest = hashlib.sha1(collection.encode(), usedforsecurity=False).digest()
    return f"{escaped[:_KEPT]}%24{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def is_cut(file_stem: str) -> bool:
    """Whether the metadata must tell the name, for the file name does not."""
    return len(file_stem) == LONGEST_STEM and file_stem[_KEPT : _KEPT + 3] == "%24"


def collection(file_stem: str) -> str:
    """The name of the collection that a file with a whole name holds. UnicodeError."""
    name = unquote_plus(file_stem, errors="strict")
    name.encode()
    return name


def data_path(database: str, name: str) -> str:
    """Where in a backup the documents of a collection lie."""
    return f"mongo/{database}/{stem(name)}{DATA}"


def metadata_path(database: str, name: str) -> str:
    """Where in a backup its options and indexes lie."""
    return f"mongo/{database}/{stem(name)}{METADATA}"


def require_distinct(names: Iterable[str]) -> None:
    """LrsError where two collections would share a file on a file system that folds case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(stem(name).casefold(), name)
        if other != name:
            raise LrsError(
                f"collections {other!r} and {name!r} differ in upper and lower case only: their files may overwrite each other",
                hint="back them up one at a time",
            )
