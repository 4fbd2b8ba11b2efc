"""YAML or JSON text that a person hands over → data, as kubectl reads it. Pure; the text is not trusted.

kubectl reads go-yaml's dialect of YAML 1.1: `y` and `on` are booleans, `0o14` and `014` are 12, `08` is 8, `12:30` and
dates are strings, a whole float becomes an integer, a key becomes a string. PyYAML's constructors differ in all of
these; its parser alone serves here. Refused is what could grow without bound or would be taken without a word for
something else: aliases, merge keys, tags other than the plain scalars', a key that is there twice, a number that JSON
cannot hold.
Source: go.yaml.in/yaml/v2 `resolve.go` and `decode.go`, sigs.k8s.io/yaml, k8s.io/apimachinery `pkg/util/yaml`.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import yaml

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import printable

MAX_BYTES = 256 << 20
"""Bytes of one file, or of standard input; about twice the YAML of 31,000 LRS."""

MAX_DEPTH = 200
"""Levels of mappings and lists within each other; far more than an LRS has, few enough for every step that descends."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is not empty, and the line it begins at.

    The elements of a list `items` at its top, as kubectl's lists have it, come one by one before it (`is_item`), so that
    a long list is never in memory as a whole; `items` is empty in the document itself.
    """

    line: int
    value: Any
    is_item: bool = False


def load_all(data: bytes, *, where: str) -> Iterator[Document]:
    """Every document; UsageError, with `where` and the line, for what cannot be read or is refused."""
    text = _decoded(data, where)
    reader = _Json(text, where)
    yield from reader.documents()
    if reader.end:
        data = text[reader.end :].encode()
    if data:
        yield from _Yaml(data, where, lines_before=text.count("\n", 0, reader.end)).documents()


def _decoded(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        raise UsageError(f"{where}: larger than {MAX_BYTES >> 20} MiB", hint="split it into several files")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{where}: UTF-16, as PowerShell writes it, and not UTF-8", hint="convert it to UTF-8")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(where, line, f"not UTF-8: there is a byte 0x{data[error.start]:02x}") from error


def _refused(where: str, line: int, what: str, hint: str = "") -> UsageError:
    return UsageError(f"{where}: line {line}: {what}", hint=hint)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def _as_go_writes(number: float) -> float:
    """A whole float is an integer to all who read Go's JSON; beyond 64 bits its shortest digits, filled up with zeros."""
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < 1e21 else number


# ---- JSON


class _NotTakenError(ValueError):
    """JSON that is refused, though it is JSON; `str` says why."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [key for key, _ in pairs]
        raise _NotTakenError(f"the key {_shown(next(key for key in names if names.count(key) > 1))} is there twice")
    return made


def _integer(text: str) -> float:
    if len(text) <= 20 and -(2**63) <= (number := int(text)) < 2**63:
        return number
    return _float(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotTakenError(f"the number {text[:40]} is out of range")
    return _as_go_writes(number)


def _constant(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text} is no number", text, 0)


class _Json:
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
                raise _refused(self._where, self._line(error.pos), f"not JSON: {error.msg}") from error
            except (_NotTakenError, RecursionError) as error:
                what = str(error) if isinstance(error, _NotTakenError) else _TOO_DEEP
                raise _refused(self._where, line, f"in what begins here: {what}") from error
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
                raise _NotTakenError(f"the key {_shown(key)} is there twice")
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
        raise _NotTakenError(_TOO_DEEP)
    if isinstance(value, list):
        return [_clean(item, level + 1) for item in value]
    return {_clean(key, level): _clean(item, level + 1) for key, item in value.items()}


# ---- YAML

_STR, _BOOL, _INT, _FLOAT, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null"))
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))")
_ODD_BINARY = re.compile(r"0b([+-][01]+)")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FIRST = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_BASES = (16, 2, 8, 10)


def resolved(text: str) -> Any:
    """What kubectl takes a plain scalar for: str, int, float (nan and inf too), bool or None."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if text[0] == ".":
        return _finite(text, text.replace("_", "")) if _POINT_FIRST.fullmatch(text) else text
    plain = text.replace("_", "")
    number = _as_integer(plain)
    if number is not None:
        return number
    return _finite(text, plain) if _NUMBER.fullmatch(plain) else text


def _finite(text: str, plain: str) -> float | str:
    """The float, or the text itself where it is out of range: go-yaml takes that for a string."""
    number = float(plain)
    return number if math.isfinite(number) else text


def _as_integer(plain: str) -> int | None:
    """Of 64 bits, with a sign or, where there is none written, without."""
    if match := _INTEGER.fullmatch(plain):
        sign, *forms = match.groups()
        digits, base = next((form, base) for form, base in zip(forms, _BASES, strict=True) if form)
        digits = digits.lstrip("0") or "0"
        number = int(sign + digits, base) if len(digits) <= 64 else 2**64
        return number if -(2**63) <= number < (2**63 if sign else 2**64) else None
    match = _ODD_BINARY.fullmatch(plain)
    return int(match[1], 2) if match and len(match[1]) <= 64 else None


