"""`files.json`: which files a backup holds or knows of, and where in it their content lies. Read back without trust.

One line for each file, so that neither writing nor reading holds all of them as text; the whole is one JSON document.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, TypeAlias

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.names import file_stem
from kubectl_lrs.repository import Backup, Writer
from kubectl_lrs.runtime.bounds import require_readable
from kubectl_lrs.runtime.sorting import Sorted, Waiting
from kubectl_lrs.stores.files.match import ALL, Found, Where

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
_PATH = '{"path":"'
"""How every line begins."""

_DECODER = json.JSONDecoder()
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_SUM = re.compile(r"[0-9a-f]{64}")
_SUM_IN_LINE = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """One file. `file`: where its content is in the backup, empty where only known of; `sha256` likewise.

    `modified`: the storage's time of its last change, where nothing of it can change without another one.
    """

    path: str
    size: int
    etag: str
    found: Found
    file: str = ""
    sha256: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    modified: float | None = None


@dataclass(frozen=True, kw_only=True)
class Index:
    """All of them; as they are read, in the order of their paths, and waiting on the disk.

    `folders`: what the storage keeps of the folders that they lie in.
    """

    url: str
    level: str
    entries: Sequence[SavedFile] = ()
    folders: Mapping[str, Mapping[str, Any]]


Row: TypeAlias = tuple[str, int, str, str, "tuple[str, str, str] | None", str, str, dict[str, Any], "float | None"]
"""An entry, as it waits on the disk."""


def row_of(entry: SavedFile) -> Row:
    """See `entry_of`."""
    where = entry.found.where
    said = None if where is None else (where.source, where.document, where.field)
    beside = dict(entry.attributes)
    return entry.path, entry.size, entry.etag, entry.found.by, said, entry.file, entry.sha256, beside, entry.modified


def entry_of(row: Row) -> SavedFile:
    """It again."""
    path, size, etag, by, said, file, sha256, attributes, modified = row
    found = Found(by, Where(*said)) if said else ALL if by == ALL.by else Found(by)
    return SavedFile(
        path=path, size=size, etag=etag, found=found, file=file, sha256=sha256, attributes=attributes, modified=modified
    )


def backup_path(path: str, *, is_folder_too: bool) -> str:
    """Where in a backup a file's content lies: no two paths have the same, and none leaves the folder.

    Parts are written as names of LRS are; an empty one is `~`, which no other part can be. A path that is also the
    folder of others, as object stores allow, ends in `~file`; `~long` holds those that no file system would take.
    """
    above, slash, name = path.rpartition("/")
    plain = f"{_folder_of(above) if slash else FOLDER}/{file_stem(name) or '~'}"
    if plain.count("/") > MAX_PARTS or len(plain) > MAX_LENGTH:
        return f"{LONG}/{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()}"
    return f"{plain}~file" if is_folder_too else plain


@lru_cache(maxsize=256)
def _folder_of(above: str) -> str:
    """Where in a backup lies what is in a folder. Most files are in the one of the file before."""
    return "/".join((FOLDER, *(file_stem(part) or "~" for part in above.split("/"))))


# ---- writing


def write(writer: Writer, index: Index, lines: Iterable[bytes] | None = None) -> None:
    """Put it into the folder. `lines`: those of the files (`line_of`), in the place of entries that are not held."""
    head = {"kind": KIND, "formatVersion": FORMAT_VERSION, "url": index.url, "level": index.level, "folders": index.folders}
    with writer.stream(FILE) as sink:
        text = json.dumps(head, separators=(",", ":"))
        sink.write(_line(f'{text[:-1]},"files":['.encode(), MAX_HEAD))
        held = None
        for line in map(line_of, index.entries) if lines is None else lines:
            if held is not None:
                sink.write(_line(held + b",", MAX_LINE))
            held = line
        if held is not None:
            sink.write(_line(held, MAX_LINE))
        sink.write(b"]}\n")


def is_sum(text: str) -> bool:
    """Whether it has the form of a SHA-256."""
    return _SUM.fullmatch(text) is not None


def line_of(entry: SavedFile) -> bytes:
    """As it stands in the file, without what divides it from the next."""
    before, after = _around(entry.path, entry.size, entry.etag, entry.found, entry.file, entry.attributes, entry.modified)
    return f"{before}{_quoted(entry.sha256)[1:-1] if entry.file else ''}{after}".encode()


def around(
    path: str, size: int, etag: str, found: Found, file: str, attributes: Mapping[str, Any], modified: float | None
) -> tuple[bytes, bytes]:
    """The line of a file whose content is at `file`: up to the sum of that, and from there on."""
    before, after = _around(path, size, etag, found, file, attributes, modified)
    return before.encode(), after.encode()


def sum_in(line: bytes, before: bytes, after: bytes | None) -> str:
    """The sum of the content, where a line says nothing else than this (`around`); empty where it does.

    `after` None: what is kept beside the content may be any.
    """
    found = _SUM_IN_LINE.match(line, len(before))
    if found is None or not line.startswith(before):
        return ""
    is_so = line.startswith(b'"', found.end()) if after is None else line[found.end() :] == after
    return found[0].decode() if is_so else ""


def path_of(line: bytes) -> str:
    """That of a line. ValueError where it does not begin with one, as every line that was written here does."""
    text = line.decode()
    if not text.startswith(_PATH):
        raise ValueError("it does not begin with a path")
    return _text(_DECODER.raw_decode(text, len(_PATH) - 1)[0])


def _around(
    path: str, size: int, etag: str, found: Found, file: str, attributes: Mapping[str, Any], modified: float | None
) -> tuple[str, str]:
    """The same as text, as the encoder of JSON writes it: for very many. Without content it is one, in two pieces."""
    where = found.where
    before = f'{_PATH}{_quoted(path)[1:]},"size":{size},"marker":{_quoted(etag)},"foundBy":{_quoted(found.by)}'
    if where is not None:
        before += f',"source":{_quoted(where.source)},"document":{_quoted(where.document[:MAX_WHERE])}'
        before += f',"field":{_quoted(where.field[:MAX_WHERE])}'
    if file:
        before += f',"file":{_quoted(file)},"sha256":"'
    after = '"' if file else ""
    after += f',"attributes":{_encoded(attributes)}' if attributes else ""
    return before, after + ("}" if modified is None else f',"modified":{modified!r}}}')


_last: tuple[Mapping[str, Any], str] = ({}, "{}")


def _encoded(attributes: Mapping[str, Any]) -> str:
    """As text. Most files have the very attributes of the file before, which nobody alters."""
    global _last
    same, text = _last
    if attributes is not same:
        text = _ENCODER.encode(dict(attributes))
        _last = attributes, text
    return text


def _line(text: bytes, limit: int) -> bytes:
    return require_readable(text + b"\n", limit, f"a line of {FILE}")


# ---- reading


def read(folder: Backup) -> Index | None:
    """What a backup holds, None where it was made without files; DamageError where the file is not what was sealed.

    What is returned names only content that has a sum, below `files/`, and each path and each content once.
    """
    if TIER not in folder.catalog.tiers:
        return None
    where = folder.describe(FILE)
    try:
        with Sorted[tuple[str, str]]() as sums:
            digest = ""
            for path, each in folder.sums():
                if path.startswith(f"{FOLDER}/"):
                    sums.add((path, each))
                elif path == FILE:
                    digest = each
            rows: Sorted[Row] = Sorted()
            entries = Waiting(rows, entry_of)
            return _checked(_parsed(folder, digest, rows), entries, rows, sums)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DamageError(f"{where}: not a valid list of files: {error}") from error


def _parsed(folder: Backup, digest: str, rows: Sorted[Row]) -> dict[str, Any]:
    """The head; the entries, line by line, become `rows`. The sum is that of what was read."""
    actual = hashlib.sha256()
    with folder.reading(FILE) as file:
        lines = _lines(file, actual)
        head: dict[str, Any] = json.loads(next(lines, b"").strip() + b"]}")
        for line in lines:
            if line != b"]}\n":
                rows.add(row_of(parsed(line)))
    if actual.hexdigest() != digest:
        raise DamageError(f"{folder.describe(FILE)}: altered: its sum does not match")
    if head["kind"] != KIND or not isinstance(head["formatVersion"], int):
        raise ValueError(f"its kind is {head['kind']!r}")
    if head["formatVersion"] > FORMAT_VERSION:
        raise UsageError(
            f"{folder.describe(FILE)}: format {head['formatVersion']} is newer than this program reads ({FORMAT_VERSION})",
            hint="use the version of kubectl lrs that made it, or a newer one",
        )
    return head


def _lines(file: Any, actual: Any) -> Iterator[bytes]:
    limit = MAX_HEAD
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise ValueError("a line is too long")
        actual.update(line)
        yield line
        limit = MAX_LINE


def parsed(line: bytes) -> SavedFile:
    """One line of the file; any of the errors of a wrong document."""
    data = json.loads(line.rstrip(b",\n"))
    attributes = data.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise ValueError("attributes")  # noqa: TRY004  it is the document that is wrong
    where = Where(_text(data["source"]), _text(data["document"]), _text(data["field"])) if "source" in data else None
    return SavedFile(
        path=_text(data["path"]),
        size=_size(data["size"]),
        etag=_text(data["marker"]),
        found=ALL if data["foundBy"] == ALL.by and where is None else Found(_text(data["foundBy"]), where),
        file=_text(data.get("file", "")),
        sha256=_text(data.get("sha256", "")),
        attributes=_alike(attributes),
        modified=_instant(data.get("modified")),
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


def _instant(value: Any) -> float | None:
    if value is not None and (type(value) not in (int, float) or not 0 <= value < 2**63):
        raise ValueError(f"{value!r} is no time")
    return value  # type: ignore[no-any-return]


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is no size")
    return value


def _checked(
    head: Mapping[str, Any], entries: Sequence[SavedFile], rows: Iterable[Row], sums: Iterable[tuple[str, str]]
) -> Index:
    """`sums`: those below `files/`, in the order of the paths. `rows`: the entries."""
    _unique("path", (row[0] for row in rows))
    with Sorted[tuple[str, str, str]]() as held:
        for path, *_, file, digest, _beside, _modified in rows:
            if file:
                held.add((file, digest, path))
        _unique("file", (file for file, _, _ in held))
        _require_content(held, sums)
    folders = head["folders"]
    if not isinstance(folders, dict) or not all(isinstance(each, dict) for each in folders.values()):
        raise ValueError("folders")
    return Index(url=_text(head["url"]), level=_text(head["level"]), entries=entries, folders=folders)


def _require_content(held: Iterable[tuple[str, str, str]], sums: Iterable[tuple[str, str]]) -> None:
    """ValueError unless the two are the same files in the same order, with the same sums. `held`: (file, sum, path)."""
    surplus: list[str] = []
    left = iter(sums)
    listed = next(left, None)
    for file, digest, path in held:
        while listed is not None and listed[0] < file:
            surplus = surplus or [listed[0]]
            listed = next(left, None)
        if listed != (file, digest) or not _SUM.fullmatch(digest):
            raise ValueError(f"{path!r}: its content is not in the backup")
        listed = next(left, None)
    if listed is not None:
        surplus.append(listed[0])
    if surplus:
        raise ValueError(f"{surplus[0]!r} is the content of no file")


def _unique(what: str, values: Iterable[str]) -> None:
    """ValueError where one comes twice; they are in order."""
    before = None
    for value in values:
        if value == before:
            raise ValueError(f"{what} {value!r} is there twice")
        before = value
