"""JSON data → YAML text that every reader understands alike. Pure; it knows nothing of Kubernetes.

Block style; a string that any YAML 1.1 or 1.2 reader could take for something else stands in JSON's double quotes,
which mean the same to all of them. PyYAML's emitter is neither: it leaves `y`, `1e3`, `0o14` and `08` unquoted,
which kubectl reads as booleans and numbers, and it takes ten times as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

MAX_SIMPLE_KEY = 500
"""YAML allows 1,024 characters for a key on one line; readers count differently, so longer ones get `? key` early."""

MOST_KEYS = 4096
"""Keys that are kept as they are written."""

_is_plain = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*(?::[A-Za-z0-9_./@-]+)*").fullmatch
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"])
LONGEST_WORD = max(map(len, _WORDS))
# What JSON leaves as it is and a YAML reader refuses, folds or drops: DEL, C1, line and paragraph separators, BOM,
# surrogates and the two non-characters of each plane's end that YAML excludes.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def dump(value: Any) -> str:
    """The YAML document of a JSON value (dicts with string keys, lists, str, int, float, bool, None), ending in a newline."""
    lines: list[str] = []
    if _is_block(value):
        _block(value, "", "", lines.append)
    else:
        lines.append(f"{_scalar(value)}\n")
    return "".join(lines)


def _is_block(value: Any) -> bool:
    return bool(value) and (value.__class__ is dict or value.__class__ is list)


def _block(value: Any, pad: str, first: str, write: Callable[[str], None]) -> None:
    """Write a mapping or sequence that is not empty: its first line begins with `first`, the others with `pad`."""
    if value.__class__ is dict:
        for key, item in value.items():
            name = _KEYS[key]
            if not name:
                write(f"{first}? {_text(key)}\n")
                _entry(item, pad, f"{pad}: ", write)
            elif item.__class__ is str:  # as most are; what is plain is decided here, as it is in `_text`
                if _is_plain(item) and (len(item) > LONGEST_WORD or item.lower() not in _WORDS):
                    write(f"{first}{name} {item}\n")
                else:
                    write(f"{first}{name} {_quoted(item)}\n")
            elif not _is_block(item):
                write(f"{first}{name} {_scalar(item)}\n")
            else:
                write(f"{first}{name}\n")
                inner = pad if item.__class__ is list else pad + "  "
                _block(item, inner, inner, write)
            first = pad
    else:
        for item in value:
            _entry(item, pad, f"{first}- ", write)
            first = pad


def _entry(item: Any, pad: str, lead: str, write: Callable[[str], None]) -> None:
    if _is_block(item):
        _block(item, pad + "  ", lead, write)
    else:
        write(f"{lead}{_scalar(item)}\n")


def _scalar(value: Any) -> str:
    kind = value.__class__
    if kind is str:
        return _text(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return _number(value)
    if kind is list or kind is dict:
        return "[]" if kind is list else "{}"
    raise TypeError(f"not JSON data: {kind.__name__}")


def _text(text: str) -> str:
    if _is_plain(text) and (len(text) > LONGEST_WORD or text.lower() not in _WORDS):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    if not text.isascii() or "\x7f" in text:
        quoted = _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
    return quoted


class _Keys(dict[str, str]):
    """Keys as they are written, with their colon; empty for one that is too long for that. The same come again and again."""

    def __missing__(self, key: str) -> str:
        if len(self) >= MOST_KEYS:
            self.clear()
        name = _text(key)
        return self.setdefault(key, f"{name}:" if len(name) <= MAX_SIMPLE_KEY else "")


_KEYS = _Keys()


def _number(value: float) -> str:
    """A float that YAML 1.1 readers too take for one: they want a point in the mantissa."""
    text = repr(value)
    if text in ("nan", "inf", "-inf"):
        raise ValueError(f"not a JSON number: {text}")
    mantissa, exponent, power = text.partition("e")
    return text if "." in mantissa else f"{mantissa}.0{exponent}{power}"
