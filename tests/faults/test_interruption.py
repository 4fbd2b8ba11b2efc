"""A backup that is killed, interrupted or out of space never looks like one, and the next run clears what it left."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE, wait_until
from tests.bed.proxy import FaultProxy, call
from tests.bed.standin import Hold
from tests.builders import small_space
from tests.builders.ground import LIST
from tests.conftest import Cli

OBJECTS = 1500
FEW = "datarobot-deployment-id=65f00000c0ffee0000000000"
"""Selects one of them: what clears the remains away need not be large itself."""
PAGES = (1, 2, 3)
"""Of the list of LRS: while the server has not yet answered with this one."""
MOMENTS = tuple(
    pytest.param(each, marks=[] if each in (0.1, 0.4) else pytest.mark.campaign)
    for each in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
)
"""Seconds after the hidden folder is there: anywhere, also after the last byte, and so the backup may be whole."""
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@pytest.fixture(scope="module")
def many(plane: ControlPlane) -> Iterator[str]:
    """A namespace with so many LRS that a backup takes long enough to be interrupted."""
    from tests.conftest import _Installed

    crd = _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")
    loader.create_namespace(plane, "many")
    loader.create_many(plane, (samples.filler(n, crd.api_version, crd.kind, "many") for n in range(OBJECTS)))
    yield "many"
    loader.clear(plane, namespace="many")
    loader.delete_namespace(plane, "many", wait=False)


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


@dataclass(frozen=True)
class Held:
    """Backups that wait in the middle: their hidden folder is there, and a page of the list is not."""

    plane: ControlPlane
    cli: Cli
    namespace: str
    directory: Path

    @contextmanager
    def at(self, page: int) -> Iterator[subprocess.Popen[str]]:
        """One that is there; it goes on afterwards."""
        hold = Hold()
        with FaultProxy(self.plane) as proxy:
            proxy.when("GET", LIST, call(hold), nth={page})
            cli = replace(self.cli, kubeconfig=proxy.kubeconfig(self.directory / "proxy.kubeconfig"))
            run = cli.start("backup", "-n", self.namespace)
            try:
                assert hold.seen.wait(PATIENCE)
                assert _hidden(cli.directory)
                yield run
            finally:
                hold.freed.set()
                run.wait(PATIENCE)

    def interrupted(self, number: signal.Signals, page: int) -> subprocess.Popen[str]:
        """One that got a signal there, and has ended."""
        with self.at(page) as run:
            run.send_signal(number)
        return run


@pytest.fixture
def held(plane: ControlPlane, many: str, cli: Cli, tmp_path: Path) -> Held:
    return Held(plane, cli, many, tmp_path)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_signal_while_it_reads(held: Held, number: signal.Signals, page: int) -> None:
    run = held.interrupted(number, page)
    assert run.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130)
    _assert_none_and_the_next_is_whole(held.cli, held.namespace, run, number)


def _assert_none_and_the_next_is_whole(cli: Cli, many: str, run: subprocess.Popen[str], number: signal.Signals) -> None:
    assert _visible(cli.directory) == []
    if number is not signal.SIGKILL:
        assert _hidden(cli.directory) == []
        assert "interrupted; no backup was made" in (run.stderr.read() if run.stderr else "")
    _assert_the_next_is_whole(cli, many)


def _assert_the_next_is_whole(cli: Cli, many: str) -> None:
    again = cli.run("backup", "-n", many, "--name", "again", "-l", FEW)
    assert again.returncode == 0, again.stderr
    cli.ok("verify", "again")
    assert _hidden(cli.directory) == []


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_signal(many: str, cli: Cli, number: signal.Signals, moment: float) -> None:
    run = cli.start("backup", "-n", many)
    wait_until(lambda: bool(_hidden(cli.directory) or _visible(cli.directory)), "a backup to be begun")
    time.sleep(moment)
    run.send_signal(number)
    run.wait(PATIENCE)
    sealed = _visible(cli.directory)
    for folder in sealed:  # it was faster than the signal: then it must be whole
        cli.ok("verify", folder.name)
    if not sealed:
        assert run.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130)
        _assert_none_and_the_next_is_whole(cli, many, run, number)
    else:
        assert run.returncode in ((0, -signal.SIGKILL) if number is signal.SIGKILL else (0, 130))
        assert number is signal.SIGKILL or _hidden(cli.directory) == []
        _assert_the_next_is_whole(cli, many)


def test_list_does_not_take_remains_for_a_backup(held: Held) -> None:
    held.interrupted(signal.SIGKILL, 3)
    cli, many = held.cli, held.namespace
    assert _hidden(cli.directory)
    listed = json.loads(cli.ok("list", "-o", "json"))
    assert (listed["backups"], listed["unsealed"], listed["items"]) == ([], [], [])
    assert cli.run("verify").returncode == 2
    assert cli.run("restore", "latest").returncode == 2
    assert "removed the remains" in cli.run("backup", "-n", many).stderr


def test_run_that_is_alive_is_not_cleared_away(held: Held) -> None:
    cli = held.cli
    with held.at(2) as slow:
        remains = set(_hidden(cli.directory))
        cli.ok("backup", "-n", held.namespace, "--name", "other", "-l", FEW)
        assert remains <= set(_hidden(cli.directory))
    assert slow.returncode == 0
    assert len(_visible(cli.directory)) == 2
    for folder in _visible(cli.directory):
        cli.ok("verify", folder.name)


@pytest.mark.parametrize("size", ["100k", "1m", "4m"])
def test_full_disk(many: str, cli: Cli, size: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    done = small_space.run(cli, small, size, "backup", "-n", many)
    assert done.returncode == 1, done.stderr
    assert "no space left; no backup was made" in done.stderr
    assert "LEFT []" in done.stderr
    assert "Traceback" not in done.stderr
