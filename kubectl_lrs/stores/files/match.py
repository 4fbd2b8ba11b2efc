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
from collections.abc import Iterable
from dataclasses import dataclass

from kubectl_lrs.stores.files.named import IDS_WITHIN, MAX_TOKEN, Named, may_be_path, new_folders, pieces, readings

MAX_MISSING = 10_000

MOST_SEEN, LONGEST_SEEN = 8_000, 200
"""Strings that are known again when they come again, and the characters of the longest of these."""

_ID = re.compile(r"[0-9a-f]{24}")


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


class _Texts:
    """The strings of one field that may be paths, as far as anything can depend on them."""

    __slots__ = ("_others", "_sure", "first")

    def __init__(self) -> None:
        self.first: dict[str, str] = {}
        """Each string → the first document that has it."""
        self._sure: set[str] = set()
        self._others: set[str] = set()

    def add_absent(self, text: str, document: str, path: str, *, is_sure: bool) -> None:
        """One that means `path`, which is not there: as many of each kind as can be told in the end, the first of them."""
        known = self._sure if is_sure else self._others
        if path not in known and len(known) < MAX_MISSING:
            known.add(path)
            self.first.setdefault(text, document)


class References:
    """What the saved documents say, as far as it can mean an object of one list; `add` and `add_id` while they are read.

    Kept is what may name something of the list, each with the first place that it was seen in, and of what is not there
    as much as can be told: memory is bounded by what the storage holds, not by what documents say.
    """

    def __init__(self, named: Named) -> None:
        self.named = named
        self.tokens: dict[str, Where] = {}
        self.ids: dict[str, Where] = {}
        self.fields: dict[tuple[str, str], _Texts | None] = {}
        """By source and field, in the order in which they came: None where nothing depends on any of its strings."""
        self.says_anything = False
        self._seen: set[tuple[str, str, str]] = set()

    def concerns(self, text: str) -> bool:
        """Whether `add` has anything to do with a string."""
        if "/" in text or text in self.named.alone:
            return True
        if not self.says_anything:
            self.says_anything = not _is_nothing(text) and len(text) <= MAX_TOKEN
        return False

    def add(self, where: Where, text: str) -> None:
        """One string of a document."""
        if _is_nothing(text) or self._has_seen(where, text):
            return
        if may_be_path(text):
            self._add_whole(where, text)
        for piece in pieces(text):
            self.says_anything = True
            if piece in self.named:
                self.tokens.setdefault(piece, where)

    def add_id(self, where: Where, identifier: str) -> None:
        """The id of a document, 24 hex digits; anything else is none."""
        if _ID.fullmatch(identifier):
            self.says_anything = True
            if identifier in self.named:
                self.ids.setdefault(identifier, where)

    def _add_whole(self, where: Where, text: str) -> None:
        spelling, place = self.named.spelling, (where.source, where.field)
        texts = self.fields.setdefault(place, None)
        is_there = any(spelling.relative(each) in self.named for each in readings(text))
        path, is_sure = ("", False) if is_there else spelling.meant(text)
        if not is_there and (not path or path in self.named.folders):
            return
        if texts is None:
            texts = self.fields[place] = _Texts()
        if is_there:
            texts.first.setdefault(text, where.document)
        else:
            texts.add_absent(text, where.document, path, is_sure=is_sure)

    def _has_seen(self, where: Where, text: str) -> bool:
        """Whether the same stood in the same field before: thousands of LRS say the same. Of a few, and of long ones, not."""
        if len(text) > LONGEST_SEEN:
            return False
        this = (where.source, where.field, text)
        if this in self._seen:
            return True
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen.add(this)
        return False


def _is_nothing(text: str) -> bool:
    return not text or text.isspace() or _ID.fullmatch(text) is not None


class FileMatcher:
    """Decides object by object; then tells what is referred to and was not there. The objects are those of the list."""

    def __init__(self, references: References, *, take_all: bool = False) -> None:
        self._references = references
        self._spelling = references.named.spelling
        self._take_all = take_all
        self._there: set[str] = set()
        self._last: tuple[str, Where | None] = ("", None)

    def found(self, path: str) -> Found | None:
        """How the object of this path belongs, None where it does not."""
        where = self._first(path.strip("/"), path)
        if where is not None:
            self._there.add(path.strip("/"))
            return Found("path", where)
        for part in path.split("/"):
            if len(part) >= 24 and (by := self._by_id(part)):
                return Found("id", by)
        if within := self._by_folder(path):
            return Found("folder", within)
        return ALL if self._take_all else None

    def _first(self, plain: str, path: str) -> Where | None:
        """Where a path is named, as it is or in full."""
        tokens = self._references.tokens
        if not tokens:
            return None
        return tokens.get(plain) or next((tokens[name] for name in self._spelling.full(path) if name in tokens), None)

    def _by_folder(self, path: str) -> Where | None:
        """A folder of the path that a document names: mostly that of the path before."""
        folder = path.strip("/").rpartition("/")[0]
        if folder != self._last[0]:
            self._last = folder, self._named(folder)
        return self._last[1]

    def _named(self, folder: str) -> Where | None:
        """Where it is named, or one above it; one of a single part is too common a word."""
        while "/" in folder:
            if where := self._first(folder, folder):
                self._there.add(folder)
                return where
            folder = folder.rpartition("/")[0]
        return None

    def _by_id(self, part: str) -> Where | None:
        """A part that is an id, or that holds one set off from its neighbours (`ID.tar.gz`, `app_ID`)."""
        ids = self._references.ids
        return next((ids[each] for each in IDS_WITHIN.findall(part) if each in ids), None) if ids else None

    def missing(self) -> list[tuple[str, Where]]:
        """(path, where it is referred to) of what is surely meant to be in this storage and was not among the objects."""
        lost: dict[str, Where] = {}
        for (source, field), texts in self._references.fields.items():
            first = texts.first if texts else {}
            absent = [text for text in first if not self._is_there(text)]
            holds_paths = len(absent) < len(first)
            for text in absent:
                path, is_sure = self._spelling.meant(text)
                is_lost = path and (is_sure or holds_paths) and path not in self._references.named.folders
                if is_lost and len(lost) < MAX_MISSING:
                    lost.setdefault(path, Where(source, first[text], field))
        return sorted(lost.items())

    def _is_there(self, text: str) -> bool:
        return any(self._spelling.relative(piece) in self._there for piece in readings(text))


def folders_of(paths: Iterable[str]) -> set[str]:
    """Every folder that one of these paths lies in."""
    found: set[str] = set()
    for path in paths:
        found.update(new_folders(path, found))
    return found
