"""The command line as a whole: every command is there, and every failure is a message with an exit status."""

from __future__ import annotations

import importlib
import re

import click
import pytest

from kubectl_lrs.cli import HEADINGS, HIDDEN, RIGHTS, VERBS, run
from kubectl_lrs.model.errors import ExitCode, LrsError, MissingRightError, UnreachableError
from kubectl_lrs.model.flags import flags_of
from kubectl_lrs.stores.mongo.flags import DatabaseOptions


@pytest.mark.parametrize("name", [*VERBS, *HIDDEN])
def test_every_command_is_in_the_module_of_its_name(name: str) -> None:
    module = importlib.import_module(f"kubectl_lrs.commands.{HIDDEN.get(name, name.replace('-', '_'))}_")
    assert isinstance(module.command, click.Command)
    assert module.command.name == name


@pytest.mark.parametrize("name", [name for name in VERBS if name not in ("help", "options")])
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
        (["list", "--zzz"], "no such flag: --zzz", "see: kubectl lrs list --help"),
        (["list", "--no-header"], "no such flag: --no-header", "did you mean --no-headers?"),
        (["restore", "--exsting", "skip"], "no such flag: --exsting", "did you mean --existing or"),
        (["diff", "a", "b", "--no-wait"], "no such flag: --no-wait", "see: kubectl lrs diff --help"),
        (["backup", "--all"], "no such flag: --all", "did you mean --all-namespaces?"),
        (["backup", "-n"], "'-n' requires an argument", "see: kubectl lrs backup --help"),
        (["list", "-o", "xml"], "unknown output format 'xml'", "json"),
        (["list", "surplus"], "unexpected extra argument", "--help"),
        (["backup", "--type", " "], "--type: an empty value names nothing", "leave the flag out"),
        (["completion", "tcsh"], "'tcsh' is none of", ""),
        (["restore", "--dry-run"], "restore needs a NAME", "list, show"),
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
        (MissingRightError("no"), ExitCode.UNREACHABLE, f"error: no\nhint: {RIGHTS}\n"),
        (MissingRightError("no", hint="ask"), ExitCode.UNREACHABLE, "error: no\nhint: ask\n"),
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


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run([*words])
    return (code, *capsys.readouterr())


@pytest.mark.parametrize("name", [name for name in VERBS if name != "help"])
def test_help_of_a_verb_is_what_its_flag_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "help", name) == _said(capsys, name, "--help")


def test_help_of_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "help") == _said(capsys, "--help")
    code, out, _ = _said(capsys, "help", "mongo")
    assert code == ExitCode.DONE
    assert {flag.word for _, flag in flags_of(DatabaseOptions)} <= set(re.findall(r"--[a-z-]+", out))
    code, out, err = _said(capsys, "help", "restor")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "did you mean restore" in err


def test_the_version_by_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "--version") == _said(capsys, "version")


@pytest.mark.parametrize("name", VERBS)
def test_help_has_none_of_the_words_of_its_library(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _said(capsys, name, "--help")
    assert not [word for word in ("INTEGER", "RANGE", " TEXT\n", "x>=", "<=x", "[none|", "BOOLEAN") if word in out]
    assert "--mongo-service" not in out, "it has a page of its own"


def test_the_flags_of_all_verbs_have_the_form_of_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _said(capsys, "options")
    assert "  -n, --namespace NAMESPACE  " in out
    assert "  --color auto|always|never  " in out
    assert not [word for word in ("x>=", "[auto", "INTEGER", "TEXT") if word in out]


def test_each_verb_is_one_line_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _said(capsys, "--help")
    verbs = out.partition("\n\n")[2].partition('Use "')[0]
    assert [line.split()[0] for line in verbs.splitlines() if line.startswith("  ")][1:] == [*VERBS]
    assert [line.removesuffix(":") for line in verbs.splitlines() if re.match(r"\w", line)] == [*HEADINGS]


def test_what_most_calls_need_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _said(capsys, "restore", "--help")
    places = [
        out.index(f"  {flag}") for flag in ("--from", "-n, --namespace", "--tier", "--dry-run[=client|server]", "-y, --yes")
    ]
    places += [out.index(f"{heading}:") for heading in ("Mongo", "Images", "Files", "Application's API")]
    assert places == sorted(places)
    assert "Only what was saved in this namespace" in out
    assert "The namespace whose LRS are saved" in _said(capsys, "backup", "--help")[1]
    assert "--namespace" not in _said(capsys, "list", "--help")[1]


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        (("restore", "x", "--parallel", "0"), "1 to 64"),
        (("restore", "x", "--parallel", "x"), "1 to 64"),
        (("restore", "x", "--operator-replicas=-1"), "0 or more"),
    ],
)
def test_a_number_says_its_limits(words: tuple[str, ...], limits: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _said(capsys, *words)
    assert (code, limits in err) == (ExitCode.USAGE, True)
