"""`files.json`: which files a backup holds or knows of, and where in it their content lies. Read back without trust.

One line for each file, so that neither writing nor reading holds all of them as text; the whole is one JSON document.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.names import file_stem
from kubectl_lrs.repository import Backup, Writer
from kubectl_lrs.runtime.bounds import require_readable
from kubectl_lrs.stores.files.match import Found, Where

FILE = "files.json"
TIER = "files"
FOLDER = "files"
KIND = "lrs-files"
FORMAT_VERSION = 1

MAX_PARTS = 40
MAX_LENGTH = 1000
"""A path with more parts or a longer one gets a name of its own in the backup."""

MAX_HEAD = 256 << 20
MAX_LINE = 1 << 20
"""Bytes of the first line, which holds the folders, and of each other one; a longer line is none of ours."""

MAX_WHERE = 1000
"""Characters of a document's id and of a field that tell where a file is named."""

LONG = f"{FOLDER}/~long"
_SUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file. `file`: where its content is in the backup, empty where only known of; `sha256` likewise."""

    path: str
    size: int
    etag: str
    found: Found
    file: str = ""
    sha256: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Index:
    """All of them. `folders`: what the storage keeps of the folders that they lie in."""

    url: str
    level: str
    entries: list[Entry]
    folders: Mapping[str, Mapping[str, Any]]


def backup_path(path: str, *, is_folder_too: bool) -> str:
    """Where in a backup a file's content lies: no two paths have the same, and none leaves the folder.

    Parts are written as names of LRS are; an empty one is `~`, which no other part can be. A path that is also the
    folder of others, as object stores allow, ends in `~file`; `~long` holds those that no file system would take.
    """
    parts = [file_stem(part) or "~" for part in path.split("/")]
    plain = "/".join((FOLDER, *parts))
    if len(parts) > MAX_PARTS or len(plain) > MAX_LENGTH:
        return f"{LONG}/{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()}"
    return f"{plain}~file" if is_folder_too else plain


# ---- writing


def write(writer: Writer, index: Index) -> None:
    """Put it into the folder."""
    head = {"kind": KIND, "formatVersion": FORMAT_VERSION, "url": index.url, "level": index.level, "folders": index.folders}
    with writer.stream(FILE) as sink:
        text = json.dumps(head, separators=(",", ":"))
        sink.write(_line(f'{text[:-1]},"files":[', MAX_HEAD))
        for number, entry in enumerate(index.entries):
            comma = "," if number + 1 < len(index.entries) else ""
            sink.write(_line(f"{json.dumps(to_dict(entry), separators=(',', ':'))}{comma}", MAX_LINE))
        sink.write(b"]}\n")


def _line(text: str, limit: int) -> bytes:
    return require_readable(f"{text}\n".encode(), limit, f"a line of {FILE}")


def to_dict(entry: Entry) -> dict[str, Any]:
    """As it stands in the file."""
    where = entry.found.where
    data: dict[str, Any] = {"path": entry.path, "size": entry.size, "marker": entry.etag, "foundBy": entry.found.by}
    if where is not None:
        data |= {"source": where.source, "document": where.document[:MAX_WHERE], "field": where.field[:MAX_WHERE]}
    if entry.file:
        data |= {"file": entry.file, "sha256": entry.sha256}
    if entry.attributes:
        data["attributes"] = dict(entry.attributes)
    return data


# ---- reading


def read(folder: Backup) -> Index | None:
    """What a backup holds, None where it was made without files; DamageError where the file is not what was sealed.

    What is returned names only content that has a sum, below `files/`, and each path and each content once.
    """
    if TIER not in folder.catalog.tiers:
        return None
    where = folder.describe(FILE)
    sums = {path: digest for path, digest in folder.sums() if path == FILE or path.startswith(f"{FOLDER}/")}
    try:
        head, entries = _parsed(folder, sums.get(FILE, ""))
        return _checked(head, entries, sums)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DamageError(f"{where}: not a valid list of files: {error}") from error


def _parsed(folder: Backup, digest: str) -> tuple[dict[str, Any], list[Entry]]:
    """The head and the entries, line by line; the sum is that of what was read."""
    actual = hashlib.sha256()
    with folder.reading(FILE) as file:
        lines = _lines(file, actual)
        head = json.loads(next(lines, b"").strip() + b"]}")
        entries = [parsed(line) for line in lines if line != b"]}\n"]
    if actual.hexdigest() != digest:
        raise DamageError(f"{folder.describe(FILE)}: altered: its sum does not match")
    if head["kind"] != KIND or not isinstance(head["formatVersion"], int):
        raise ValueError(f"its kind is {head['kind']!r}")
    if head["formatVersion"] > FORMAT_VERSION:
        raise UsageError(
            f"{folder.describe(FILE)}: format {head['formatVersion']} is newer than this program reads ({FORMAT_VERSION})",
            hint="use the version of kubectl lrs that made it, or a newer one",
        )
    return head, entries


def _lines(file: Any, actual: Any) -> Iterator[bytes]:
    limit = MAX_HEAD
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise ValueError("a line is too long")
        actual.update(line)
        yield line
        limit = MAX_LINE


def parsed(line: bytes) -> Entry:
    """One line of the file; any of the errors of a wrong document."""
    data = json.loads(line.rstrip(b",\n"))
    attributes = data.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ValueError("attributes")  # noqa: TRY004  it is the document that is wrong
    where = Where(_text(data["source"]), _text(data["document"]), _text(data["field"])) if "source" in data else None
    return Entry(
        path=_text(data["path"]),
        size=_size(data["size"]),
        etag=_text(data["marker"]),
        found=Found(_text(data["foundBy"]), where),
        file=_text(data.get("file", "")),
        sha256=_text(data.get("sha256", "")),
        attributes=_alike(attributes),
    )


_attributes: dict[tuple[tuple[str, Any], ...], Mapping[str, Any]] = {}
MAX_ALIKE = 1000
"""Attributes that are held once for all the files that have them."""


def _alike(attributes: dict[str, Any]) -> Mapping[str, Any]:
    """The same object for the same attributes, of which a million files have a few."""
    try:
        key = tuple(attributes.items())
        return _attributes.setdefault(key, attributes) if len(_attributes) < MAX_ALIKE else _attributes.get(key, attributes)
    except TypeError:  # metadata of S3
        return attributes


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004
    return value


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is no size")
    return value


def _checked(head: Mapping[str, Any], entries: list[Entry], sums: Mapping[str, str]) -> Index:
    _unique("path", (entry.path for entry in entries))
    _unique("file", (entry.file for entry in entries if entry.file))
    for entry in entries:
        if entry.file and (sums.get(entry.file) != entry.sha256 or not _SUM.fullmatch(entry.sha256) or entry.file == FILE):
            raise ValueError(f"{entry.path!r}: its content is not in the backup")
    if surplus := set(sums) - {FILE} - {entry.file for entry in entries}:
        raise ValueError(f"{sorted(surplus)[0]!r} is the content of no file")
    folders = head["folders"]
    if not isinstance(folders, dict) or not all(isinstance(each, dict) for each in folders.values()):
        raise ValueError("folders")
    return Index(url=_text(head["url"]), level=_text(head["level"]), entries=entries, folders=folders)


def _unique(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value!r} is there twice")
        seen.add(value)
