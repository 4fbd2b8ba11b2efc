"""`import` by its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs import cli
from kubectl_lrs.commands import import_, import_run

LRS = '{"apiVersion": "lrs.datarobot.com/v1", "kind": "LRS", "metadata": {"name": "a", "namespace": "n"}, "spec": {}}'


@pytest.fixture
def source(folder: Path) -> Path:
    path = folder / "a.json"
    path.write_text(LRS)
    return path


def test_it_has_its_parts() -> None:
    assert import_.command.name == "import"
    assert callable(import_run.run)


@pytest.mark.parametrize("form", ["plain", "pooled"])
def test_a_backup_of_it(source: Path, folder: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(folder / "place")
    if form == "pooled":
        assert cli.run(["repository", "init", place]) == 0
    assert cli.run(["import", str(source), "--name", "one", "--backup-dir", place, "-q"]) == 0
    assert "backup one sealed" not in capsys.readouterr().out
    assert cli.run(["verify", "one", "--full", "--backup-dir", place]) == 0
    capsys.readouterr()
    assert cli.run(["show", "one", "--backup-dir", place, "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["origin"]["location"] == str(source.resolve())
    assert (shown["cluster"]["server"], [each["name"] for each in shown["objects"]]) == ("", ["a"])
    assert cli.run(["list", "--backup-dir", place, "-o", "wide"]) == 0
    assert "<unknown>" in capsys.readouterr().out
    assert cli.run(["show", "--backup-dir", place]) == 0, "without a cluster it is the newest all the same"


@pytest.mark.parametrize("form", ["plain", "pooled"])
def test_a_backup_of_ours_by_its_location_is_never_taken_for_another_programs(
    source: Path, folder: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(folder / "place")
    if form == "pooled":
        assert cli.run(["repository", "init", place]) == 0
    assert cli.run(["import", str(source), "--name", "one", "--backup-dir", place, "-q"]) == 0
    capsys.readouterr()
    assert cli.run(["show", "one", "--backup-dir", place, "-o", "json"]) == 0
    location = json.loads(capsys.readouterr().out)["path"]
    assert cli.run(["verify", location, "--backup-dir", place]) == 0
    assert cli.run(["import", location, "--backup-dir", place]) == 2
    assert "is a backup already" in capsys.readouterr().err


def test_what_others_saved_is_listed_as_that(source: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vendor = folder / "lrs_backup_2026_11_23_08_16"
    vendor.mkdir()
    source.rename(vendor / "a.json")
    (folder / "lrs_backup_damaged").mkdir()
    assert cli.run(["list", "--backup-dir", str(folder)]) == 0
    said = capsys.readouterr().err
    assert "note: lrs_backup_2026_11_23_08_16 was saved by others" in said
    assert said.count("not a sealed backup") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "needs a SOURCE"), (("nothing",), "nothing that others saved"), (("./absent.yaml",), "nothing that others")],
)
def test_nothing_to_import(folder: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["import", *words, "--backup-dir", str(folder)]) == 2
    assert said in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_a_backup_is_no_source(source: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["import", str(source), "--name", "one", "--backup-dir", str(folder)]) == 0
    assert cli.run(["import", "one", "--backup-dir", str(folder)]) == 2
    assert "is a backup already" in capsys.readouterr().err
