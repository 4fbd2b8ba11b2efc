"""`restore --pause-operator`: asleep for the writes, and back whatever happens. The operator is invented."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.operator import NAME, LrsOperator, deploy_operator, deployments_path, replicas_of
from tests.builders.operated import MERGE_PATCH, NAMES, journals, names, save
from tests.builders.time_is_up import TimeIsUp
from tests.conftest import Cli, Crd

HOLD = "example.com/hold"


@pytest.fixture
def saved(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> str:
    """A namespace without LRS, and a backup `saved` of the six that were in it."""
    return save(plane, crd, namespace, cli)


@pytest.fixture
def held(plane: ControlPlane, crd: Crd, saved: str) -> Iterator[str]:
    """The same, with one LRS that is being deleted and held: a restore waits for it, for as long as the test wants."""
    one = samples.samples(crd.api_version, crd.kind, saved)[4]
    one["metadata"]["finalizers"] = [HOLD]
    loader.create_many(plane, [one])
    path = f"{loader.objects_path(crd.api_version, saved)}/{one['metadata']['name']}"
    assert plane.api("DELETE", path)[0] == 200
    yield path
    loader.release(plane, namespace=saved)


def _start_held(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, *flags: str, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """A restore with the operator paused that has written all but the held object."""
    run = cli.start("restore", "saved", "--yes", "--pause-operator", *flags, env=env)
    loader.wait_until(
        lambda: run.poll() is not None or names(plane, crd, namespace) == set(NAMES), "all but the held one to be there"
    )
    assert run.poll() is None, run.communicate()
    assert replicas_of(plane, namespace) == 0
    return run


def _let_go(plane: ControlPlane, path: str) -> None:
    """Take our finalizer off the held object."""
    assert plane.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)[0] == 200


def test_operator_is_paused_for_the_writes_and_back_before_the_waiting(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli
) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=3) as operator:
        run = _start_held(plane, crd, saved, cli, "--wait", "--timeout", "180s")
        (journal,) = journals(cli)
        noted = json.loads(journal.read_text())
        assert (noted["operator"], noted["replicas"]) == (f"{saved}/lrs-operator", 3)
        assert journal.stat().st_mode & 0o777 == 0o600
        assert all("status" not in each for each in loader.live(plane, crd.api_version, saved)), "nobody reconciled it"
        _let_go(plane, held)
        out, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, out + err
        assert operator.replicas_seen == (3, 0, 3)
        assert len(operator.did("status")) == 6, "it was at work while the restore waited"
        off, on = [event.at for event in operator.events if event.what == "replicas"][1:]
        assert not [event for event in operator.events if event.what != "replicas" and off < event.at < on]
        assert journals(cli) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_operator_is_back_after_an_interruption(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli, number: signal.Signals
) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli, "--wait")
        run.send_signal(number)
        out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130, out + err
    assert "interrupted" in out
    assert replicas_of(plane, saved) == 2
    assert journals(cli) == []


def test_operator_is_back_after_an_interruption_while_its_pods_end(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        operator.lingering.set()
        run = cli.start("restore", "saved", "--yes", "--pause-operator")
        loader.wait_until(lambda: replicas_of(plane, saved) == 0, "the operator to be scaled to 0")
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 130, out + err
        assert "6 not tried" in out
        assert "interrupted" in out
        assert replicas_of(plane, saved) == 2
    assert names(plane, crd, saved) == set()
    assert journals(cli) == []


def test_nothing_is_written_while_the_pods_of_the_operator_run(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        operator.lingering.set()
        done = cli.run("restore", "saved", "--yes", "--pause-operator", "--timeout", "2s")
        assert done.returncode == 1
        assert "still has running pods after 2s" in done.stderr
        assert replicas_of(plane, saved) == 2
    assert names(plane, crd, saved) == set()
    assert journals(cli) == []


def test_operator_whose_status_is_from_before_is_not_asleep(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    """Nobody has seen yet what it is scaled to: that no pod runs may have been said of another number."""
    deploy_operator(plane, saved, replicas=2)
    path = f"{deployments_path(saved)}/{NAME}"
    none = [{"op": "replace", "path": "/status", "value": {"observedGeneration": 1}}]
    assert plane.api("PATCH", f"{path}/status", none, content_type="application/json-patch+json")[0] == 200
    done = cli.run("restore", "saved", "--yes", "--pause-operator", "--timeout", "1s")
    assert done.returncode == 1
    assert "has no status since it was scaled to 0 after 1s" in done.stderr
    assert names(plane, crd, saved) == set()
    assert (replicas_of(plane, saved), journals(cli)) == (2, [])


def test_operator_that_somebody_wakes_meanwhile_is_said(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    """An autoscaler, or a person: what was written may have met it awake."""
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli)
        patch = {"spec": {"replicas": 1}}
        path = f"{deployments_path(saved)}/{NAME}"
        assert plane.api("PATCH", path, patch, content_type=MERGE_PATCH)[0] == 200
        _let_go(plane, held)
        out, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 3, out + err
        assert f"operator {saved}/{NAME} was scaled to 1 by somebody else meanwhile" in out
        assert replicas_of(plane, saved) == 2
    loader.release(plane, namespace=saved)


def test_operator_is_back_after_a_failed_object(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli, tmp_path: Path
) -> None:
    time = TimeIsUp(tmp_path)
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        run = _start_held(plane, crd, saved, cli, env=time.environment)
        time.strike()
        out, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 3, out + err
        assert "1 failed" in out
        assert HOLD in out
        assert operator.replicas_seen[:2] == (2, 0)
        assert replicas_of(plane, saved) == 2
    assert journals(cli) == []


def test_killed_run_is_put_right_by_the_next_one(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        run = _start_held(plane, crd, saved, cli)
        run.kill()
        run.communicate(timeout=PATIENCE)
        (journal,) = journals(cli)
        assert journal.stat().st_mode & 0o777 == 0o600
        _let_go(plane, held)

        dry = cli.run("restore", "saved", "--pause-operator", "--dry-run=server")
        assert (dry.returncode, replicas_of(plane, saved), journal.exists()) == (0, 0, True)
        without = cli.run("restore", "saved", "--dry-run=client")
        assert "was paused by another run; it had 2 replicas" in without.stderr
        assert replicas_of(plane, saved) == 0

        cli.ok("restore", "saved", "--yes", "--pause-operator", "--wait", "--timeout", "180s")
        assert replicas_of(plane, saved) == 2
        assert journals(cli) == []
        loader.wait_until(lambda: operator.is_done(saved), "the operator to be at work again")


def test_what_the_user_says_counts_more_than_the_journal(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli)
        run.kill()
        run.communicate(timeout=PATIENCE)
        _let_go(plane, held)
        cli.ok("restore", "saved", "--yes", "--pause-operator", "--operator-replicas", "4")
        assert replicas_of(plane, saved) == 4


def test_journal_that_cannot_be_read_stops_it_before_the_first_write(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli
) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli)
        run.kill()
        run.communicate(timeout=PATIENCE)
    before = names(plane, crd, saved)
    (journal,) = journals(cli)
    for text in ("{", json.dumps({"operator": f"{saved}/lrs-operator", "replicas": "many"})):
        journal.write_text(text)
        done = cli.run("restore", "saved", "--yes", "--pause-operator")
        assert done.returncode == 2, done.stdout
        assert str(journal.name) in done.stderr
        assert "bug" not in done.stderr
    assert (names(plane, crd, saved), replicas_of(plane, saved)) == (before, 0)


def test_journal_that_cannot_be_written_stops_it_before_the_first_write(
    plane: ControlPlane, crd: Crd, saved: str, cli: Cli
) -> None:
    deploy_operator(plane, saved, replicas=2)
    backup = cli.directory / "saved"
    done = cli.run("restore", backup, "--yes", "--pause-operator", "--backup-dir", cli.directory / "not" / "there")
    assert done.returncode == 1, done.stderr
    assert "the journal cannot be written" in done.stderr
    assert "bug" not in done.stderr
    assert (names(plane, crd, saved), replicas_of(plane, saved)) == (set(), 2)


def test_operator_that_is_at_0_needs_a_word(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=0) as operator:
        done = cli.run("restore", "saved", "--yes", "--pause-operator")
        assert done.returncode == 2
        assert "is at 0 replicas, and no run of this program paused it" in done.stderr
        assert "--operator-replicas N" in done.stderr
        assert names(plane, crd, saved) == set()

        cli.ok("restore", "saved", "--yes", "--pause-operator", "--operator-replicas", "2", "--wait", "--timeout", "180s")
        assert operator.replicas_seen == (0, 2)
        assert replicas_of(plane, saved) == 2


@pytest.mark.parametrize("mode", ["client", "server"])
def test_dry_run_does_not_scale(plane: ControlPlane, crd: Crd, saved: str, cli: Cli, mode: str) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        out = cli.ok("restore", "saved", "--pause-operator", f"--dry-run={mode}")
        loader.wait_until(lambda: bool(operator.events), "the operator to look")
    path = f"{deployments_path(saved)}/lrs-operator"
    assert plane.api("GET", path)[1]["metadata"]["generation"] == 1, "its spec was never changed"
    assert (f"pause the operator {saved}/lrs-operator" in out) == (mode == "client")
    assert names(plane, crd, saved) == set()
    assert journals(cli) == []


def test_pausing_needs_a_yes(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved)
    done = cli.run("restore", "saved", "--pause-operator")
    assert done.returncode == 2
    assert f"pause the operator {saved}/lrs-operator meanwhile" in done.stderr
    assert (names(plane, crd, saved), replicas_of(plane, saved)) == (set(), 1)


def test_two_runs_at_once(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    """The second one would wake the operator while the first one writes, or be awake while it writes itself."""
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        run = _start_held(plane, crd, saved, cli)
        other = cli.run("restore", "saved", "--yes", "--pause-operator", "--timeout", "180s")
        assert other.returncode == 1
        assert f"another run has paused the operator {saved}/lrs-operator" in other.stderr
        assert replicas_of(plane, saved) == 0
        _let_go(plane, held)
        assert run.wait(PATIENCE) == 0, run.communicate()
        loader.wait_until(lambda: operator.replicas_seen == (2, 0, 2), "the operator to be seen awake")
    assert [path.name for path in cli.directory.iterdir()] == ["saved"], "neither journal nor lock is left"


def test_server_that_is_away_when_it_should_be_scaled_back(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli
) -> None:
    """It is tried several times, then said with the command that does it, and the journal stays."""
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli)
        plane.kill_apiserver()
        try:
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=PATIENCE)
        finally:
            plane.start_apiserver()
        assert run.returncode == 130
        assert f"operator {saved}/lrs-operator could not be scaled back" in out
        assert f"kubectl scale -n {saved} deployment/lrs-operator --replicas=2" in err
        assert replicas_of(plane, saved) == 0
        assert len(journals(cli)) == 1
        _let_go(plane, held)
        cli.ok("restore", "saved", "--yes", "--pause-operator")
        assert replicas_of(plane, saved) == 2
    assert journals(cli) == []


def _written(cli: Cli) -> list[int]:
    """When the journal was."""
    return [path.stat().st_mtime_ns for path in journals(cli)]


def test_number_is_handed_on_from_journal_to_journal(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    """Killed, killed again, and then interrupted: that one puts it right."""
    with LrsOperator(plane, crd.api_version, [saved], replicas=3):
        for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130)):
            before = _written(cli)
            run = cli.start("restore", "saved", "--yes", "--pause-operator")
            loader.wait_until(
                lambda old=before: _written(cli) > old and replicas_of(plane, saved) == 0,
                "the operator to be paused by this run",
            )
            run.send_signal(number)
            run.communicate(timeout=PATIENCE)
            assert run.returncode == code
        assert (replicas_of(plane, saved), journals(cli)) == (3, [])
