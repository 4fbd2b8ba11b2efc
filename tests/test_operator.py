"""`restore` and the LRS operator: the drill with one at work, pausing it, and what is said of it. The operator is invented."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import collector
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.operator import FINALIZER, LrsOperator, deploy_operator, deployments_path, replicas_of
from tests.compare import essences
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"
HOLD = "example.com/hold"
NAMES = [each["metadata"]["name"] for each in samples.samples("", "")[4:10]]


def _populate(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """Six LRS of type deployment."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:10])


def _destroy(plane: ControlPlane, crd: Crd, *namespaces: str) -> None:
    """Delete every LRS, and wait until it is gone: whoever holds a finalizer must take it off."""
    for namespace in namespaces:
        assert plane.api("DELETE", loader.objects_path(crd.api_version, namespace))[0] == 200
    loader.wait_until(lambda: not any(loader.live(plane, crd.api_version, each) for each in namespaces), "the LRS to be gone")


def _names(plane: ControlPlane, crd: Crd, namespace: str) -> set[str]:
    return {each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)}


def _journals(cli: Cli) -> list[Path]:
    return [path for path in cli.directory.iterdir() if path.name.startswith("lrs_operator_paused_")]


# ---- the drill


def test_drill_with_the_operator_at_work(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    """Backup, delete, restore, while the operator reconciles: nothing differs, and it makes its Deployments again."""
    other = f"{namespace}-b"
    loader.create_namespace(plane, other)
    both = (namespace, other)
    for each in both:
        loader.create_many(plane, samples.samples(each_crd.api_version, each_crd.kind, each)[4:])
    with LrsOperator(plane, each_crd.api_version, both) as operator:
        loader.wait_until(lambda: all(map(operator.is_done, both)), "the operator to be done")
        before = essences(plane, each_crd.api_version, *both)
        uids = {each["metadata"]["uid"] for each in loader.live(plane, each_crd.api_version, namespace)}
        assert all(FINALIZER in each["metadata"]["finalizers"] for each in before.values())
        cli.ok("backup", "-A", "-l", "app.kubernetes.io/part-of=datarobot", "--name", "saved")
        _destroy(plane, each_crd, *both)
        assert len(operator.did("cleaned")) == len(before)

        cli.ok("restore", "saved", "--wait", "--timeout", "60s")
        assert essences(plane, each_crd.api_version, *both) == before
        loader.wait_until(lambda: all(map(operator.is_done, both)), "the operator to be done again")
        assert not uids & {each["metadata"]["uid"] for each in loader.live(plane, each_crd.api_version, namespace)}
        collector.let_it_pass(plane, each_crd, namespace)
        assert all(map(operator.is_done, both)), "the garbage collector took nothing"
        assert essences(plane, each_crd.api_version, *both) == before
        _destroy(plane, each_crd, *both)
    loader.delete_namespace(plane, other, wait=False)


# ---- pausing


@pytest.fixture
def saved(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> str:
    """A namespace without LRS, and a backup `saved` of the six that were in it."""
    _populate(plane, crd, namespace)
    for each in loader.live(plane, crd.api_version, namespace):
        loader.set_status(plane, each, samples.status_of(each))
    cli.ok("backup", "-n", namespace, "--name", "saved")
    _destroy(plane, crd, namespace)
    return namespace


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


def _start_held(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, *flags: str) -> subprocess.Popen[str]:
    """A restore with the operator paused that has written all but the held object."""
    run = cli.start("restore", "saved", "--yes", "--pause-operator", *flags)
    loader.wait_until(
        lambda: run.poll() is not None or _names(plane, crd, namespace) == set(NAMES), "all but the held one to be there"
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
        run = _start_held(plane, crd, saved, cli, "--wait", "--timeout", "60s")
        (journal,) = _journals(cli)
        assert json.loads(journal.read_text()) == {"operator": f"{saved}/lrs-operator", "replicas": 3}
        assert journal.stat().st_mode & 0o777 == 0o600
        assert all("status" not in each for each in loader.live(plane, crd.api_version, saved)), "nobody reconciled it"
        _let_go(plane, held)
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, out + err
        assert operator.replicas_seen == (3, 0, 3)
        assert len(operator.did("status")) == 6, "it was at work while the restore waited"
        off, on = [event.at for event in operator.events if event.what == "replicas"][1:]
        assert not [event for event in operator.events if event.what != "replicas" and off < event.at < on]
        assert _journals(cli) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_operator_is_back_after_an_interruption(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli, number: signal.Signals
) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli, "--wait")
        run.send_signal(number)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 130, out + err
    assert "interrupted" in out
    assert replicas_of(plane, saved) == 2
    assert _journals(cli) == []


def test_operator_is_back_after_an_interruption_while_its_pods_end(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        operator.lingering.set()
        run = cli.start("restore", "saved", "--yes", "--pause-operator")
        loader.wait_until(lambda: replicas_of(plane, saved) == 0, "the operator to be scaled to 0")
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
        assert run.returncode == 130, out + err
        assert "6 not tried" in out
        assert "interrupted" in out
        assert replicas_of(plane, saved) == 2
    assert _names(plane, crd, saved) == set()
    assert _journals(cli) == []


def test_nothing_is_written_while_the_pods_of_the_operator_run(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        operator.lingering.set()
        done = cli.run("restore", "saved", "--yes", "--pause-operator", "--timeout", "2s")
        assert done.returncode == 1
        assert "still has running pods after 2s" in done.stderr
        assert replicas_of(plane, saved) == 2
    assert _names(plane, crd, saved) == set()
    assert _journals(cli) == []


def test_operator_is_back_after_a_failed_object(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        done = cli.run("restore", "saved", "--yes", "--pause-operator", "--timeout", "2s")
        assert done.returncode == 3
        assert "1 failed" in done.stdout
        assert HOLD in done.stdout
        assert operator.replicas_seen[:2] == (2, 0)
        assert replicas_of(plane, saved) == 2
    assert _journals(cli) == []


def test_killed_run_is_put_right_by_the_next_one(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        run = _start_held(plane, crd, saved, cli)
        run.kill()
        run.communicate(timeout=30)
        (journal,) = _journals(cli)
        assert journal.stat().st_mode & 0o777 == 0o600
        _let_go(plane, held)

        dry = cli.run("restore", "saved", "--pause-operator", "--dry-run=server")
        assert (dry.returncode, replicas_of(plane, saved), journal.exists()) == (0, 0, True)
        without = cli.run("restore", "saved", "--dry-run=client")
        assert "was paused by a run that did not end well; it had 2 replicas" in without.stderr
        assert replicas_of(plane, saved) == 0

        cli.ok("restore", "saved", "--yes", "--pause-operator", "--wait", "--timeout", "60s")
        assert replicas_of(plane, saved) == 2
        assert _journals(cli) == []
        loader.wait_until(lambda: operator.is_done(saved), "the operator to be at work again")


def test_what_the_user_says_counts_more_than_the_journal(plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli)
        run.kill()
        run.communicate(timeout=30)
        _let_go(plane, held)
        cli.ok("restore", "saved", "--yes", "--pause-operator", "--operator-replicas", "4")
        assert replicas_of(plane, saved) == 4


def test_journal_that_cannot_be_read_stops_it_before_the_first_write(
    plane: ControlPlane, crd: Crd, saved: str, held: str, cli: Cli
) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=2):
        run = _start_held(plane, crd, saved, cli)
        run.kill()
        run.communicate(timeout=30)
    before = _names(plane, crd, saved)
    (journal,) = _journals(cli)
    for text in ("{", json.dumps({"operator": f"{saved}/lrs-operator", "replicas": "many"})):
        journal.write_text(text)
        done = cli.run("restore", "saved", "--yes", "--pause-operator")
        assert done.returncode == 2, done.stdout
        assert str(journal.name) in done.stderr
        assert "bug" not in done.stderr
    assert (_names(plane, crd, saved), replicas_of(plane, saved)) == (before, 0)


def test_journal_that_cannot_be_written_stops_it_before_the_first_write(
    plane: ControlPlane, crd: Crd, saved: str, cli: Cli
) -> None:
    deploy_operator(plane, saved, replicas=2)
    backup = cli.directory / "saved"
    done = cli.run("restore", backup, "--yes", "--pause-operator", "--backup-dir", cli.directory / "not" / "there")
    assert done.returncode == 1, done.stderr
    assert "the journal cannot be written" in done.stderr
    assert "bug" not in done.stderr
    assert (_names(plane, crd, saved), replicas_of(plane, saved)) == (set(), 2)


def test_operator_that_is_at_0_needs_a_word(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    with LrsOperator(plane, crd.api_version, [saved], replicas=0) as operator:
        done = cli.run("restore", "saved", "--yes", "--pause-operator")
        assert done.returncode == 2
        assert "is at 0 replicas, and no run of this program paused it" in done.stderr
        assert "--operator-replicas N" in done.stderr
        assert _names(plane, crd, saved) == set()

        cli.ok("restore", "saved", "--yes", "--pause-operator", "--operator-replicas", "2", "--wait", "--timeout", "60s")
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
    assert _names(plane, crd, saved) == set()
    assert _journals(cli) == []


def test_pausing_needs_a_yes(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved)
    done = cli.run("restore", "saved", "--pause-operator")
    assert done.returncode == 2
    assert f"pause the operator {saved}/lrs-operator meanwhile" in done.stderr
    assert (_names(plane, crd, saved), replicas_of(plane, saved)) == (set(), 1)


# ---- finding it


@pytest.mark.parametrize(
    ("name", "image", "release", "found"),
    [
        ("lrs-operator", "x", "dr", True),
        ("datarobot-lrs-operator-v2", "x", "dr", True),
        ("controller", "registry.example.com/datarobot/lrs-operator:1.0", "dr", True),
        ("controller", "registry.example.com/lrs-operator-images/web:1.0", "dr", False),
        ("operator", "x", "dr", False),
        ("lrs-operator", "x", "other", False),
    ],
)
def test_which_deployment_is_taken_for_the_operator(
    plane: ControlPlane, crd: Crd, saved: str, cli: Cli, name: str, image: str, release: str, found: bool
) -> None:
    deploy_operator(plane, saved, name=name, image=image, release=release, replicas=2)
    told = cli.run("restore", "saved", "--dry-run=client").stderr
    assert (f"operator {saved}/{name} is running (2 of 2 ready)" in told) == found
    assert ("the LRS operator was not found" in told) == (not found)


def test_operator_at_0_is_said(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved, replicas=0)
    done = cli.run("restore", "saved")
    assert done.returncode == 0
    assert f"operator {saved}/lrs-operator is at 0 replicas: LRS run once it is scaled up" in done.stderr


def test_operator_in_another_namespace_is_not_guessed_but_can_be_named(
    plane: ControlPlane, crd: Crd, saved: str, cli: Cli
) -> None:
    home = f"{saved}-home"
    loader.create_namespace(plane, home)
    with LrsOperator(plane, crd.api_version, [saved], home=home, replicas=2) as operator:
        assert "the LRS operator was not found" in cli.run("restore", "saved", "--dry-run=client").stderr
        done = cli.run("restore", "saved", "--yes", "--pause-operator")
        assert done.returncode == 2
        assert "--operator NAMESPACE/DEPLOYMENT" in done.stderr
        assert _names(plane, crd, saved) == set()
        assert operator.replicas_seen in ((), (2,))

        cli.ok("restore", "saved", "--yes", "--pause-operator", "--operator", f"{home}/lrs-operator", "--wait")
        assert operator.replicas_seen == (2, 0, 2)
        assert len(operator.did("status")) == 6
    loader.release(plane, namespace=saved)
    loader.delete_namespace(plane, home, wait=False)


def test_several_that_could_be_it(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    for name in ("lrs-operator", "lrs-operator-old"):
        deploy_operator(plane, saved, name=name)
    done = cli.run("restore", "saved", "--yes", "--pause-operator")
    assert done.returncode == 2
    assert f"{saved}/lrs-operator, {saved}/lrs-operator-old" in done.stderr
    assert _names(plane, crd, saved) == set()

    named = cli.run("restore", "saved", "--operator", f"{saved}/lrs-operator-old", "--dry-run=client")
    assert f"pause the operator {saved}" not in named.stdout
    assert f"operator {saved}/lrs-operator-old is running" in named.stderr
    plain = cli.run("restore", "saved")
    assert plain.returncode == 0, "two installations in two namespaces are restored at once"
    for name in ("lrs-operator", "lrs-operator-old"):
        assert f"operator {saved}/{name} is running" in plain.stderr


@pytest.mark.parametrize("value", ["lrs-operator", "/lrs-operator", "here/", "no-such/lrs-operator"])
def test_operator_that_is_named_wrongly(plane: ControlPlane, crd: Crd, saved: str, cli: Cli, value: str) -> None:
    done = cli.run("restore", "saved", "--operator", value)
    assert done.returncode == 2
    assert value in done.stderr
    assert _names(plane, crd, saved) == set()


# ---- rights

LRS_RIGHTS = {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["get", "list", "create"]}
SEE_DEPLOYMENTS = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}
SCALE = {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}


def _user(plane: ControlPlane, cli: Cli, namespace: str, *rules: dict[str, Any]) -> Cli:
    """The product as `user-3`, who has these rights in the namespace."""
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    binding = {
        "metadata": {"name": "some"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
        "subjects": [{"kind": "User", "name": "user-3"}],
    }
    assert plane.api("POST", f"{base}/roles", {"metadata": {"name": "some"}, "rules": rules})[0] == 201
    assert plane.api("POST", f"{base}/rolebindings", binding)[0] == 201
    kubeconfig = plane.write_kubeconfig(cli.directory.parent / "user", token=plane.tokens["user-3"], namespace=namespace)
    return Cli(kubeconfig, cli.directory)


def test_without_the_right_to_scale_nothing_is_written(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved, replicas=2)
    user = _user(plane, cli, saved, LRS_RIGHTS, SEE_DEPLOYMENTS)
    done = user.run("restore", "saved", "--yes", "--pause-operator")
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"you may not patch deployments.apps/scale in namespace {saved}" in done.stderr
    assert (_names(plane, crd, saved), replicas_of(plane, saved), _journals(cli)) == (set(), 2, [])
    dry = user.run("restore", "saved", "--pause-operator", "--dry-run=client")
    assert dry.returncode == 5, "a plan that could not be applied is not shown as one that could"


def test_without_the_right_to_see_deployments(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved, replicas=2)
    user = _user(plane, cli, saved, LRS_RIGHTS)
    done = user.run("restore", "saved", "--yes", "--pause-operator")
    assert done.returncode == 5
    assert 'cannot list resource "deployments"' in done.stderr
    assert _names(plane, crd, saved) == set()
    plain = user.run("restore", "saved")
    assert plain.returncode == 0, plain.stderr
    assert "the LRS operator was not found" in plain.stderr
    assert _names(plane, crd, saved) == set(NAMES)


def test_these_rights_are_enough(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    user = _user(plane, cli, saved, LRS_RIGHTS, SEE_DEPLOYMENTS, SCALE)
    with LrsOperator(plane, crd.api_version, [saved], replicas=2) as operator:
        done = user.run("restore", "saved", "--yes", "--pause-operator", "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        assert operator.replicas_seen == (2, 0, 2)


# ---- recreate


@pytest.mark.parametrize(("replicas", "flags"), [(0, ()), (1, ("--pause-operator",))], ids=["at 0", "paused"])
def test_recreate_is_refused_where_finalizers_would_hold(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, replicas: int, flags: tuple[str, ...]
) -> None:
    """The one with a finalizer is left alone, the one without is recreated."""
    two = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    two[0]["metadata"]["finalizers"] = [FINALIZER]
    loader.create_many(plane, two)
    cli.ok("backup", "-n", namespace, "--name", "saved")
    base = loader.objects_path(crd.api_version, namespace)
    for each in two:
        plane.api("PATCH", f"{base}/{each['metadata']['name']}", {"spec": {"image": "x"}}, content_type=MERGE_PATCH)
    before = {each["metadata"]["name"]: each["metadata"]["uid"] for each in loader.live(plane, crd.api_version, namespace)}
    # A stand-in that only follows its scale: the real one would put its finalizer on both.
    with LrsOperator(plane, crd.api_version, [f"{namespace}-nowhere"], home=namespace, replicas=replicas):
        done = cli.run("restore", "saved", "--existing", "recreate", "--yes", *flags)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "not recreated" in done.stdout
    after = {each["metadata"]["name"]: each["metadata"]["uid"] for each in loader.live(plane, crd.api_version, namespace)}
    held, free = (each["metadata"]["name"] for each in two)
    assert after[held] == before[held]
    assert after[free] != before[free]


def test_recreate_with_the_operator_at_work(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """It takes its finalizer off what is deleted, and makes the Deployment of the new object."""
    _populate(plane, crd, namespace)
    with LrsOperator(plane, crd.api_version, [namespace]) as operator:
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to be done")
        cli.ok("backup", "-n", namespace, "--name", "saved")
        before = essences(plane, crd.api_version, namespace)
        path = f"{loader.objects_path(crd.api_version, namespace)}/{NAMES[0]}"
        plane.api("PATCH", path, {"spec": {"image": "x"}}, content_type=MERGE_PATCH)
        cli.ok("restore", "saved", "--existing", "recreate", "--yes", "--wait", "--timeout", "60s")
        assert operator.did("cleaned") == {f"{namespace}/{NAMES[0]}"}
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to be done again")
        assert essences(plane, crd.api_version, namespace) == before
