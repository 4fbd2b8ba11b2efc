"""One answer in every form; no text takes over the terminal, and nothing is lost on a narrow one."""

from __future__ import annotations

import json
import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.each import Each
from kubectl_lrs.render import colour
from kubectl_lrs.render import view as view_module
from kubectl_lrs.render.output import forget, is_answered
from kubectl_lrs.render.view import FORMATS, View, as_json, show, table

EVIL = "\x1b[2J\u202e\x9b31m\ud800\n"
DATA = {"name": EVIL, "n": [1, None, "y"]}
VIEW = View(
    data=DATA,
    columns=("NAME", "WHAT"),
    rows=[(EVIL, "x"), ("a", EVIL)],
    wide_columns=("NAME", "WHAT", "MORE"),
    wide_rows=[("a", "b", EVIL)],
    names=["n/a", EVIL],
    before=(f"before {EVIL}",),
    after=(f"after {EVIL}",),
)
BAD = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_is_inert(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(VIEW, form)
    text = capsys.readouterr().out
    assert not {char for char in text if unicodedata.category(char) in BAD} - {"\n"}
    assert "2J" in text, "and it is still said"


def test_programs_get_the_data_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(VIEW, "json")
    assert json.loads(capsys.readouterr().out) == DATA
    data = {"name": EVIL.replace("\ud800", ""), "n": DATA["n"]}
    show(View(data=data), "yaml")
    assert yaml.safe_load(capsys.readouterr().out) == data


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_lists_that_are_made_while_they_are_written(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """In blocks, and letter by letter as if they had been there."""
    monkeypatch.setattr(view_module, "AT_ONCE", 3)
    things = [{"n": number, "more": [EVIL, {}, []]} for number in range(count)]
    every = Each(lambda: iter(things))
    for document in ({"items": every, "last": {"a": [1]}}, {"first": "\n", "items": every}, {"a": every, "b": every}):
        whole = {name: things if each is every else each for name, each in document.items()}
        assert as_json(document) == as_json(whole)


def test_an_answer_of_nothing_is_one() -> None:
    forget()
    show(View(data={}, names=Each(lambda: iter(()))), "name")
    assert is_answered()


def test_tables_names_and_where_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    view = View(data={}, columns=("A", "B"), rows=[("1", "2")], names=["n/1"], before=("first",), after=("last",))
    show(view, "table")
    assert capsys.readouterr().out == "first\nA   B\n1   2\nlast\n"
    show(view, "wide", err=True)
    assert capsys.readouterr() == ("", "first\nA   B\n1   2\nlast\n")
    show(view, "name")
    assert capsys.readouterr().out == "n/1\n"


def test_nothing_to_show_has_no_heading() -> None:
    assert list(table(("A",), [])) == []


CELLS = st.text("ab é日\u0301\x1b", max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, st.text("abc ", max_size=60)), min_size=1, max_size=5), st.integers(0, 80))
def test_every_word_of_every_cell_is_there_whatever_the_width(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = list(table(("ONE", "TWO", "THREE"), rows, width=width))
    words = " ".join(lines).split()
    assert words[:3] == ["ONE", "TWO", "THREE"]
    for row in rows:
        for cell in row:
            assert all(word.replace("\x1b", "\\x1b") in words for word in cell.split())


def test_the_last_column_goes_on_below_itself() -> None:
    rows = [("name", "word " * 20)]
    lines = list(table(("A", "B"), rows, width=40))
    assert len(lines) > 3
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith(" " * 7) for line in lines[2:])
    assert len(list(table(("A", "B"), rows, width=0))) == 2, "without a terminal it stays one line"


def test_wide_and_combining_characters_take_the_columns_that_they_take() -> None:
    lines = list(table(("A", "B"), [("日本", "x"), ("e\u0301", "x"), ("abcd", "x")]))
    assert [line[:-1].rstrip() + "|" + line[-1] for line in lines[1:]] == ["日本|x", "e\u0301|x", "abcd|x"]
    assert [len(line) for line in lines[1:]] == [6, 9, 8]


def test_only_words_that_say_how_it_went_are_coloured() -> None:
    lines = list(table(("RESULT", "B"), [("failed", "x"), ("failedly", "x")], coloured=True))
    assert "\x1b" not in lines[0] + lines[2]
    assert lines[1] == f"{colour.paint('failed', colour.RED)}     x"
