"""How far work is: on stderr, and lines that stay."""

from __future__ import annotations

import sys

import pytest

from kubectl_lrs.render.progress import LiveProgress, PlainProgress, QuietProgress, progress, say
from kubectl_lrs.runtime.progress import BYTES


class _Always(PlainProgress):
    EVERY = 0.0


def test_a_line_says_what_how_much_and_of_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _Always()
    shown.begin("writing", 3000)
    shown.advance(1500)
    shown.begin("reading", unit=BYTES)
    shown.advance(2048)
    shown.note("a note")
    shown.end()
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0].startswith("writing: 1,500 of 3,000, ")
    assert lines[0].endswith(" left")
    assert lines[1].startswith("reading: 2.0 KiB, ")
    assert lines[1].endswith("/s")
    assert lines[2] == "a note"


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    shown = PlainProgress()
    shown.begin("writing", 10)
    shown.advance(10)
    shown.end()
    assert capsys.readouterr() == ("", "")


def test_quiet_still_warns(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress(quiet=True)
    assert isinstance(shown, QuietProgress)
    shown.begin("writing", 1)
    shown.advance()
    shown.note("warning: x")
    assert capsys.readouterr() == ("", "warning: x\n")


def test_without_a_terminal_there_is_no_display() -> None:
    assert not isinstance(progress(quiet=False), LiveProgress)


@pytest.mark.parametrize(("term", "is_live"), [("xterm", True), ("dumb", False), ("unknown", False)])
def test_on_a_terminal_that_takes_nothing_back_there_is_none_either(
    term: str, is_live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", term)
    assert isinstance(progress(quiet=False), LiveProgress) is is_live


def test_a_display_that_was_never_begun_can_be_told_and_ended(capsys: pytest.CaptureFixture[str]) -> None:
    shown = LiveProgress()
    shown.advance()
    shown.end()
    shown.begin("writing", None, unit=BYTES)
    shown.advance(5)
    shown.begin("reading", 7)
    shown.advance(7)
    shown.end()
    assert capsys.readouterr().out == ""


def test_a_message_is_one_line_that_a_terminal_only_shows(capsys: pytest.CaptureFixture[str]) -> None:
    say("error: \x1b[2J\nx")
    assert capsys.readouterr().err == "error: \\x1b[2J\\nx\n"
