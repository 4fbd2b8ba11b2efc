"""YAML and JSON that a person hands over: as kubectl reads it, or refused with the line. Other tests ask kubectl itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given

from kubectl_lrs.formats.documents import MAX_DEPTH, Document
from kubectl_lrs.formats.yaml_reader import MAX_BYTES, NotYamlError, load, load_all
from kubectl_lrs.formats.yaml_scalars import resolved
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.errors import UsageError
from tests.builders.yaml_cases import JSON, STRUCTURES, as_go_writes, difference


def _read(text: str | bytes) -> list[Document]:
    return list(load_all(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, where="f.yaml"))


def _values(text: str) -> list[Any]:
    return [each.value for each in _read(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *((word, True) for word in ("y", "Yes", "ON", "true")),
        *((word, False) for word in ("n", "No", "off", "FALSE")),
        *((word, None) for word in ("~", "null", "NULL")),
        *(
            (word, word)
            for word in ("yES", "tRUE", "nULL", "-", ".", "+", "12:30", "2001-12-14", "08x", "1e400", "0x", "1_a", "_1", "é")
        ),
        ("014", 12), ("0o14", 12), ("08", 8.0), ("0x1F", 31), ("0b11", 3), ("-0b11", -3), ("1_000", 1000), ("+1", 1), ("-0", 0),
        ("9223372036854775808", 2**63), ("18446744073709551616", 2.0**64), ("-9223372036854775809", -(2.0**63)),
        ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("-.inf", -math.inf),
    ],
)  # fmt: skip
def test_plain_scalars_are_what_go_yaml_takes_them_for(text: str, wanted: Any) -> None:
    found = resolved(text)
    assert (type(found), found) == (type(wanted), wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("---\n---\n", []),
        ("# only words\n", []),
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ('{"a": 1}', [{"a": 1}]),
        ('{"a": 1}\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n---\nb: 2\n', [{"a": 1}, {"b": 2}]),
        ("{a: 1, b: [x]}", [{"a": 1, "b": ["x"]}]),
        ("a: 2.0\nb: 1e21\nc: 0.5\n", [{"a": 2, "b": 1e21, "c": 0.5}]),
        ('{"a": 2.0, "b": 18446744073709551616}', [{"a": 2, "b": 18446744073709552000}]),
        ("1: a\ntrue: b\n1.5: c\n1000000.0: d\n", [{"1": "a", "true": "b", "1.5": "c", "1e+06": "d"}]),
        ("a: !!str 1\nb: !!float 1\nc: ! 1\n", [{"a": "1", "b": 1, "c": "1"}]),
        ("a: |\n  x\n  y\n", [{"a": "x\ny\n"}]),
        ("- a\n- b\n", [["a", "b"]]),
        ("word\n", ["word"]),
        ("\ufeffa: 1\n", [{"a": 1}]),
    ],
)
def test_documents(text: str, wanted: list[Any]) -> None:
    assert json.dumps(_values(text)) == json.dumps(wanted)


@pytest.mark.parametrize(
    "text", ['{"kind": "List", "items": [{"a": 1}, {"b": 2}], "x": 1}', "kind: List\nitems:\n- a: 1\n- b: 2\nx: 1\n"]
)
def test_the_items_of_a_list_come_one_by_one_and_before_it(text: str) -> None:
    found = _read(text)
    assert [(each.value, each.is_item) for each in found] == [
        ({"a": 1}, True),
        ({"b": 2}, True),
        ({"kind": "List", "items": [], "x": 1}, False),
    ]


def test_lines_are_those_of_the_file() -> None:
    assert [each.line for each in _read("# x\na: 1\n---\n\nb: 1\n")] == [2, 5]
    assert [each.line for each in _read('\n{"a": 1}\n\n{"items": [\n{},\n{}]}\n---\nc: 1\n')] == [2, 5, 6, 4, 8]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: *x\n", 2, "alias"),
        ("a: &x 1\nb: *x\n", 2, "alias"),
        ("a: {<<: {b: 1}}\n", 1, "merge key"),
        ("a: 1\na: 2\n", 2, "'a' is there twice"),
        ("1: a\n'1': b\n", 2, "'1' is there twice"),
        ('{"a": 1, "a": 2}', 1, "is there twice"),
        ('{"x": {"a": 1, "a": 2}}', 1, "is there twice"),
        ("a: !!binary aGk=\n", 1, "tag"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: !!int x\n", 1, "is not what its tag says"),
        ("a: .nan\n", 1, "JSON has no number"),
        ("[a]: 1\n", 1, "as a key"),
        ("~: 1\n", 1, "is no string"),
        ("a: [1\n", 2, "not YAML"),
        ("a: 1\n  b: 2\n", 2, "not YAML"),
        ('{"a": 1e400}', 1, "out of range"),
        ('{"kind": "L", "items": [{}, {"a" 1}]}', 1, "not JSON"),
        ("a: 1\nb: \x01\n", 2, "U+0001"),
        ("[" * (MAX_DEPTH + 1), 1, "levels deep"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), 1, "levels deep"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(UsageError, match=f"f.yaml: line {line}: .*") as caught:
        _read(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"), [(b"a: \xff", "not UTF-8"), (b"\xff\xfea\x00", "UTF-16"), (b"a" * (MAX_BYTES + 1), "larger than")]
)
def test_bytes_that_are_no_text(data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _read(data)


def test_no_message_takes_over_the_terminal() -> None:
    for text in ("\x1b[2J: 1\n", '"\\e[2J": 1\n"\\e[2J": 1\n', '{"\\u001b[2J": 1, "\\u001b[2J": 2}'):
        with pytest.raises(UsageError) as caught:
            _read(text)
        assert str(caught.value).isprintable()


def test_half_a_character_in_json_is_replaced_as_go_does() -> None:
    assert _values('{"a": "x\\ud800y", "\\udc00": "\\ud83d\\ude00"}') == [{"a": "x\ufffdy", "\ufffd": "😀"}]


@pytest.mark.parametrize("value", [each for each in STRUCTURES.values() if isinstance(each, dict)])
def test_what_our_writer_wrote(value: dict[str, Any]) -> None:
    (found,) = [each.value for each in _read(dump({"top": value}))]
    assert difference({"top": as_go_writes(value)}, found) == []


@given(JSON)
def test_json_and_yaml_of_one_document_are_the_same(value: Any) -> None:
    document = {"top": value}
    by_yaml = _values(dump(document))
    by_json = _values(json.dumps(document, ensure_ascii=False))
    assert by_yaml == by_json
    assert difference(as_go_writes(document), by_json[0]) == []


# ---- a file of settings, or of a backup


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("# x\n", None),
        ("a: on\nb: 08\n", {"a": True, "b": "08"}),
        ("a: 12:30\n", {"a": 750}),
        ('{"a": [1]}', {"a": [1]}),
    ],
)
def test_a_file_is_read_as_python_reads_it(text: str, wanted: Any) -> None:
    assert load(text.encode(), aliases=False) == load(text.encode(), aliases=True) == wanted


def test_the_user_s_own_file_may_have_aliases_and_what_others_wrote_may_not() -> None:
    text = b"a: &x [1]\nb: *x\n"
    assert load(text, aliases=True) == {"a": [1], "b": [1]}
    with pytest.raises(NotYamlError, match="alias"):
        load(text, aliases=False)


def test_what_follows_is_read_by_nobody() -> None:
    text = b"a: 1\n---\nb: 2\n"
    assert load(text, aliases=True, more=True) == {"a": 1}
    with pytest.raises(NotYamlError, match="not YAML"):
        load(text, aliases=True)


@pytest.mark.parametrize("aliases", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "a: [1\n",
        "a: 2026-02-30\n",
        "!!python/object/apply:os.system [id]\n",
        "a: \x07\n",
        "\x1b[2J: [",
        "[" * 5000,
        "- " * 5000,
        "a: !!int x\n",
    ],
)
def test_what_is_no_plain_data_is_one_error_that_can_be_printed(text: str, aliases: bool) -> None:
    with pytest.raises(NotYamlError) as caught:
        load(text.encode(), aliases=aliases)
    assert str(caught.value).isprintable()


def test_nesting_that_others_wrote_is_bounded() -> None:
    assert load(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, aliases=False)
    with pytest.raises(NotYamlError, match="levels deep"):
        load(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), aliases=False)
