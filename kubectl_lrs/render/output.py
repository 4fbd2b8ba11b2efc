"""Where all text goes out: notes for the person at the terminal, and answers. What was done is kept beside the answer.

An answer that cannot be written must not make it unknown what was done, so whoever shows one says it in one line.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from kubectl_lrs.model.units import printable
from kubectl_lrs.render import colour
from kubectl_lrs.runtime import streams

if TYPE_CHECKING:
    from kubectl_lrs.model.notes import Remark

ERROR, HINT = "error: ", "hint: "


class _Told:
    done = ""
    is_answered = False
    errors: tuple[str, ...] = ()
    hint = ""
    reason = ""
    acknowledged: frozenset[str] = frozenset()


def acknowledge(ids: Collection[str]) -> None:
    """From now on the notes of these ids are not printed; they stand in what is for programs."""
    _Told.acknowledged = frozenset(ids)


def is_acknowledged(note: str | None) -> bool:
    """Whether the note of this id is known and not to be printed."""
    return note is not None and note in _Told.acknowledged


def unknown_yet(remarks: Iterable[Remark]) -> Iterable[Remark]:
    """Those that are to be said."""
    return (each for each in remarks if not is_acknowledged(each.note))


def remark(said: Remark) -> None:
    """A note or a warning, unless it is acknowledged."""
    if not is_acknowledged(said.note):
        say(str(said))


def say(message: str) -> None:
    """A line for the person at the terminal, as long as somebody reads."""
    _remember(message)
    if reader_is_gone():
        return
    from kubectl_lrs.runtime import redact

    line = printable(redact.known(message))
    for part in _folded(line):
        streams.note(f"{colour.message(part) if colour.is_on(sys.stderr) else part}\n")


def _folded(line: str) -> Iterable[str]:
    """As a terminal holds it."""
    if not sys.stderr.isatty():
        return (line,)
    from kubectl_lrs.render.fold import folded, width_of  # for lines that are read on a terminal

    return folded(line, width_of(sys.stderr))


def answer(text: str, *, is_data: bool = False, err: bool = False, done: str = "") -> None:
    """The answer of a command, or on standard error what belongs to a question. `is_data`: for programs.

    `done`: what the command has changed, in one line.
    """
    _Told.done = done or _Told.done
    _Told.is_answered = _Told.is_answered or not err
    if err:
        streams.note(text)
    else:
        streams.answer(text, is_data=is_data)


def reader_is_gone() -> bool:
    """Whether whoever read the answer went away, and nothing was changed: then it ends quietly, as other programs do."""
    error = streams.failure()
    return error is not None and error.errno == errno.EPIPE and not done()


def done() -> str:
    """What was changed, in one line; empty where nothing was."""
    return _Told.done


def _remember(message: str) -> None:
    if message.startswith(ERROR):
        _Told.errors = (*_Told.errors, message.removeprefix(ERROR))
    elif message.startswith(HINT):
        _Told.hint = message.removeprefix(HINT)


def is_answered() -> bool:
    """Whether anything was given as the answer."""
    return _Told.is_answered


def errors() -> tuple[str, str, str]:
    """What was said of what went wrong, the hint, and the kind of it in a word, empty where that is not known."""
    return "; ".join(_Told.errors), _Told.hint, _Told.reason


def blame(reason: str) -> None:
    """Of which kind a failure is."""
    _Told.reason = reason


def forget() -> None:
    """Nothing was said or done yet: a process that makes several calls begins the next one."""
    _Told.done, _Told.is_answered, _Told.errors, _Told.hint, _Told.reason = "", False, (), "", ""
    _Told.acknowledged = frozenset()
