"""Standard streams that are closed, full, gone or cannot say it: the work goes on to its end, and the exit status is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders import sparked
from tests.builders.deployments import ORGANISATION, TOKEN, DataRobot
from tests.builders.streams import GONE, STREAMS, Streams, run, sealed
from tests.conftest import ROOT, Cli, Crd, installed

WORD = "modèle 模型"


@dataclass
class Bed:
    """One namespace with LRS, one of them named in other letters than ASCII, a backup of it, and the application's API."""

    plane: ControlPlane
    crd: Crd
    namespace: str
    api: DataRobot
    cli: Cli
    env: dict[str, str] = field(default_factory=dict)

    @property
    def lrs(self) -> set[str]:
        """The names of those that are there."""
        return set(sparked.live(self.plane, self.crd, self.namespace))

    def lose(self) -> None:
        """Some LRS are gone, for a restore to bring back."""
        for name in ("one", "two"):
            self.plane.api("DELETE", sparked.path(self.crd, self.namespace, name))
        loader.wait_until(lambda: not self.lrs & {"one", "two"}, "LRS to be gone")

    def spark(self) -> None:
        """A Spark session, for clean-spark to delete."""
        sparked.start(self.plane, self.crd, self.namespace, 1)


@pytest.fixture(scope="module")
def bed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Made once: each test makes what its own command changes."""
    crd, directory = installed(plane), tmp_path_factory.mktemp("streams")
    namespace = "streams"
    loader.create_namespace(plane, namespace)
    made = [_lrs(crd, namespace, name) for name in ("one", "two", "three")]
    loader.create_many(plane, made)
    with DataRobot({TOKEN: ORGANISATION}) as api:
        api.add(1, ORGANISATION, label=WORD)
        env = {"LRS_DATAROBOT_URL": api.url, "LRS_DATAROBOT_API_TOKEN": TOKEN}
        bed = Bed(plane, crd, namespace, api, Cli(plane.kubeconfig, directory), env)
        bed.cli.ok("backup", "-n", namespace, "--name", "first", "--no-deployments", env=env)
        yield bed
    loader.clear(plane, namespace=namespace)
    loader.delete_namespace(plane, namespace, wait=False)


def _lrs(crd: Crd, namespace: str, name: str) -> dict[str, object]:
    made = samples.samples(crd.api_version, crd.kind, namespace)[20]
    return {**made, "metadata": {**made["metadata"], "name": name, "annotations": {"example.com/said": WORD}}}


# ---- commands that change nothing

READING: dict[str, tuple[list[str], str]] = {
    "list": (["list"], "first"),
    "show": (["show", "first"], "Selection"),
    "verify": (["verify", "first"], "all as sealed"),
    "diff": (["diff", "first", "-n", "streams"], "nothing differs"),
    "check": (["check", "-n", "streams"], "check of"),
    "a plan": (["restore", "first", "--dry-run=client"], "unchanged"),
    "completion": (["completion", "bash"], "complete"),
    "__complete": (["__complete", "ba"], "backup"),
    "help": (["backup", "--help"], "Exit status"),
    "version": (["version"], "kubectl lrs"),
}


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("command", READING)
def test_a_command_that_changes_nothing(bed: Bed, command: str, streams: str) -> None:
    """A lost answer is a failure, but for a reader that went away; a lost note is nothing."""
    arguments, word = READING[command]
    given = STREAMS[streams]
    code, out, err = run(bed.cli, given, arguments, {})
    assert code == ((141 if given.out == GONE else 1) if given.answer_is_lost else 0), err
    assert (word in out) is not given.answer_is_lost
    assert "Traceback" not in err
    assert ("error: standard output: " in err) is (code == 1 and not given.notes_are_lost)


# ---- commands that change something


@dataclass(frozen=True)
class Writing:
    """A command that changes something: what it needs to be there first, whether it is done, and how that is said."""

    arguments: list[str]
    before: Callable[[Bed], object]
    is_done: Callable[[Bed], bool]
    said: str


def _was_active(bed: Bed) -> None:
    for each in bed.api.deployments.values():
        each.settled = "active"
    for journal in bed.cli.directory.glob("lrs_deactivated_*"):
        journal.unlink()


def _was_deactivated(bed: Bed) -> None:
    _was_active(bed)
    bed.cli.ok("deactivate", "--yes", env=bed.env)


def _without_backup(bed: Bed) -> None:
    subprocess.run(["rm", "-rf", bed.cli.directory / "made"], check=True)


def _status(bed: Bed) -> set[str]:
    return {each.settled for each in bed.api.deployments.values()}


WRITING: dict[str, Writing] = {
    "backup": Writing(
        ["backup", "-n", "streams", "--name", "made"],
        _without_backup,
        lambda bed: "made" in sealed(bed.cli.directory) and bed.cli.run("verify", "made").returncode == 0,
        "made is sealed",
    ),
    "restore": Writing(["restore", "first", "--yes"], Bed.lose, lambda bed: bed.lrs >= {"one", "two", "three"}, "2 created"),
    "clean-spark": Writing(
        ["clean-spark", "-n", "streams", "--yes"], Bed.spark, lambda bed: "spark-000" not in bed.lrs, "1 deleted"
    ),
    "deactivate": Writing(["deactivate", "--yes"], _was_active, lambda bed: _status(bed) == {"inactive"}, "1 deactivated"),
    "activate": Writing(["activate", "--yes"], _was_deactivated, lambda bed: _status(bed) == {"active"}, "1 activated"),
}


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("command", WRITING)
def test_a_command_that_changes_something(bed: Bed, command: str, streams: str) -> None:
    """It is done to its end, whoever reads; where its answer is lost, the error says what was done."""
    given, writing = STREAMS[streams], WRITING[command]
    writing.before(bed)
    assert not writing.is_done(bed)
    code, out, err = run(bed.cli, given, writing.arguments, bed.env)
    assert writing.is_done(bed), err
    assert code == (1 if given.answer_is_lost else 0), err
    assert "Traceback" not in err
    if given.answer_is_lost and not given.notes_are_lost:
        (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
        assert writing.said in error
        assert "the result could not be written to standard output: " in error
    if not given.answer_is_lost:
        assert (writing.said.split()[-1] if command != "backup" else "backup made sealed") in out


def test_a_reader_of_the_log_that_goes_away_in_mid_run(bed: Bed, tmp_path: Path) -> None:
    """The requests are shown, and after the first line nobody reads them any more: every object is written all the same."""
    names = {f"many-{number:03d}" for number in range(60)}
    loader.create_many(bed.plane, [_lrs(bed.crd, bed.namespace, name) for name in sorted(names)])
    bed.cli.ok("backup", "-n", bed.namespace, "--name", "many", "--backup-dir", tmp_path)
    for name in names:
        bed.plane.api("DELETE", sparked.path(bed.crd, bed.namespace, name))
    loader.wait_until(lambda: not bed.lrs & names, "LRS to be gone")
    environment = {**os.environ, "KUBECONFIG": str(bed.cli.kubeconfig), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "kubectl_lrs", "restore", "many", "--backup-dir", str(tmp_path), "-v=8", "-o", "json"]
    with subprocess.Popen(
        command, env=environment, cwd=bed.cli.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        running.stderr.readline()
        running.stderr.close()
        answer = running.stdout.read()
        assert running.wait(PATIENCE) == 0, answer
    assert json.loads(answer)["counts"]["created"] == len(names)
    assert bed.lrs >= names


# ---- no file of ours becomes a standard stream


def test_no_file_of_a_backup_is_standard_output(bed: Bed, tmp_path: Path) -> None:
    """With all three closed, the first files that are opened would be the streams, and take what is said."""
    code, _, _ = run(bed.cli, STREAMS["all closed"], ["backup", "-n", "streams", "--name", "clean", "-v=8"], {})
    assert code == 1
    bed.cli.ok("verify", "clean")


# ---- what stands on the streams


def test_data_is_utf_8_and_text_is_readable(bed: Bed) -> None:
    """For programs in UTF-8, whatever the locale; for people what the locale has, and escapes of the rest."""
    _was_active(bed)
    call = ["deactivate", "--dry-run=client"]
    no_locale = Streams(env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    _, text, _ = run(bed.cli, no_locale, call, bed.env)
    assert r"mod\xe8le \u6a21\u578b" in text
    for form in ("json", "yaml"):
        _, data, _ = run(bed.cli, no_locale, [*call, "-o", form], bed.env)
        assert WORD in data
