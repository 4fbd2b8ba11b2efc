"""Texts, numbers and structures that a YAML writer can get wrong, the readers that it is held against, and any document."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import yaml
from hypothesis import strategies as st
from ruamel.yaml import YAML

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.diff import changes


def _cases(*words: str) -> list[str]:
    """Every word in lower, upper, title and mixed case."""
    forms = [(word, word.upper(), word.title(), word[:-1] + word[-1].upper()) for word in words]
    return list(dict.fromkeys(form for each in forms for form in each))


BOOLEANS = _cases("y", "n", "yes", "no", "on", "off", "true", "false")
NULLS = ["", "~", *_cases("null")]
INTEGERS = ["0", "1", "-1", "+1", "42", "9223372036854775808", "014", "-014", "08", "09", "0o14", "0O14", "00", "0_7"]
INTEGERS += ["0x1F", "0XFF", "-0xff", "0x", "0b1", "0B1", "-0b10", "1_000", "1__0", "_1", "1_", "1,000", "-", "+", "--1"]
FLOATS = ["1.0", "1.", ".5", "-.5", "+.5", "1e3", "1E3", "1e+3", "1e-3", "1.5e10", ".5e1", "1.e2", "1_0.5", "0e0", "1e"]
FLOATS += ["-0", "-0.0", "+1.5", "1.2.3", ".", "..", "0x1p3", "1e1000", "190:20:30.15", "0.1_5"]
FLOATS += [sign + form for sign in ("", "+", "-") for word in ("inf", "nan") for dot in ("", ".") for form in _cases(dot + word)]
FLOATS += _cases("infinity")
SEXAGESIMALS = ["12:30:45", "1:2", "-1:30", "+1:30", "190:20:30", "1:60", "22:22", "0:0", "01:02:03.5", "60:59"]
DATES = ["2001-12-14", "2001-1-1", "2001-12-14T21:59:43.10-05:00", "2001-12-14t21:59:43Z", "2001-12-14 21:59:43.10 -5"]
DATES += ["2001-12-15 2:59:43.10", "2002-12-14T00:00:00Z", "0000-00-00", "2001-13-45"]
OTHERS = [
    "<<",
    "=",
    "<",
    ">>",
    "==",
    "*",
    "&",
    "!",
    "!!str",
    "!!int 3",
    "?",
    ":",
    "-",
    ",",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    "[a]",
]
OTHERS += [
    "{a: b}",
    "{{ .Values.x }}",
    "$(VAR)",
    "|",
    ">",
    "|-",
    ">+",
    "%",
    "%YAML 1.2",
    "%TAG ! x",
    "@",
    "`",
    "#",
    "'",
    '"',
    "\\",
]
AMBIGUOUS = list(dict.fromkeys([*BOOLEANS, *NULLS, *INTEGERS, *FLOATS, *SEXAGESIMALS, *DATES, *OTHERS]))

STARTS = [f"{mark}{gap}a" for mark in "-?:&*!|>%@`#,[]{}'\"=<~.+/\\" for gap in ("", " ")]
INSIDE = [
    "a #b",
    "a# b",
    "a#b",
    "a: b",
    "a :b",
    "a : b",
    "a:b",
    "a:1",
    "a:",
    "a: ",
    "a::b",
    "::",
    "a,b",
    "a, b",
    "a]b",
    "[a",
    "a}",
    "a - b",
]
INSIDE += [
    "http://a:80/b?c=d#e",
    "repo:5000/image:tag@sha256:0a",
    "key: value # note",
    "- a: [b]",
    "a\t#b",
    "a:\tb",
    "a b",
    "a  b",
]
BLANKS = [" ", "  ", " a", "a ", " a ", "\t", "\ta", "a\t", "a\tb", "\t\t", " \t ", "a \t b", "    indented"]
LINES = [
    "\n",
    "\n\n",
    "a\n",
    "a\n\n",
    "\na",
    "a\nb",
    "a\n\nb",
    "a\n b",
    " a\nb",
    "a \nb",
    "a\n  b\n c\n",
    "\r",
    "\r\n",
    "a\r",
    "a\rb",
]
LINES += [
    "a\r\nb",
    "a\r\nb\r\n",
    "a\n\r b",
    "#!/bin/sh\nset -e\n\techo 'a' \"b\" \\\n",
    "a: b\n- c\n",
    "a\\\nb",
    "a\n#b\n",
    "a\n\tb",
]
MARKERS = ["---", "...", "--- a", "... a", "---a", "a\n---\nb", "a\n---\n", "\n---\n", "a\n...\nb", "--- |\n a", "----", "-- -"]
QUOTES = [
    "'a'",
    '"a"',
    "''",
    '""',
    "it's",
    'say "x"',
    "a'",
    'a"',
    "\\n",
    "\\u0041",
    "\\x41",
    "a\\",
    "\\\\",
    "C:\\dir\\new",
    '\\"',
    "\\/",
    "%41",
]
CHARACTERS = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA1)),
    "\u00ad",
    "\u00e9",
    "e\u0301",
    "\u200b",
    "\u200e",
    "\u2028",
    "\u2029",
]
CHARACTERS += [
    "\u202e",
    "\u2060",
    "\u3000",
    "\ud7ff",
    "\ue000",
    "\ufdd0",
    "\ufeff",
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\U00010000",
    "\U0001f600",
]
CHARACTERS += [
    "\U0001fffe",
    "\U0001ffff",
    "\U000e0001",
    "\U0010fffe",
    "\U0010ffff",
    "\u0663",
    "\uff11",
    "\u22121",
    "\u65e5\u672c",
    "\u05d0",
]
CHARACTERS += ["\U0001f468\u200d\U0001f469\u200d\U0001f467"]
SURROUNDED = [form for char in CHARACTERS for form in (f"a{char}b", f"{char}a", f"a{char}", f"a {char} b", f"{char}{char}")]
LONG = ["k" * size for size in (127, 128, 129, 499, 500, 501, 1022, 1023, 1024, 1025, 5000, 20_000)]
LONG += ["word " * 400, "a\n" * 2000, " " * 1100, "\x01" * 1100, "\U0001f600" * 1100, "\ufeff" * 200, "a: b # " * 200, "y" * 1100]
PLAIN = [
    "a",
    "nginx",
    "nginx:1.25",
    "repo.example.com:5000/team/image:v1.2.3",
    "/var/log/a_b-c.txt",
    "lrs.datarobot.com/v1",
    "a@b.c",
]
PLAIN += [
    "deployment",
    "nothing",
    "yesterday",
    "Yes1",
    "onset",
    "truely",
    "None",
    "datarobot-lrs-type",
    "A",
    "z",
    "e3",
    "x1F",
    "a:1",
]
_ALL = [*AMBIGUOUS, *PLAIN, *STARTS, *INSIDE, *BLANKS, *LINES, *MARKERS, *QUOTES, *CHARACTERS, *SURROUNDED, *LONG]
TABLE = list(dict.fromkeys(_ALL))

INTS = [0, 1, -1, 8, 10, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
BIG_INTS = [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, -(10**100)]
FLOAT_VALUES = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e3,
    1e15,
    1e16,
    1e20,
    1.2345678901234567e20,
    1e21,
    -1e21,
    1e22,
    1e100,
    1e-5,
    1e-6,
    1e-7,
]
FLOAT_VALUES += [1.5e-7, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 123456789.125]
NUMBERS = [*INTS, *BIG_INTS, *FLOAT_VALUES]


def _deep(levels: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = wrap(value)
    return value


STRUCTURES: dict[str, Any] = {
    "empty map": {},
    "empty list": [],
    "null": None,
    "true": True,
    "false": False,
    "empties in a map": {"a": {}, "b": [], "c": None, "d": "", "e": {"f": {}}, "g": [{}]},
    "empties in a list": [{}, [], None, "", [[]], [{}], {"a": []}],
    "list of lists": [[1, 2], [3, [4, [5]]], [[[]]], [[{"a": 1}]]],
    "list of maps": [{"a": 1, "b": 2}, {"a": {"b": 1}, "c": []}, {"a": [1]}],
    "maps in lists in maps": {"a": [{"b": [{"c": [{"d": 1}], "e": 2}], "f": 3}], "g": 4},
    "values that differ only in type": [1, 1.0, "1", True, "true", None, "null", 0, -0.0, "0", False, [], {}, "[]", "{}"],
    "keys that differ only in case": {"a": 1, "A": 2, "y": 3, "Y": 4, "true": 5, "True": 6, "": 7, " ": 8, "1": 9, "01": 10},
    "long keys": {
        "a" * 600: {"b" * 600: [{"c" * 600: 1, "d": 2}], "e": 3},
        "f" * 600: [],
        "g" * 600: [[1], {"h" * 600: {}}],
        "i": 1,
    },
    "long keys first in a list": [{"a" * 600: 1, "b": 2}, {"a" * 600: {"b": 1}}, [{"a" * 600: [1, 2]}]],
    "100 maps": _deep(100, lambda value: {"a": value, "b": 1}),
    "100 lists": _deep(100, lambda value: [value, 1]),
    "100 maps in lists": _deep(50, lambda value: {"a": [value, {"b": value.__class__.__name__}]}),
    "100 long keys": _deep(100, lambda value: {"a" * 600: value}),
}

Reader = Callable[[str], Any]


def _pyyaml(loader: Any) -> Reader:
    return lambda text: yaml.load(text, loader)


def _ruamel(version: tuple[int, int]) -> Reader:
    def read(text: str) -> Any:
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        return reader.load(text)

    return read


LIBYAML: Reader = _pyyaml(yaml.CSafeLoader)
OTHERS: dict[str, Reader] = {"PyYAML": _pyyaml(yaml.SafeLoader), "ruamel 1.1": _ruamel((1, 1)), "ruamel 1.2": _ruamel((1, 2))}
"""Slower by far."""
PLACES: dict[str, Callable[[str], Any]] = {
    "value": lambda text: {"a": text, "b": text},
    "item": lambda text: [text, text],
    "key": lambda text: {text: 1, "next": {text: {text: [{text: 2}]}}},
    "alone": lambda text: text,
    "nested": lambda text: {"a": [{text: text, "b": [[text], text]}, {"c": {text: [text], f"{text}x": {}}}]},
}


def difference(before: Any, after: Any) -> list[str]:
    """What makes two JSON values differ, types and the sign of zero included; the order of keys is not held against them."""
    found = [f"{each.field}: {each.before!a:.200} → {each.after!a:.200}" for each in changes(before, after)]
    if not found and json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True):
        found = ["the sign of a zero"]
    return found


def as_go_writes(value: Any) -> Any:
    """The value as Go writes it: whole floats as integers up to 1e21, integers beyond 64 bits as floats, no negative zero."""
    if isinstance(value, dict):
        return {key: as_go_writes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_go_writes(item) for item in value]
    if isinstance(value, float) or (value.__class__ is int and not -(2**63) <= value < 2**63):
        number = float(value)
        return int(Decimal(repr(number))) if number.is_integer() and abs(number) < 1e21 else number
    return value


def misread(read: Reader, document: Any) -> list[str]:
    """What a reader finds otherwise than it was, in what the writer makes of a document."""
    try:
        return difference(document, read(dump(document)))
    except yaml.YAMLError as error:
        return [str(error)]
    except Exception as error:  # ruamel's errors have no base in common with PyYAML's
        return [f"{type(error).__name__}: {error}"]


def misread_strings(read: Reader, place: Callable[[str], Any]) -> dict[str, str]:
    """The strings of the table that a reader finds otherwise, in one place of a document."""
    found = {ascii(text)[:80]: misread(read, place(text)) for text in TABLE}
    return {text: wrong[0] for text, wrong in found.items() if wrong}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LIKELY = st.text("yYnN01eExob_.:+-~#&*!|>%@`\"'\\[]{},?<= \t\r\n\u0085\u2028\ufeff", max_size=8)
STRINGS = TEXT | LIKELY | st.sampled_from([text for text in TABLE if len(text) < 100])
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | STRINGS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(STRINGS, inner, max_size=5), max_leaves=20
)  # fmt: skip
