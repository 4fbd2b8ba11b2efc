"""What is told of what was done, and when nobody reads any more."""

from __future__ import annotations

import os
import sys

import pytest

from kubectl_lrs.render import output
from kubectl_lrs.runtime.streams import Sink, Stream


@pytest.fixture(autouse=True)
def nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output._Told, "done", "")


def _desert(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read standard output is gone. No fixture: the capture of the tests puts its own back before each phase."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", Stream(Sink(writer), "utf-8"))


def test_what_was_done_is_kept_and_the_last_one_counts() -> None:
    assert output.done() == ""
    output.answer("", done="first")
    output.answer("")
    assert output.done() == "first"
    output.answer("", done="second")
    assert output.done() == "second"


def test_notes_end_with_the_reader_of_a_command_that_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _desert(monkeypatch)
    output.answer("lost\n")
    assert output.reader_is_gone()
    output.say("nobody reads this")
    assert capsys.readouterr().err == ""


def test_notes_of_a_command_that_changed_something_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _desert(monkeypatch)
    output.answer("lost\n", done="it is done")
    assert not output.reader_is_gone()
    output.say("somebody may read this")
    assert capsys.readouterr().err == "somebody may read this\n"
