"""The command line as a whole: every command is there, and every failure is a message with an exit status."""

from __future__ import annotations

import importlib

import click
import pytest

from kubectl_lrs.cli import HIDDEN, VERBS, run
from kubectl_lrs.model.errors import ExitCode, LrsError, UnreachableError


@pytest.mark.parametrize("name", [*VERBS, *HIDDEN])
def test_every_command_is_in_the_module_of_its_name(name: str) -> None:
    module = importlib.import_module(f"kubectl_lrs.commands.{HIDDEN.get(name, name.replace('-', '_'))}_")
    assert isinstance(module.command, click.Command)
    assert module.command.name == name


@pytest.mark.parametrize("name", [name for name in VERBS if name != "options"])
def test_help_begins_with_one_line_that_says_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == ExitCode.DONE
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].endswith(".")
    assert out.splitlines()[1] == ""


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["bakup"], "no such verb: 'bakup'", "did you mean backup"),
        (["zzz"], "no such verb: 'zzz'", "--help"),
        (["list", "--nothing"], "no such option", "--help"),
        (["list", "-o", "xml"], "unknown output format 'xml'", "json"),
        (["list", "surplus"], "unexpected extra argument", "--help"),
        (["backup", "--type", " "], "--type: an empty value names nothing", "leave the flag out"),
        (["completion", "tcsh"], "'tcsh' is not one of", ""),
    ],
)
def test_what_cannot_be_meant_is_usage(arguments: list[str], said: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert said in err
    assert hint in err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UnreachableError("away", hint="look"), ExitCode.UNREACHABLE, "error: away\nhint: look\n"),
        (LrsError("no"), ExitCode.FAILED, "error: no\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "error: interrupted\n"),
        (click.Abort(), ExitCode.INTERRUPTED, "error: interrupted\n"),
        (OSError(28, "No space left on device", "/x"), ExitCode.FAILED, "error: /x: No space left on device\n"),
    ],
)
def test_every_failure_is_a_message_and_an_exit_status(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr("kubectl_lrs.cli._group", fails)
    assert run([]) == code
    assert capsys.readouterr().err == said


def test_a_bug_leaves_a_log_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: object
) -> None:
    def fails() -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr("kubectl_lrs.cli._group", fails)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert run([]) == ExitCode.FAILED
    err = capsys.readouterr().err
    assert "this is a bug in kubectl lrs (ZeroDivisionError)" in err
    assert "secret words" not in err
    assert "Traceback" not in err
