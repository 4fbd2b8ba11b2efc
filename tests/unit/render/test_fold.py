"""Lines on a narrow terminal: no word is broken, none is lost, and a command stays one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.render.fold import columns, folded

WORDS = st.lists(st.text("abé日-/.:", min_size=1, max_size=30), max_size=20)


@given(WORDS, st.integers(0, 100))
def test_every_word_is_there_in_its_order_and_whole(words: list[str], width: int) -> None:
    assert " ".join(folded(" ".join(words), width)).split() == words


@given(WORDS, st.integers(20, 100))
def test_nothing_is_longer_than_the_terminal_but_a_word_that_is(words: list[str], width: int) -> None:
    for line in folded(" ".join(words), width):
        assert columns(line) <= width or len(line.split()) == 1


def test_what_goes_on_is_indented() -> None:
    assert list(folded("warning: one two three", 14)) == ["warning: one", "  two three"]
    assert list(folded("Stored:      one two three four five six seven", 40)) == [
        "Stored:      one two three four five six",
        "             seven",
    ]
    assert list(folded("Identity:    " + "c" * 38, 40)) == ["Identity:", "  " + "c" * 38], "a long word begins further left"


def test_a_command_is_copied_as_one_line() -> None:
    command = "  kubectl lrs restore monday --existing=update --dry-run --backup-dir=/var/backups/lrs"
    assert list(folded(command, 40)) == [command]
    assert list(folded(command, 0)) == [command]


def test_no_terminal_no_folding() -> None:
    assert list(folded("one two", 0)) == ["one two"]
