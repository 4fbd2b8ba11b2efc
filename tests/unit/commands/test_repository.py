"""`repository` by its words: what is done, where, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs import cli
from kubectl_lrs.commands import repository_, repository_run
from tests.builders.sealing import nights


def test_the_three_are_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(repository_run.run)
    assert repository_.command.name == "repository"
    assert cli.run(["repository"]) == 2
    assert "repository init, show or check" in capsys.readouterr().err
    assert cli.run(["repository", "made"]) == 2


def test_made_shown_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = str(folder / "pool")
    assert cli.run(["repository", "init", pool, "-o", "name"]) == 0
    assert capsys.readouterr().out == f"file://{pool}\n"
    assert cli.run(["repository", "show", pool, "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["form"], shown["backups"], shown["graceHours"], shown["reserve"]) == ("pooled", 0, 48.0, 16 << 20)
    assert cli.run(["repository", "check", "--backup-dir", pool]) == 0
    said = capsys.readouterr().out
    assert "can delete objects" in said
    assert "contents were not read" in said
    assert cli.run(["repository", "init", pool]) == 2
    assert "a repository already" in capsys.readouterr().err


def test_a_place_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["repository", "init"]) == 2
    assert "nothing says where" in capsys.readouterr().err


def test_the_environment_names_it(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRS_BACKUP_DIR", str(folder / "pool"))
    assert cli.run(["repository", "init"]) == 0
    assert cli.run(["list"]) == 0
    assert "no sealed backup in file://" in capsys.readouterr().err


def test_a_plain_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nights(folder / "plain", 2)
    assert cli.run(["repository", "show", str(folder / "plain"), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["form"] == "plain"
    assert cli.run(["repository", "check", str(folder / "plain")]) == 2
    assert cli.run(["repository", "init", str(folder / "plain")]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["repository", "show", "p", "--backup-dir", "q"],
        ["repository", "init", "p", "-q"],
        ["repository", "show", "p", "--context", "x"],
        ["copy", "a", "b", "--namespace", "x"],
        ["copy"],
        ["copy", "a"],
        ["export"],
        ["export", "latest"],
        ["export", "latest", "d", "--format", "3"],
    ],
)
def test_words_that_say_nothing_are_refused(words: list[str]) -> None:
    assert cli.run(words) == 2
