"""`backup --clean-spark`: the sessions first, then the backup; what is stuck is said and is in the exit status."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.sparked import live, start
from tests.conftest import ROOT, Cli, Crd

HOLD = ["example.com/hold"]


@pytest.fixture
def mixed(plane: ControlPlane, crd: Crd, namespace: str) -> set[str]:
    """Five deployments and two sessions; the names of the former."""
    others = samples.samples(crd.api_version, crd.kind, namespace)[4:9]
    loader.create_many(plane, others)
    start(plane, crd, namespace, 2)
    return {each["metadata"]["name"] for each in others}


def _saved(cli: Cli, name: str) -> set[str]:
    return {path.stem for path in (cli.directory / name / "lrs").rglob("*.yaml")}


def test_sessions_go_first(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, mixed: set[str]) -> None:
    call = ("backup", "-n", namespace, "--clean-spark", "--yes")
    done = cli.run(*call, "--name", "b", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "b", "standard output is the backup's alone"
    assert "clean-spark: 2 deleted" in done.stderr
    assert live(plane, crd, namespace).keys() == mixed == _saved(cli, "b")
    again = cli.run(*call, "--name", "c")
    assert again.returncode == 0
    assert "nothing to clean" in again.stderr
    quiet = cli.run(*call, "--name", "d", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", ""), "a night that went well"
    assert cli.run(*call, "--name", "e", "-q", "-o", "name").stdout == "e\n"
    for verb in (("verify", "d"), ("verify",), ("check", "--from", "d"), ("prune", "--keep-last", "9")):
        quiet = cli.run(*verb, "-q")
        assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", ""), verb
    (cli.directory / "d" / "backup.json").with_name("more").write_text("x")
    bad = cli.run("verify", "d", "-q")
    assert (bad.returncode, "more" in bad.stdout) == (4, True), "and one that did not"


def test_what_is_stuck_does_not_keep_the_backup_from_being_made(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, mixed: set[str]
) -> None:
    loader.create_many(plane, [_held(crd, namespace)])
    code = (
        "import sys; sys.argv = ['kubectl-lrs', *sys.argv[1:]]\n"
        "import kubectl_lrs.commands.spark as o; o.DEFAULT_TIMEOUT = '1s'\n"
        "from kubectl_lrs.cli import main; main()"
    )

    class Impatient(Cli):
        """The product, which waits a second in place of five minutes."""

        def _command(self, arguments: tuple[object, ...]) -> list[str]:
            return [sys.executable, "-c", code, *map(str, arguments)]

    words = ("backup", "-n", namespace, "--clean-spark", "--yes", "--name", "b", "-q")
    running = Impatient(cli.kubeconfig, cli.directory).start(*words)
    out, err = running.communicate(timeout=loader.PATIENCE)
    assert running.returncode == 3, err
    assert "held by example.com/hold" in err
    assert "not all Spark sessions are gone; the backup goes on without them" in err
    assert "backup b sealed: 5 LRS" in out
    assert _saved(cli, "b") == mixed
    cli.ok("verify", "b")


def _held(crd: Crd, namespace: str) -> dict[str, object]:
    from tests.builders.sparked import session

    return session(crd, namespace, 7, finalizers=HOLD)


def test_refusals(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, mixed: set[str]) -> None:
    """Nothing is deleted and nothing is saved."""
    before = live(plane, crd, namespace)
    both = cli.run("backup", "-n", namespace, "--clean-spark", "--yes", "--type", "spark_app,deployment")
    assert both.returncode == 2
    assert "--clean-spark deletes what --type spark_app would save" in both.stderr
    unsaid = cli.run("backup", "-n", namespace, "--clean-spark")
    assert unsaid.returncode == 2
    assert "this needs a yes: Delete 2 Spark sessions" in unsaid.stderr
    assert live(plane, crd, namespace) == before
    assert list(cli.directory.iterdir()) == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_question(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, mixed: set[str], answer: str, code: int) -> None:
    environment = {**os.environ, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    arguments = ["-m", "kubectl_lrs", "backup", "-n", namespace, "--clean-spark", "--name", "b"]
    child = pexpect.spawn(sys.executable, arguments, env=environment, cwd=str(cli.directory), timeout=PATIENCE, encoding="utf-8")
    child.expect(r"Go on\? \[y/N\]: ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert (cli.directory / "b").exists() is (answer == "y")
    assert ("spark-000" in live(plane, crd, namespace)) is (answer == "n")


def test_a_signal_while_it_cleans_makes_no_backup(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, mixed: set[str]
) -> None:
    loader.create_many(plane, [_held(crd, namespace)])
    process = cli.start("backup", "-n", namespace, "--clean-spark", "--yes", "--name", "b")
    loader.wait_until(lambda: live(plane, crd, namespace).keys() == {*mixed, "spark-007"}, "the sessions to be gone")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "no backup was made" in err
    assert list(Path(cli.directory).iterdir()) == []
