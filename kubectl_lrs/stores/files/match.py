"""Which objects of the storage belong to what is saved. Pure: strings of documents and paths of objects go in.

An object belongs when its path, relative to the storage's prefix or in full, stands in a saved document, when a part of
its path is the id of one, or when one names a folder that it lies in. How each was found is kept, so that nobody has to
guess why a file is in a backup.

A reference whose object is not there is told from any other string by two things only: it lies below the storage's own
URL or folder; or it stands in a field that holds nothing but paths, which is shown by others of its kind in the same
field whose objects are there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

MAX_TOKEN = 4096
"""Characters that a path may have; a longer piece of a text is none."""

MAX_DEPTH = 64
"""Parts of a path that are looked at, from the end."""

MAX_MISSING = 10_000
_ID = re.compile(r"[0-9a-f]{24}")
_IDS_WITHIN = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{24}(?![0-9a-zA-Z])")
_SPLIT = re.compile(r"[\s\"'`<>|,;()\[\]{}]+")
_ESCAPED = re.compile(r"[%?#]")
_QUERY = re.compile(r"[?#]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Where:
    """Where a string stands: a collection (or `lrs`), the document's id, and the field, with `[]` for any place in a list."""

    source: str
    document: str
    field: str

    def __str__(self) -> str:
        return f"{self.source} {self.document} {self.field}"


@dataclass(frozen=True, slots=True)
class Found:
    """How an object was found: by its `path` in a document, the `id` of one, a `folder` that one names, or as one of `all`."""

    by: str
    where: Where | None = None


ALL = Found("all")


@dataclass
class References:
    """What the saved documents say, as far as it can mean an object; `add` and `add_id` while they are read.

    One entry for each distinct piece of text, with the first place that it was seen in: memory is bounded by what the
    documents hold, not by the number of objects.
    """

    tokens: dict[str, Where] = field(default_factory=dict)
    ids: dict[str, Where] = field(default_factory=dict)
    whole: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """By field (`source field`): each whole string that may be a path → the first document that has it."""

    def add(self, where: Where, text: str) -> None:
        """One string of a document."""
        if not text or text.isspace():
            return
        if _ID.fullmatch(text):
            return
        if _may_be_path(text):
            self.whole[f"{where.source} {where.field}"].setdefault(text, where.document)
        for piece in _pieces(text):
            self.tokens.setdefault(piece, where)

    def add_id(self, where: Where, identifier: str) -> None:
        """The id of a document, 24 hex digits; anything else is none."""
        if _ID.fullmatch(identifier):
            self.ids.setdefault(identifier, where)


def _may_be_path(text: str) -> bool:
    return "/" in text.strip("/") and len(text) <= MAX_TOKEN and "\n" not in text


def _pieces(text: str) -> Iterator[str]:
    """The whole text, and each piece between blanks and quotes that has a `/`; a URL also without its escapes and query."""
    candidates = [text] if len(text) <= MAX_TOKEN else []
    if "/" in text and _SPLIT.search(text):
        candidates += [piece for piece in _SPLIT.split(text) if "/" in piece and len(piece) <= MAX_TOKEN]
    for piece in candidates:
        yield from _readings(piece)


def _readings(piece: str) -> Iterator[str]:
    """What one piece may mean as a path without slashes around it."""
    is_url = _SCHEME.match(piece) is not None
    forms = [piece]
    if is_url and _ESCAPED.search(piece):
        forms.append(unquote(_QUERY.split(piece, maxsplit=1)[0]))
    for form in forms:
        plain = _plain(form)
        if plain:
            yield plain
        if is_url or form.startswith("/"):
            yield from _ends(plain)


def _plain(piece: str) -> str:
    return _SCHEME.sub("", piece, count=1).strip("/")


def _ends(path: str) -> Iterator[str]:
    """What is left without the first parts, as long as that is more than a bare name.

    A document may name an object by a path or URL that begins above the storage's prefix, or at another place that
    the same files were in before.
    """
    at = path.find("/")
    for _ in range(MAX_DEPTH):
        if at < 0 or path.find("/", at + 1) < 0:
            return
        yield path[at + 1 :]
        at = path.find("/", at + 1)


