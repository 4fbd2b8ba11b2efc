"""`restore --wait`: until objects are ready as far as their conditions tell, in bounded time. The operator is invented."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.operator import Behaviour, LrsOperator
from tests.bed.proxy import ALWAYS, Act, FaultProxy
from tests.builders.time_is_up import TimeIsUp
from tests.conftest import Cli, Crd

READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
COUNT = 4


def _made(crd: Crd, namespace: str) -> list[dict[str, Any]]:
    return samples.samples(crd.api_version, crd.kind, namespace)[4 : 4 + COUNT]


def _save(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, *statuses: dict[str, Any] | None) -> list[str]:
    """A backup `saved` of LRS with these statuses (ready where none is given), which are then deleted; their names."""
    made = _made(crd, namespace)
    loader.create_many(plane, made)
    for number, each in enumerate(made):
        status = statuses[number] if number < len(statuses) else READY
        if status is not None:
            loader.set_status(plane, each, status)
    cli.ok("backup", "-n", namespace, "--name", "saved")
    assert plane.api("DELETE", loader.objects_path(crd.api_version, namespace))[0] == 200
    loader.wait_until(lambda: not loader.live(plane, crd.api_version, namespace), "the LRS to be gone")
    return [each["metadata"]["name"] for each in made]


def _is_settled(plane: ControlPlane, crd: Crd, namespace: str, operator: LrsOperator) -> bool:
    """Whether all are there, and the operator has said of each what it will go on saying."""
    return len(loader.live(plane, crd.api_version, namespace)) == COUNT and operator.is_done(namespace)


def _report(out: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(out)["outcomes"]}


def test_it_ends_when_all_are_ready(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    _save(plane, each_crd, namespace, cli)
    with LrsOperator(plane, each_crd.api_version, [namespace], behaviour=Behaviour(ready_after=1.0)) as operator:
        out = cli.ok("restore", "saved", "--wait", "--timeout", "180s")
        assert operator.is_done(namespace), "it came back before they were ready"
        assert f"{COUNT} created" in out
    loader.release(plane, namespace=namespace)


def test_what_is_not_ready_in_time_is_listed_with_its_last_condition(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    names = _save(plane, each_crd, namespace, cli)
    behaviour = Behaviour(never_ready=frozenset(names[:1]), reason="ImagePullBackOff", message="no such image")
    with LrsOperator(plane, each_crd.api_version, [namespace], behaviour=behaviour) as operator:
        done = TimeIsUp(tmp_path).run(
            cli, "restore", "saved", "--wait", "-o", "json", when=lambda: _is_settled(plane, each_crd, namespace, operator)
        )
    assert done.returncode == 3, done.stderr
    report = _report(done.stdout)
    assert report[names[0]]["result"] == "not ready"
    assert report[names[0]]["message"] == "created, not ready in time: Ready=False (ImagePullBackOff no such image)"
    assert {report[name]["result"] for name in names[1:]} == {"created"}
    loader.release(plane, namespace=namespace)


def test_table_names_what_is_not_ready(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    names = _save(plane, crd, namespace, cli)
    done = cli.run("restore", "saved", "--wait", "--timeout", "1s")
    assert done.returncode == 3
    for name in names:
        assert any(name in line and "not ready" in line and "no conditions" in line for line in done.stdout.splitlines())


def test_objects_that_were_not_ready_before_are_not_waited_for(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli
) -> None:
    """They are named in a count; the ready one is waited for all the same."""
    failed = {"phase": "Failed", "conditions": [{"type": "Ready", "status": "False"}]}
    names = _save(plane, each_crd, namespace, cli, failed, failed, {"phase": "Running"})
    behaviour = Behaviour(never_ready=frozenset(names[:3]))
    with LrsOperator(plane, each_crd.api_version, [namespace], behaviour=behaviour) as operator:
        done = cli.run("restore", "saved", "--wait", "--timeout", "180s")
        assert done.returncode == 0, done.stdout
        assert f"{namespace}/{names[3]}" in operator.did("status")
    assert "not waiting for 2 LRS: they were not ready when they were backed up" in done.stderr
    assert "not waiting for 1 LRS: they had no conditions when they were backed up" in done.stderr
    loader.release(plane, namespace=namespace)


def test_object_of_which_nothing_was_known_is_waited_for(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    """It had no status yet when it was backed up: nothing tells that it cannot become ready."""
    names = _save(plane, each_crd, namespace, cli, None, None, None, None)
    behaviour = Behaviour(never_ready=frozenset(names[:1]))
    with LrsOperator(plane, each_crd.api_version, [namespace], behaviour=behaviour) as operator:
        done = TimeIsUp(tmp_path).run(
            cli, "restore", "saved", "--wait", "-o", "json", when=lambda: _is_settled(plane, each_crd, namespace, operator)
        )
    assert done.returncode == 3, done.stdout
    assert [name for name, each in _report(done.stdout).items() if each["result"] == "not ready"] == names[:1]
    loader.release(plane, namespace=namespace)


def test_operator_that_sets_no_conditions(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """They had some when they were backed up: then they are missing now, and that is not the same as ready."""
    names = _save(plane, crd, namespace, cli)
    with LrsOperator(plane, crd.api_version, [namespace], behaviour=Behaviour(conditions=False)):
        done = cli.run("restore", "saved", "--wait", "--timeout", "2s", "-o", "json")
    assert done.returncode == 3
    messages = {each["message"] for each in _report(done.stdout).values()}
    assert messages == {"created, not ready in time: it has no conditions"}
    assert set(_report(done.stdout)) == set(names)
    loader.release(plane, namespace=namespace)


@pytest.mark.parametrize("kind", ["Ready", "Available"])
def test_condition_types_that_mean_ready(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, kind: str) -> None:
    """Other conditions that are true say nothing; a word that is not True is not true."""
    true = {"conditions": [{"type": "Progressing", "status": "False"}, {"type": kind, "status": "True"}]}
    other = {"conditions": [{"type": kind, "status": "Unknown"}, {"type": "Progressing", "status": "True"}]}
    names = _save(plane, crd, namespace, cli)
    cli.ok("restore", "saved")
    for number, each in enumerate(_made(crd, namespace)):
        loader.set_status(plane, each, other if number == 0 else true)
    done = cli.run("restore", "saved", "--wait", "--timeout", "1s", "-o", "json")
    assert done.returncode == 3
    report = _report(done.stdout)
    assert report[names[0]]["message"] == f"unchanged, not ready in time: {kind}=Unknown"
    assert {report[name]["result"] for name in names[1:]} == {"unchanged"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 0, **READY}, "Ready=True, of an earlier generation"),
        ({"conditions": "none"}, "it has no conditions"),
        ({"conditions": [None, "x", {}]}, "None=None"),
        ({"observedGeneration": 1, **READY}, ""),
        ({"observedGeneration": None, **READY}, ""),
    ],
    ids=["stale", "not a list", "not conditions", "current", "null"],
)
def test_statuses_of_every_shape(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, status: dict[str, Any], said: str
) -> None:
    names = _save(plane, crd, namespace, cli)
    cli.ok("restore", "saved")
    for number, each in enumerate(_made(crd, namespace)):
        loader.set_status(plane, each, READY if number else status)
    done = cli.run("restore", "saved", "--wait", "--timeout", "1s", "-o", "json")
    assert done.returncode == (3 if said else 0), done.stdout + done.stderr
    assert said in _report(done.stdout)[names[0]]["message"]
    assert {each["result"] for name, each in _report(done.stdout).items() if name != names[0]} == {"unchanged"}


def test_object_that_goes_away_meanwhile(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> None:
    names = _save(plane, crd, namespace, cli)
    time = TimeIsUp(tmp_path)
    run = cli.start("restore", "saved", "--wait", "-o", "json", env=time.environment)
    base = loader.objects_path(crd.api_version, namespace)
    loader.wait_until(lambda: len(loader.live(plane, crd.api_version, namespace)) == COUNT, "the objects")
    for each in loader.live(plane, crd.api_version, namespace):
        loader.set_status(plane, each, {"conditions": [{"type": "Ready", "status": "False"}]})
    assert plane.api("DELETE", f"{base}/{names[0]}")[0] == 200
    time.strike()
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 3
    assert _report(out)[names[0]]["message"].endswith("it is not there")
    assert _report(out)[names[1]]["message"].endswith("Ready=False")


def test_what_becomes_ready_after_the_last_look_but_one_is_ready_in_time(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    """It is looked at once more when the time is over: the pause before may have been five seconds."""
    _save(plane, crd, namespace, cli)
    with FaultProxy(plane) as proxy:

        def all_ready() -> None:
            for each in loader.live(plane, crd.api_version, namespace):
                if "status" not in each:
                    loader.set_status(plane, each, READY)

        proxy.when("GET", r"/lrs(\?|$)", Act(after=all_ready), nth=ALWAYS)  # after the first look that finds them there
        mine = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
        out = mine.ok("restore", "saved", "--wait", "--timeout", "100ms")
    assert f"{COUNT} created" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_while_waiting(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, number: signal.Signals) -> None:
    """The report still tells what was written, and the same command goes on with the waiting."""
    names = _save(plane, crd, namespace, cli)
    run = cli.start("restore", "saved", "--wait", "--timeout", "180s", "-o", "json")
    loader.wait_until(lambda: len(loader.live(plane, crd.api_version, namespace)) == COUNT, "the objects")
    run.send_signal(number)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130, err
    assert json.loads(out)["interrupted"] is True
    assert set(_report(out)) == set(names)

    again = cli.run("restore", "saved", "--wait", "--timeout", "1s", "-o", "json")
    assert again.returncode == 3
    assert {each["message"] for each in _report(again.stdout).values()} == {"unchanged, not ready in time: it has no conditions"}
    for each in _made(crd, namespace):
        loader.set_status(plane, each, READY)
    cli.ok("restore", "saved", "--wait", "--timeout", "1s")


def test_report_is_not_lost_when_the_server_goes_away_while_waiting(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    names = _save(plane, crd, namespace, cli)
    run = cli.start("restore", "saved", "--wait", "--timeout", "180s", "-o", "json")
    loader.wait_until(lambda: len(loader.live(plane, crd.api_version, namespace)) == COUNT, "the objects")
    plane.kill_apiserver()
    try:
        out, _ = run.communicate(timeout=PATIENCE)
    finally:
        plane.start_apiserver()
    assert run.returncode == 3, out
    assert set(_report(out)) == set(names)
    (undone,) = json.loads(out)["undone"]
    assert "whether 4 LRS are ready is not known" in undone


def test_without_the_flag_nothing_is_waited_for(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    _save(plane, crd, namespace, cli)
    assert f"{COUNT} created" in cli.ok("restore", "saved", "--timeout", "1s")


@pytest.mark.parametrize("mode", ["client", "server"])
def test_dry_run_does_not_wait(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, mode: str) -> None:
    _save(plane, crd, namespace, cli)
    cli.ok("restore", "saved", "--wait", "--timeout", "1s", f"--dry-run={mode}")


# ---- conditions that do not speak of the object as it was written


def _restored(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, status: dict[str, Any]) -> list[str]:
    """The LRS of the backup `saved`, live with this status, and changed since the backup; their names."""
    names = _save(plane, crd, namespace, cli)
    cli.ok("restore", "saved")
    for each in _made(crd, namespace):
        path = f"{loader.objects_path(crd.api_version, namespace)}/{each['metadata']['name']}"
        assert plane.api("PATCH", path, {"spec": {"image": "x"}}, content_type="application/merge-patch+json")[0] == 200
        loader.set_status(plane, each, status)
    return names


@pytest.mark.parametrize("policy", ["update", "replace"])
def test_what_was_ready_before_it_was_changed_is_not_ready_for_that(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli, tmp_path: Path, policy: str
) -> None:
    """Nothing tells, so it is said that nothing tells; what is set afterwards counts, be it the same words by another."""
    names = _restored(plane, each_crd, namespace, cli, READY)
    flags = ("--existing", policy, "--yes", "--wait", "-o", "json")
    time = TimeIsUp(tmp_path)
    run = cli.start("restore", "saved", *flags, env=time.environment)

    def are_written() -> bool:
        return all(each["spec"]["image"] != "x" for each in loader.live(plane, each_crd.api_version, namespace))

    loader.wait_until(are_written, "all to be written")
    loader.set_status(plane, _made(each_crd, namespace)[0], {**READY, "phase": "Reconciled"})
    time.strike()
    out, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 3
    report = _report(out)
    assert (report[names[0]]["result"], report[names[0]]["message"]) == (f"{policy}d", "")
    said = f"{policy}d, not ready in time: Ready=True, as before it was written; nothing tells whether that is still so"
    assert {report[name]["message"] for name in names[1:]} == {said}


def test_what_was_changed_is_ready_when_the_operator_has_seen_it(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    _save(plane, crd, namespace, cli)
    with LrsOperator(plane, crd.api_version, [namespace]) as operator:
        cli.ok("restore", "saved", "--wait", "--timeout", "180s")
        for each in _made(crd, namespace):
            path = f"{loader.objects_path(crd.api_version, namespace)}/{each['metadata']['name']}"
            plane.api("PATCH", path, {"spec": {"image": "x"}}, content_type="application/merge-patch+json")
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to be done")
        out = cli.ok("restore", "saved", "--existing", "update", "--yes", "--wait", "--timeout", "180s")
        assert f"{COUNT} updated" in out
    loader.release(plane, namespace=namespace)


def test_status_that_is_restored_does_not_answer_for_the_operator(
    plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli
) -> None:
    names = _save(plane, each_crd, namespace, cli)
    done = cli.run("restore", "saved", "--restore-status", "--wait", "--timeout", "1s", "-o", "json")
    assert done.returncode == 3
    report = _report(done.stdout)
    said = "created, not ready in time: Ready=True, its status is the one that was restored; nothing has spoken since"
    assert {report[name]["message"] for name in names} == {said}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 0}]}, "Ready=True, of an earlier generation"),
        (
            {"conditions": [{"type": "Available", "status": "True"}, {"type": "Ready", "status": "False"}]},
            "Ready=False",
        ),
    ],
    ids=["condition of an earlier generation", "available, and not ready"],
)
def test_conditions_that_contradict(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, status: dict[str, Any], said: str
) -> None:
    names = _save(plane, crd, namespace, cli)
    cli.ok("restore", "saved")
    for each in _made(crd, namespace):
        loader.set_status(plane, each, status)
    done = cli.run("restore", "saved", "--wait", "--timeout", "1s", "-o", "json")
    assert done.returncode == 3
    assert {_report(done.stdout)[name]["message"] for name in names} == {f"unchanged, not ready in time: {said}"}


def test_object_that_is_being_deleted_is_not_waited_for_as_ready(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    """It is ready by all that it says, and will not be there."""
    names = _save(plane, crd, namespace, cli)
    cli.ok("restore", "saved")
    time = TimeIsUp(tmp_path)
    run = cli.start("restore", "saved", "--wait", "-o", "json", env=time.environment)
    path = f"{loader.objects_path(crd.api_version, namespace)}/{names[0]}"
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    assert plane.api("PATCH", path, hold, content_type="application/merge-patch+json")[0] == 200
    assert plane.api("DELETE", path)[0] == 200
    for each in _made(crd, namespace):
        loader.set_status(plane, each, READY)
    time.strike()
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 3, out + err
    report = _report(out)
    assert report[names[0]]["message"].endswith("is being deleted") or report[names[0]]["result"] == "failed", report
    loader.release(plane, namespace=namespace)
