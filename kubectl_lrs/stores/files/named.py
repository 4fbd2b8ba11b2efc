"""Which texts can mean something of a storage: made of its list before documents are read, so that the others are not kept.

How its paths stand in documents, and a few bits for each name of a file or a folder. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from urllib.parse import unquote

MAX_TOKEN = 4096
"""Characters that a path may have; a longer piece of a text is none."""

MAX_DEPTH = 64
"""Parts of a path that are looked at, from the end."""

BITS = 128
"""Of each file: enough for its names, so that of texts that mean nothing hardly one in a hundred is kept."""

LEAST, MOST = 1 << 16, 1 << 27
MOST_ALONE = 50_000
"""Names of a single part that are held as they are, which is quicker."""

IDS_WITHIN = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{24}(?![0-9a-zA-Z])")
_SPLIT = re.compile(r"[\s\"'`<>|,;()\[\]{}]+")
_ESCAPED = re.compile(r"[%?#]")
_QUERY = re.compile(r"[?#]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

Names = Callable[[str], tuple[str, ...]]
"""The full names of a path."""


class Spelling:
    """How documents may write the paths of a storage."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._roots = tuple(dict.fromkeys(map(_plain, names(""))))
        self._own = sorted({*self._roots} - {""}, key=len, reverse=True)

    def full(self, path: str) -> Iterable[str]:
        """Each way to write a path out in full, without scheme and outer slashes."""
        if "://" in path or path.startswith("/"):  # together with a root it may look like a scheme
            return map(_plain, self._names(path))
        return [f"{root}/{path}".strip("/") for root in self._roots]

    def relative(self, plain: str) -> str:
        """Without the storage's own prefix, where it begins with that."""
        for own in self._own:
            if plain.startswith(f"{own}/"):
                return plain[len(own) + 1 :]
        return plain

    def meant(self, text: str) -> tuple[str, bool]:
        """(the path that a string can mean, empty if none; whether it means this storage, wherever it stands)."""
        is_url = _is_url(text)
        plain = _plain(_QUERY.split(text, maxsplit=1)[0] if is_url else text)
        relative = self.relative(plain)
        is_full = is_url or text.startswith("/")
        is_elsewhere = is_full and relative == plain
        looks_like = text == text.strip() and "//" not in relative and not text.endswith("/")
        return (relative, is_full) if looks_like and not is_elsewhere else ("", False)


class Named:
    """What a list of a storage has, for texts to be held against. `paths`: of its files, about `count` of them.

    A text that names a file, a folder or the id within a path is `in` it; of all others, very few are.
    """

    def __init__(self, paths: Iterable[str], count: int, names: Names) -> None:
        self.spelling = Spelling(names)
        self.folders: set[str] = set()
        self._mask = max(LEAST, min(1 << (count * BITS).bit_length(), MOST)) - 1
        self._bits = bytearray((self._mask >> 3) + 1)
        alone: set[str] = set()
        for path in paths:
            for name in self._names_of(path):
                self._mark(name)
                if "/" not in name and len(alone) <= MOST_ALONE:
                    alone.add(name)
            for identifier in IDS_WITHIN.findall(path):
                self._mark(identifier)
        self.alone: Container[str] = alone if len(alone) <= MOST_ALONE else self
        """Those of a single part."""

    def _names_of(self, path: str) -> Iterator[str]:
        plain = path.strip("/")
        yield plain
        yield from self.spelling.full(path)
        for folder in new_folders(plain, self.folders):
            self.folders.add(folder)
            if "/" in folder:
                yield folder
                yield from self.spelling.full(folder)

    def _mark(self, name: str) -> None:
        number = hash(name)
        for at in (number & self._mask, (number >> 32) & self._mask):
            self._bits[at >> 3] |= 1 << (at & 7)

    def __contains__(self, text: object) -> bool:
        number = hash(text)
        at = number & self._mask
        if not self._bits[at >> 3] >> (at & 7) & 1:
            return False
        at = (number >> 32) & self._mask
        return bool(self._bits[at >> 3] >> (at & 7) & 1)


def new_folders(path: str, known: set[str]) -> list[str]:
    """The folders of a path that are not known yet."""
    new = []
    parent = path.rpartition("/")[0]
    while parent and parent not in known:
        new.append(parent)
        parent = parent.rpartition("/")[0]
    return new


# ---- what a text can mean


def may_be_path(text: str) -> bool:
    """Whether all of it may be one."""
    return "/" in text.strip("/") and len(text) <= MAX_TOKEN and "\n" not in text


def pieces(text: str) -> Iterator[str]:
    """The whole text, and each piece between blanks and quotes that has a `/`; a URL also without its escapes and query."""
    if len(text) <= MAX_TOKEN:
        yield from readings(text)
    if "/" in text and _SPLIT.search(text):
        for piece in _SPLIT.split(text):
            if "/" in piece and len(piece) <= MAX_TOKEN:
                yield from readings(piece)


def readings(piece: str) -> Iterator[str]:
    """What one piece may mean as a path without slashes around it."""
    is_url = _is_url(piece)
    forms = [piece]
    if is_url and _ESCAPED.search(piece):
        forms.append(unquote(_QUERY.split(piece, maxsplit=1)[0]))
    for form in forms:
        plain = _plain(form)
        if plain:
            yield plain
        if is_url or form.startswith("/"):
            yield from _ends(plain)


def _is_url(text: str) -> bool:
    return "://" in text and _SCHEME.match(text) is not None


def _plain(piece: str) -> str:
    return (_SCHEME.sub("", piece, count=1) if "://" in piece else piece).strip("/")


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
