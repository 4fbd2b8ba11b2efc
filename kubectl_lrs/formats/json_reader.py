"""The JSON objects that a text begins with, as kubectl reads them. Pure; the text is not trusted.

Refused is what Go's reader would take for something else without a word: a key that is there twice, a number that is out
of range; and what is nested too deeply.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Generator, Iterator
from typing import Any, NoReturn

from kubectl_lrs.formats.documents import MAX_DEPTH, TOO_DEEP, Document, as_go_writes, refused, shown


class _NotTakenError(ValueError):
    """JSON that is refused, though it is JSON; `str` says why."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [key for key, _ in pairs]
        raise _NotTakenError(f"the key {shown(next(key for key in names if names.count(key) > 1))} is there twice")
    return made


def _integer(text: str) -> float:
    if len(text) <= 20 and -(2**63) <= (number := int(text)) < 2**63:
        return number
    return _float(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotTakenError(f"the number {text[:40]} is out of range")
    return as_go_writes(number)


def _constant(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text} is no number", text, 0)


class JsonReader:
    """The JSON objects that a text begins with; `end`: where they end and something else follows."""

    _decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_integer, parse_constant=_constant)
    _blank = re.compile(r"[ \t\r\n]*")
    _half_character = re.compile(r"\\u[dD][89a-fA-F]")

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._may_have_halves = self._half_character.search(text) is not None
        self._counted = (0, 1)
        self.end = 0

    def documents(self) -> Iterator[Document]:
        """Every object up to `end`. What is not JSON from its beginning on is left: it may be YAML in flow style."""
        while self._text.startswith("{", start := self._skip(self.end)):
            line = self._line(start)
            begun = False
            try:
                for document in self._document(start, line):
                    begun = True
                    yield document
            except json.JSONDecodeError as error:
                if not begun:
                    return
                raise refused(self._where, self._line(error.pos), f"not JSON: {error.msg}") from error
            except (_NotTakenError, RecursionError) as error:
                what = str(error) if isinstance(error, _NotTakenError) else TOO_DEEP
                raise refused(self._where, line, f"in what begins here: {what}") from error
        if start == len(self._text):
            self.end = start

    def _document(self, start: int, line: int) -> Iterator[Document]:
        members: dict[str, Any] = {}
        at = self._open(start, "}")
        while at > 0:
            key, at = self._value(at, 2)
            if not isinstance(key, str) or not self._text.startswith(":", at):
                raise json.JSONDecodeError("a key and its value are expected", self._text, at)
            if key in members:
                raise _NotTakenError(f"the key {shown(key)} is there twice")
            at = self._skip(at + 1)
            if key == "items" and self._text.startswith("[", at):
                members[key] = []
                at = yield from self._items(at)
            else:
                members[key], at = self._value(at, 2)
            at = self._next(at, "}")
        self.end = -at
        yield Document(line, members)

    def _items(self, start: int) -> Generator[Document, None, int]:
        at = self._open(start, "]")
        while at > 0:
            line = self._line(at)
            value, at = self._value(at, 3)
            yield Document(line, value, is_item=True)
            at = self._next(at, "]")
        return self._skip(-at)

    def _open(self, start: int, end: str) -> int:
        """The place of the first member of what begins at `start`; negative, and behind the end, where there is none."""
        at = self._skip(start + 1)
        return -(at + 1) if self._text.startswith(end, at) else at

    def _next(self, at: int, end: str) -> int:
        """The place of the next member after a value that ended at `at`, as `_open` gives it."""
        if self._text.startswith(end, at):
            return -(at + 1)
        if not self._text.startswith(",", at):
            raise json.JSONDecodeError(f"',' or {end!r} is expected", self._text, at)
        return self._skip(at + 1)

    def _value(self, at: int, level: int) -> tuple[Any, int]:
        """A value, and the place of what comes after it."""
        value, end = self._decoder.raw_decode(self._text, at)
        if self._text.count("{", at, end) + self._text.count("[", at, end) > MAX_DEPTH - level or self._may_have_halves:
            value = _clean(value, level)
        return value, self._skip(end)

    def _skip(self, at: int) -> int:
        match = self._blank.match(self._text, at)
        return match.end() if match else at

    def _line(self, at: int) -> int:
        """The line of a place that is not before the last one that was asked for."""
        before, line = self._counted
        self._counted = (at, line + self._text.count("\n", before, at))
        return self._counted[1]


def _clean(value: Any, level: int) -> Any:
    """The value with the halves of characters replaced as Go does; _NotTakenError where it is nested too deeply."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not isinstance(value, (dict, list)):
        return value
    if level > MAX_DEPTH:
        raise _NotTakenError(TOO_DEEP)
    if isinstance(value, list):
        return [_clean(item, level + 1) for item in value]
    return {_clean(key, level): _clean(item, level + 1) for key, item in value.items()}
