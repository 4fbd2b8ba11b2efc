"""The question before what cannot be undone: asked of a person, never answered by the absence of one."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import click
import pytest

from kubectl_lrs.commands import confirm as module
from kubectl_lrs.commands.confirm import SIGNALS, HeldSignals, confirm
from kubectl_lrs.model.errors import InterruptedRunError, UsageError


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    assert {number: signal.getsignal(number) for number in SIGNALS} == before or _put_back(before)


def _put_back(before: dict[signal.Signals, object]) -> bool:
    for number, handler in before.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
    return True


class _Stdin:
    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def _asked(monkeypatch: pytest.MonkeyPatch, answer: object, *, terminal: bool = True) -> None:
    answers = [*answer] if isinstance(answer, (list, tuple)) else [answer]

    def ask(question: str, *, err: bool, **_more: object) -> object:
        assert err, "results go elsewhere"
        assert question == "Replace 3? [y/N]"
        said = answers.pop(0)
        if isinstance(said, BaseException):
            raise said
        return said

    monkeypatch.setattr(module.sys, "stdin", _Stdin(terminal=terminal))
    monkeypatch.setattr(module.click, "prompt", ask)
    confirm("Replace 3?", yes=False)
    assert not answers


def test_yes_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "stdin", None)
    confirm("Replace 3?", yes=True)


def test_without_a_terminal_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"Replace 3\?") as caught:
        _asked(monkeypatch, "y", terminal=False)
    assert "--dry-run" in caught.value.hint
    assert "--yes" in caught.value.hint


def test_the_hint_names_what_shows_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "stdin", _Stdin(terminal=False))
    with pytest.raises(UsageError) as caught:
        confirm("Replace 3?", yes=False, trial="clean-spark --dry-run")
    assert "look at the plan with clean-spark --dry-run, then say --yes" in caught.value.hint


@pytest.mark.parametrize("answers", [["y"], ["yes"], ["Y"], [" YES "], ["j", "maybe", "y"]])
def test_what_is_a_yes(answers: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _asked(monkeypatch, answers)
    assert capsys.readouterr().err == "answer y or n\n" * (len(answers) - 1)


@pytest.mark.parametrize("answers", [[""], ["n"], ["No"], ["nein", "n"]])
def test_what_is_a_no(answers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InterruptedRunError, match="nothing was written"):
        _asked(monkeypatch, answers)


def test_what_a_person_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    _asked(monkeypatch, "y")
    with pytest.raises(InterruptedRunError, match="nothing was written"):
        _asked(monkeypatch, "n")
    with pytest.raises(click.Abort):
        _asked(monkeypatch, click.Abort())
    assert signal.getsignal(signal.SIGINT) is before, "signals mean again what they did"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_held_counts_afterwards(number: signal.Signals) -> None:
    came: list[int] = []
    signal.signal(number, lambda which, _frame: came.append(which))
    held = HeldSignals()
    held.release()
    held.hold()
    signal.raise_signal(number)
    assert came == []
    held.release()
    assert came == [number]
    held.release()
    assert came == [number], "once"