class FileMatcher:
    """Decides object by object; then tells what is referred to and was not there. `names`: the full names of a path."""

    def __init__(self, references: References, names: Callable[[str], tuple[str, ...]], *, take_all: bool = False) -> None:
        self._references = references
        self._names = names
        self._take_all = take_all
        self._there: set[str] = set()
        self._folders: set[str] = set()
        self._own = sorted({_plain(name) for name in names("")} - {""}, key=len, reverse=True)

    def found(self, path: str) -> Found | None:
        """How the object of this path belongs, None where it does not."""
        references = self._references
        self._folders.update(_new_folders(path.strip("/"), self._folders))
        where = references.tokens.get(path.strip("/")) or next(
            (references.tokens[name] for name in map(_plain, self._names(path)) if name in references.tokens), None
        )
        if where is not None:
            self._there.add(path.strip("/"))
            return Found("path", where)
        for part in path.split("/"):
            if len(part) >= 24 and (by := self._by_id(part)):
                return Found("id", by)
        if within := self._by_folder(path):
            return Found("folder", within)
        return ALL if self._take_all else None

    def _by_folder(self, path: str) -> Where | None:
        """A folder of the path that a document names; one of a single part is too common a word."""
        folder = path.strip("/").rpartition("/")[0]
        while "/" in folder:
            for name in (folder, *map(_plain, self._names(folder))):
                if where := self._references.tokens.get(name):
                    self._there.add(folder)
                    return where
            folder = folder.rpartition("/")[0]
        return None

    def _by_id(self, part: str) -> Where | None:
        """A part that is an id, or that holds one set off from its neighbours (`ID.tar.gz`, `app_ID`)."""
        ids = self._references.ids
        if part in ids:
            return ids[part]
        return next((ids[each] for each in _IDS_WITHIN.findall(part) if each in ids), None)

    def missing(self) -> list[tuple[str, Where]]:
        """(path, where it is referred to) of what is surely meant to be in this storage and was not among the objects."""
        lost: dict[str, Where] = {}
        for place, texts in self._references.whole.items():
            source, _, name = place.partition(" ")
            absent = [text for text in texts if not self._is_there(text)]
            holds_paths = len(absent) < len(texts)
            for text in absent:
                path = self._meant(text, holds_paths=holds_paths)
                if path and path not in self._folders and len(lost) < MAX_MISSING:
                    lost.setdefault(path, Where(source, texts[text], name))
        return sorted(lost.items())

    def _is_there(self, text: str) -> bool:
        return any(self._relative(piece) in self._there for piece in _readings(text))

    def _meant(self, text: str, *, holds_paths: bool) -> str:
        """The path that the string surely means; empty where it may mean something else."""
        is_url = _SCHEME.match(text) is not None
        plain = _plain(_QUERY.split(text, maxsplit=1)[0] if is_url else text)
        relative = self._relative(plain)
        if (is_url or text.startswith("/")) and relative == plain:
            return ""
        is_surely = relative != plain and (is_url or text.startswith("/"))
        looks_like = text == text.strip() and "//" not in relative and not text.endswith("/")
        return relative if looks_like and (is_surely or holds_paths) else ""

    def _relative(self, plain: str) -> str:
        """Without the storage's own prefix, where it begins with that."""
        for own in self._own:
            if plain.startswith(f"{own}/"):
                return plain[len(own) + 1 :]
        return plain


def folders_of(paths: Iterable[str]) -> set[str]:
    """Every folder that one of these paths lies in."""
    found: set[str] = set()
    for path in paths:
        found.update(_new_folders(path, found))
    return found


def _new_folders(path: str, known: set[str]) -> list[str]:
    """The folders of a path that are not known yet."""
    new = []
    parent = path.rpartition("/")[0]
    while parent and parent not in known:
        new.append(parent)
        parent = parent.rpartition("/")[0]
    return new
