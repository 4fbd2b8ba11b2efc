"""YAML or JSON text → data. Pure; the text is not trusted. The one place that knows the YAML library.

`load_all` reads what a person hands over to be applied, as kubectl does; `load` a file of settings or of a backup, as
Python's programs do.

kubectl reads go-yaml's dialect of YAML 1.1: `y` and `on` are booleans, `0o14` and `014` are 12, `08` is 8, `12:30` and
dates are strings, a whole float becomes an integer, a key becomes a string. PyYAML's constructors differ in all of
these; its parser alone serves there. Refused is what could grow without bound or would be taken without a word for
something else: aliases, merge keys, tags other than the plain scalars', a key that is there twice, a number that JSON
cannot hold.
Source: go.yaml.in/yaml/v2 `resolve.go` and `decode.go`, sigs.k8s.io/yaml, k8s.io/apimachinery `pkg/util/yaml`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from kubectl_lrs.formats.documents import MAX_DEPTH, TOO_DEEP, Document, as_go_writes, refused, shown
from kubectl_lrs.formats.json_reader import JsonReader
from kubectl_lrs.formats.yaml_scalars import as_key, resolved
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import printable

MAX_BYTES = 256 << 20
"""Bytes of one file, or of standard input; about twice the YAML of 31,000 LRS."""

_STR, _BOOL, _INT, _FLOAT, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null"))
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_TYPES: dict[str, Any] = {_BOOL: bool, _INT: int, _FLOAT: (int, float), _NULL: type(None)}

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYamlError(ValueError):
    """It is not YAML, or not YAML that is taken; `str` says why, and may quote from it."""


def load(data: bytes, *, aliases: bool, more: bool = False) -> Any:
    """The document as plain data, None where there is none; NotYamlError for what is none.

    `aliases`: whether the file is the user's own, which may have them and be nested as it is; else it is looked at
    before anything is built. `more`: whether documents may follow, which are not read.
    """
    try:
        if not aliases:
            _check_plain(data)
        return next(yaml.load_all(data, Loader=_LOADER), None) if more else yaml.load(data, Loader=_LOADER)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise NotYamlError(f"not YAML: {printable(str(error.problem or error.context))}") from error
    except yaml.YAMLError as error:
        raise NotYamlError(f"not YAML: {printable(str(error).partition(chr(10))[0])}") from error
    except RecursionError as error:
        raise NotYamlError("nested too deeply") from error
    except ValueError as error:  # NotYamlError, and a date that does not exist
        raise error if isinstance(error, NotYamlError) else NotYamlError(f"not YAML: {printable(str(error))}") from error


def _check_plain(data: bytes) -> None:
    """NotYamlError for what would grow without bound: the events tell before anything is built from them."""
    depth = 0
    for event in yaml.parse(data, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise NotYamlError("YAML with an alias, which is not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise NotYamlError(TOO_DEEP)


# ---- what is to be applied, as kubectl reads it


def load_all(data: bytes, *, where: str) -> Iterator[Document]:
    """Every document; UsageError, with `where` and the line, for what cannot be read or is refused."""
    text = _decoded(data, where)
    reader = JsonReader(text, where)
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
        raise refused(where, line, f"not UTF-8: there is a byte 0x{data[error.start]:02x}") from error


class _Yaml:
    """The documents of YAML text. `lines_before`: how many lines of the file come before it."""

    def __init__(self, data: bytes, where: str, *, lines_before: int) -> None:
        self._where = where
        self._lines_before = lines_before
        self._check_characters(data)
        self._events = yaml.parse(data, Loader=_LOADER)

    _not_yaml = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x84\x86-\x9f]|\xef\xbf[\xbe\xbf]|(?<!^)\xef\xbb\xbf")

    def _check_characters(self, data: bytes) -> None:
        if match := self._not_yaml.search(data):
            line = self._lines_before + data.count(b"\n", 0, match.start()) + 1
            raise refused(
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
            raise refused(self._where, line, f"not YAML: {error.problem or error.context}") from error
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
            key = as_key(value)
            if key is None:
                self._fail(event, f"the key {shown(event.value)} is no string", "put it in quotes")
            if key in seen:
                self._fail(event, f"the key {shown(key)} is there twice")
            yield key

    def _scalar(self, event: Any) -> Any:
        """Its value; whole floats are floats yet."""
        tag = event.tag
        if tag is None:
            return resolved(event.value) if event.implicit[0] else event.value
        if tag in ("!", _STR):
            return event.value
        if tag not in _TYPES:
            self._fail(event, f"the tag {shown(tag)}, which is not read")
        value: Any = resolved(event.value)
        if not isinstance(value, _TYPES[tag]) or (isinstance(value, bool) and tag != _BOOL):
            self._fail(event, f"{shown(event.value)} is not what its tag says")
        return float(value) if tag == _FLOAT else value

    def _number(self, event: Any, value: Any) -> Any:
        """The value as it comes out of Go's JSON."""
        if value.__class__ is int and value >= 2**63:
            return as_go_writes(float(value))
        if value.__class__ is not float:
            return value
        if not math.isfinite(value):
            self._fail(event, f"{event.value}, which JSON has no number for", "put it in quotes if it is a string")
        return as_go_writes(value)

    def _check_collection(self, event: Any, level: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._fail(event, f"the alias *{event.anchor}, which is not read", "write out what it stands for")
        if event.tag not in (None, "!", _MAP, _SEQ):
            self._fail(event, f"the tag {shown(event.tag)}, which is not read")
        if level > MAX_DEPTH:
            self._fail(event, TOO_DEEP)

    def _fail(self, event: Any, what: str, hint: str = "") -> NoReturn:
        raise refused(self._where, self._line(event), what, hint)

    def _line(self, event: Any) -> int:
        return self._lines_before + int(event.start_mark.line) + 1
