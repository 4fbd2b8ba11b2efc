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
    def ask(_question: str, *, err: bool) -> object:
        assert err, "results go elsewhere"
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(module.sys, "stdin", _Stdin(terminal=terminal))
    monkeypatch.setattr(module.click, "confirm", ask)
    confirm("Replace 3?", yes=False)


def test_yes_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "stdin", None)
    confirm("Replace 3?", yes=True)


def test_without_a_terminal_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"Replace 3\?") as caught:
        _asked(monkeypatch, True, terminal=False)
    assert "--dry-run" in caught.value.hint
    assert "--yes" in caught.value.hint


def test_what_a_person_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    _asked(monkeypatch, True)
    with pytest.raises(InterruptedRunError, match="nothing was written"):
        _asked(monkeypatch, False)
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
