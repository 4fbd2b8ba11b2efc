"""The man page: letters that groff would make something else of, lines as they are written by hand."""

from __future__ import annotations

import pytest

from kubectl_lrs.commands.manual import _filled, _quoted, _text, _without_idle


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        ("--all-namespaces", r"\-\-all\-namespaces"),
        ("a\\b", r"a\eb"),
        ("'2026-11-24 08:00'", r"\(aq2026\-11\-24 08:00\(aq"),
        (".hidden", r"\&.hidden"),
        ("~/.kube `x` ^", r"\(ti/.kube \(gax\(ga \(ha"),
        ("naïve → 模", r"na\[u00EF]ve \[u2192] \[u6A21]"),
        ("", ""),
    ],
)
def test_letters(text: str, roff: str) -> None:
    assert _text(text) == roff
    assert _text(text).isascii()


def test_an_argument_with_quotes() -> None:
    assert _quoted('say "no"') == r'"say \(dqno\(dq"'


def test_lines_are_short_and_none_begins_a_request() -> None:
    lines = _filled("word " * 15 + ". " * 40 + "'quoted' " * 30 + "x" * 100)
    assert max(map(len, lines[:-1])) <= 78
    assert not any(line.startswith((".", "'")) for line in lines)


def test_no_break_below_a_heading() -> None:
    assert list(_without_idle([".SH A", ".PP", "a", ".PP", "b", ".SS C", ".PP", "c"])) == [
        ".SH A", "a", ".PP", "b", ".SS C", "c",
    ]  # fmt: skip
