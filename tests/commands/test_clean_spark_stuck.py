"""`clean-spark` and what holds a session: finalizers, an operator that works, one that does not, a signal while it waits."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.operator import FINALIZER, LrsOperator, deploy_operator, deployments_path
from tests.bed.proxy import FaultProxy, call
from tests.builders.sparked import are_going, counts, let_go, live, path, rows, start
from tests.builders.time_is_up import TimeIsUp
from tests.conftest import Cli, Crd

HOLD = ["example.com/hold"]
MERGE_PATCH = "application/merge-patch+json"


def test_an_operator_that_works_lets_them_go(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    with LrsOperator(plane, each_crd.api_version, [namespace]) as operator:
        start(plane, each_crd, namespace, 12)
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to have seen them")
        done = cli.run("clean-spark", "-n", namespace, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert counts(done.stdout) == {"deleted": 12}
        assert {row[3] for row in rows(done.stdout)} == {"Ready"}
        assert live(plane, each_crd, namespace) == {}
        assert len(operator.did("cleaned")) == 12


def _ready(plane: ControlPlane, namespace: str, ready: int) -> None:
    patch = {"status": {"readyReplicas": ready, "availableReplicas": ready}}
    path = f"{deployments_path(namespace)}/lrs-operator/status"
    assert plane.api("PATCH", path, patch, content_type=MERGE_PATCH)[0] == 200


CAUSES = {
    0: "operator {key} is at 0 replicas, so nobody takes the finalizers off (scale it up, and run this again: "
    "kubectl scale -n {ns} deployment/lrs-operator --replicas=1)",
    2: "operator {key} has none of its 2 replicas ready, so nobody takes the finalizers off",
    1: "operator {key} is running (1 of 1 ready), and yet the finalizers are there",
}


@pytest.mark.parametrize("replicas", CAUSES)
def test_stuck_is_reported_with_its_cause(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path, replicas: int
) -> None:
    deploy_operator(plane, namespace, replicas=replicas)
    if replicas == 2:
        _ready(plane, namespace, 0)
    start(plane, crd, namespace, 2)
    loader.create_many(plane, [_held(crd, namespace, 7, [FINALIZER, *HOLD])])
    done = TimeIsUp(tmp_path).run(cli, "clean-spark", "-n", namespace, "--yes", when=lambda: are_going(plane, crd, namespace, 1))
    assert done.returncode == 3, done.stderr
    assert counts(done.stdout) == {"deleted": 2, "stuck": 1}
    assert [" ".join(row[4:]) for row in rows(done.stdout)][2] == f"stuck held by {FINALIZER}, {HOLD[0]}"
    assert CAUSES[replicas].format(key=f"{namespace}/lrs-operator", ns=namespace) in done.stderr
    foretold = f"warning: 1 session with finalizers will be stuck: operator {namespace}/lrs-operator is not running"
    assert (foretold in done.stderr) is (replicas != 1), "it is said before anything is deleted"
    assert live(plane, crd, namespace).keys() == {"spark-007"}
    assert "Terminating" in cli.ok("clean-spark", "-n", namespace, "--dry-run=client")


def _held(crd: Crd, namespace: str, number: int, finalizers: list[str]) -> dict[str, object]:
    from tests.builders.sparked import session

    return session(crd, namespace, number, finalizers=finalizers)


def test_no_operator_is_said_and_one_can_be_named(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    deploy_operator(plane, namespace, name="controller", image="registry.example.com/thing:1", replicas=0)
    start(plane, crd, namespace, 1, finalizers=HOLD)
    call_ = ("clean-spark", "-n", namespace, "--yes", "--timeout", "1s")
    done = TimeIsUp(tmp_path).run(cli, *call_, "-o", "json", when=lambda: are_going(plane, crd, namespace, 1))
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert report["counts"] == {"stuck": 1}
    assert report["findings"][0]["message"].startswith(f"no LRS operator was found in {namespace}")
    done = cli.run(*call_, "--operator", f"{namespace}/controller")
    assert done.returncode == 3
    assert f"operator {namespace}/controller is at 0 replicas" in done.stderr
    done = cli.run(*call_, "--operator", f"{namespace}/none")
    assert done.returncode == 3
    assert "could not be looked up" in done.stderr


def test_what_kubernetes_itself_holds_is_not_blamed_on_the_operator(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli
) -> None:
    """Somebody deleted it in the foreground, and what it owns is held; it is not deleted again, which would change that."""
    deploy_operator(plane, namespace, replicas=0)
    start(plane, crd, namespace, 1)
    uid = live(plane, crd, namespace)["spark-000"]
    owner = {"apiVersion": crd.api_version, "kind": crd.kind, "name": "spark-000", "uid": uid, "blockOwnerDeletion": True}
    owned = {"metadata": {"name": "owned", "finalizers": HOLD, "ownerReferences": [owner]}}
    config_maps = f"/api/v1/namespaces/{namespace}/configmaps"
    assert plane.api("POST", config_maps, owned)[0] == 201
    plane.api("DELETE", path(crd, namespace, "spark-000"), {"propagationPolicy": "Foreground"})
    try:
        done = cli.run("clean-spark", "-n", namespace, "--timeout", "1s")
        assert done.returncode == 3, done.stderr
        assert "held by foregroundDeletion" in done.stdout
        assert "spark-000: it waits until what it owns is deleted (foreground deletion)" in done.stderr
        assert "operator" not in done.stderr
    finally:
        plane.api("PATCH", f"{config_maps}/owned", {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)


def test_no_wait_says_that_it_is_not_seen_to_the_end(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    start(plane, crd, namespace, 1, finalizers=HOLD)
    loader.create_many(plane, [_held(crd, namespace, 1, [])])
    out = cli.ok("clean-spark", "-n", namespace, "--yes", "--no-wait")
    assert counts(out) == {"deleted": 1, "deleting": 1}
    assert "deletionTimestamp" in loader.live(plane, crd.api_version, namespace)[0]["metadata"]


def test_one_born_while_another_of_its_name_goes_is_not_ours(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    """Both ways: before our deletion arrives, and while we wait for what a finalizer holds."""
    start(plane, crd, namespace, 1)
    loader.create_many(plane, [_held(crd, namespace, 1, HOLD)])
    before = live(plane, crd, namespace)

    def reborn(name: str) -> None:
        plane.api("DELETE", path(crd, namespace, name))
        let_go(plane, crd, namespace, name)
        loader.create_many(plane, [_held(crd, namespace, int(name[-3:]), [])])

    with FaultProxy(plane) as proxy:
        proxy.when("DELETE", r"/spark-000$", call(lambda: reborn("spark-000")))
        proxy.when("GET", r"resourceVersionMatch=NotOlderThan", call(lambda: reborn("spark-001")))
        mine = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
        out = mine.ok("clean-spark", "-n", namespace, "--yes")
    assert counts(out) == {"deleted": 2}
    assert out.count("another session has its name now; it is left alone") == 2
    now = live(plane, crd, namespace)
    assert now.keys() == before.keys()
    assert not set(now.values()) & set(before.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_waits(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, number: signal.Signals) -> None:
    start(plane, crd, namespace, 2, finalizers=HOLD)
    process = cli.start("clean-spark", "-n", namespace, "--yes")
    loader.wait_until(
        lambda: all("deletionTimestamp" in each["metadata"] for each in loader.live(plane, crd.api_version, namespace)),
        "the deletions to have arrived",
    )
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert counts(out) == {"deleting": 2}
    assert "interrupted before it was seen to be gone" in out
    assert "Traceback" not in err


def test_kubectl_agrees_that_they_are_gone(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    start(plane, crd, namespace, 5)
    command = [plane.kubectl, "get", "lrs", "-A", "-l", "datarobot-lrs-type=spark_app", "-o", "name"]
    environment = {"KUBECONFIG": str(plane.kubeconfig), "HOME": str(cli.directory)}
    before = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert before.count("spark-") >= 5
    cli.ok("clean-spark", "-A", "--yes")
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == ""