def _as_key(value: Any) -> str | None:
    """A key that is no string, as sigs.k8s.io/yaml writes it; None where it has no way to."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value < 2**63 else None
    return _short_float(value) if isinstance(value, float) else None


def _short_float(value: float) -> str:
    """Go's FormatFloat(value, 'g', -1, 32): the fewest digits that tell it from other floats of 32 bits."""
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    text = next(text for text in (f"{single:.{digits}e}" for digits in range(9)) if _single(text) == single)
    return f"{Decimal(text):f}" if -4 <= int(text.partition("e")[2]) < 6 else text


def _single(text: str) -> float:
    return float(struct.unpack("f", struct.pack("f", float(text)))[0])


class _Yaml:
    """The documents of YAML text. `lines_before`: how many lines of the file come before it."""

    def __init__(self, data: bytes, where: str, *, lines_before: int) -> None:
        self._where = where
        self._lines_before = lines_before
        self._check_characters(data)
        self._events = yaml.parse(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    _not_yaml = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x84\x86-\x9f]|\xef\xbf[\xbe\xbf]|(?<!^)\xef\xbb\xbf")

    def _check_characters(self, data: bytes) -> None:
        if match := self._not_yaml.search(data):
            line = self._lines_before + data.count(b"\n", 0, match.start()) + 1
            raise _refused(
                self._where,
                line,
                f"the character U+{ord(match[0].decode()):04X}, which YAML does not allow",
                "kubectl get -o json writes what holds such characters",
            )

    def documents(self) -> Iterator[Document]:
        """Every document but the empty ones."""
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    yield from self._document(next(self._events))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = self._lines_before + (mark.line if mark else 0) + 1
            raise _refused(self._where, line, f"not YAML: {error.problem or error.context}") from error
        except yaml.YAMLError as error:
            raise UsageError(f"{self._where}: not YAML: {printable(str(error))}") from error

    def _document(self, event: Any) -> Iterator[Document]:
        line = self._line(event)
        if not isinstance(event, yaml.MappingStartEvent):
            value = self._value(event, 1)
            if value is not None:
                yield Document(line, value)
            return
        self._check_collection(event, 1)
        members: dict[str, Any] = {}
        for key in self._keys(members):
            start = next(self._events)
            if key == "items" and isinstance(start, yaml.SequenceStartEvent):
                self._check_collection(start, 2)
                members[key] = []
                for each in self._until(yaml.SequenceEndEvent):
                    item_line = self._line(each)
                    yield Document(item_line, self._value(each, 3), is_item=True)
            else:
                members[key] = self._value(start, 2)
        yield Document(line, members)

    def _value(self, event: Any, level: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._number(event, self._scalar(event))
        self._check_collection(event, level)
        if isinstance(event, yaml.MappingStartEvent):
            made: dict[str, Any] = {}
            for key in self._keys(made):
                made[key] = self._value(next(self._events), level + 1)
            return made
        return [self._value(each, level + 1) for each in self._until(yaml.SequenceEndEvent)]

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if event.__class__ is end:
                return
            yield event

    def _keys(self, seen: dict[str, Any]) -> Iterator[str]:
        """The keys of a mapping; whoever takes one reads its value before the next."""
        for event in self._until(yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._check_collection(event, 1)
                self._fail(event, "a mapping or a list as a key")
            if event.value == "<<" and event.implicit[0]:
                self._fail(event, "a merge key (<<), which is not read", "write out what it stands for")
            value = self._scalar(event)
            key = _as_key(value)
            if key is None:
                self._fail(event, f"the key {_shown(event.value)} is no string", "put it in quotes")
            if key in seen:
                self._fail(event, f"the key {_shown(key)} is there twice")
            yield key

    def _scalar(self, event: Any) -> Any:
        """Its value; whole floats are floats yet."""
        tag = event.tag
        if tag is None:
            return resolved(event.value) if event.implicit[0] else event.value
        if tag in ("!", _STR):
            return event.value
        if tag not in _TYPES:
            self._fail(event, f"the tag {_shown(tag)}, which is not read")
        value: Any = resolved(event.value)
        if not isinstance(value, _TYPES[tag]) or (isinstance(value, bool) and tag != _BOOL):
            self._fail(event, f"{_shown(event.value)} is not what its tag says")
        return float(value) if tag == _FLOAT else value

    def _number(self, event: Any, value: Any) -> Any:
        """The value as it comes out of Go's JSON."""
        if value.__class__ is int and value >= 2**63:
            return _as_go_writes(float(value))
        if value.__class__ is not float:
            return value
        if not math.isfinite(value):
            self._fail(event, f"{event.value}, which JSON has no number for", "put it in quotes if it is a string")
        return _as_go_writes(value)

    def _check_collection(self, event: Any, level: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._fail(event, f"the alias *{event.anchor}, which is not read", "write out what it stands for")
        if event.tag not in (None, "!", _MAP, _SEQ):
            self._fail(event, f"the tag {_shown(event.tag)}, which is not read")
        if level > MAX_DEPTH:
            self._fail(event, _TOO_DEEP)

    def _fail(self, event: Any, what: str, hint: str = "") -> NoReturn:
        raise _refused(self._where, self._line(event), what, hint)

    def _line(self, event: Any) -> int:
        return self._lines_before + int(event.start_mark.line) + 1


_TYPES: dict[str, Any] = {_BOOL: bool, _INT: int, _FLOAT: (int, float), _NULL: type(None)}
