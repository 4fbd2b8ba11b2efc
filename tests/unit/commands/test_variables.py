"""Whichever error speaks of a flag, the variable that stands for it is named."""

from __future__ import annotations

import importlib
from typing import Any

import click
import pytest

from kubectl_lrs.cli import VERBS
from kubectl_lrs.commands.flags import FlagOption
from kubectl_lrs.commands.variables import OTHERWISE, name_settings, name_variables
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.flags import Flag


class _Given:
    """A call with these flags on its line, of a verb that has all of them."""

    def __init__(self, *words: str, by_file: str = "") -> None:
        self.words = words
        self.flags = list(ALL.values())
        self._by_file = by_file

    def configured(self) -> dict[str, str]:
        return {self._by_file: "some.key"} if self._by_file else {}


def _all() -> dict[str, Flag]:
    found = {}
    for verb in VERBS:
        command = importlib.import_module(f"kubectl_lrs.commands.{verb.replace('-', '_')}_").command
        found.update({each.flag.word: each.flag for each in command.params if isinstance(each, FlagOption)})
    return found


ALL = _all()
NAMED = {word: flag.variable or OTHERWISE.get(word, "") for word, flag in ALL.items() if flag.variable or word in OTHERWISE}


def _hint(message: str, hint: str = "", *words: str) -> str:
    error = LrsError(message, hint=hint)
    given: Any = _Given(*words)
    name_variables(error, given)
    return error.hint


def test_those_that_have_one() -> None:
    assert {"--backup-dir", "--files-url", "--mongo-uri-file", "--url", "--org-token-file"} <= NAMED.keys()
    assert OTHERWISE.keys() <= ALL.keys()


@pytest.mark.parametrize("word", NAMED)
def test_in_the_message_or_the_hint(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = NAMED[word]
    monkeypatch.delenv(variable, raising=False)
    for said in (_hint(f"{word} x: is wrong"), _hint("it is wrong", f"give {word} X"), _hint(f"{word}=x: is wrong", "look")):
        assert said.endswith(f"{variable} is not set either")
    monkeypatch.setenv(variable, "x")
    assert _hint("it is wrong", f"give {word} X") == f"give {word} X; {variable} is set, and counts as {word}"
    error, given = LrsError(f"{word} x: is wrong"), _Given()
    name_variables(error, given)  # type: ignore[arg-type]
    assert (str(error), error.hint) == (f"{variable} x: is wrong", "")
    assert _hint(f"{word} x: is wrong", "", word) == "", "it is the flag that says it"


SETTINGS = {flag.word: flag.key for flag in ALL.values() if flag.key}


class _Settled:
    """A call of a verb that goes by settings, and has one flag of its own."""

    def __init__(self, own: str) -> None:
        self.flags = [ALL[own]]
        self.commands = click.Group(commands=[importlib.import_module(f"kubectl_lrs.commands.{each}_").command for each in OF])


OF = ("backup", "check", "prune")


@pytest.mark.parametrize("word", ["--files-url", "--mongo-uri-file", "--keep-daily"])
def test_a_verb_without_the_flag_says_the_setting(word: str) -> None:
    error, given = LrsError("it is missing", hint=f"give {word} X"), _Settled("--backup-dir")
    for _ in range(2):
        name_settings(error, given)  # type: ignore[arg-type]
    assert error.hint.startswith(f"give {word} X; here {word} is {SETTINGS[word]} of the installation file")
    assert error.hint.count("here") == 1
    assert (NAMED.get(word, "") in error.hint) or word in OTHERWISE


@pytest.mark.parametrize("said", ["--backup-dir x: is wrong", "--files-urls", "x--files-url", "--yes", "nothing"])
def test_nothing_is_said_of_a_flag_that_it_has_or_that_is_no_setting(said: str) -> None:
    error = LrsError(said)
    name_settings(error, _Settled("--backup-dir"))  # type: ignore[arg-type]
    assert error.hint == ""


def test_what_the_installation_file_says_is_said_of_the_file_alone() -> None:
    error = LrsError("--backup-dir x: is wrong")
    name_variables(error, _Given(by_file="--backup-dir"))  # type: ignore[arg-type]
    assert (str(error), error.hint) == ("--backup-dir x: is wrong", "")


@pytest.mark.parametrize("word", NAMED)
def test_where_nothing_is_to_be_added(word: str) -> None:
    assert _hint("it is wrong", "look") == "look"
    assert _hint(f"{word}s is another flag, and so is x{word} and {word}-more") == ""
    assert _hint(f"give {word}, else {NAMED[word]}") == ""
