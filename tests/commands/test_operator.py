"""`restore` and the LRS operator: the drill with one at work, finding it, rights, recreating. The operator is invented."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.operator import FINALIZER, LrsOperator, deploy_operator, replicas_of
from tests.builders import collector
from tests.builders.compare import essences
from tests.builders.operated import MERGE_PATCH, NAMES, destroy, journals, names, populate, save
from tests.builders.rights import grant
from tests.conftest import Cli, Crd


@pytest.fixture
def saved(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> str:
    """A namespace without LRS, and a backup `saved` of the six that were in it."""
    return save(plane, crd, namespace, cli)


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
        destroy(plane, each_crd, *both)
        loader.wait_until(lambda: len(operator.did("cleaned")) == len(before), "the operator to have noted each")

        cli.ok("restore", "saved", "--wait", "--timeout", "180s")
        assert essences(plane, each_crd.api_version, *both) == before
        loader.wait_until(lambda: all(map(operator.is_done, both)), "the operator to be done again")
        assert not uids & {each["metadata"]["uid"] for each in loader.live(plane, each_crd.api_version, namespace)}
        collector.let_it_pass(plane, each_crd, namespace)
        assert all(map(operator.is_done, both)), "the garbage collector took nothing"
        assert essences(plane, each_crd.api_version, *both) == before
        destroy(plane, each_crd, *both)
    loader.delete_namespace(plane, other, wait=False)


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
        assert names(plane, crd, saved) == set()
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
    assert names(plane, crd, saved) == set()

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
    assert names(plane, crd, saved) == set()


# ---- rights

LRS_RIGHTS = {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["get", "list", "create"]}
SEE_DEPLOYMENTS = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}
SCALE = {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}


def _user(plane: ControlPlane, cli: Cli, namespace: str, *rules: dict[str, Any]) -> Cli:
    """The product as `user-3`, who has these rights in the namespace."""
    grant(plane, namespace, "user-3", *rules)
    kubeconfig = plane.write_kubeconfig(cli.directory.parent / "user", token=plane.tokens["user-3"], namespace=namespace)
    return Cli(kubeconfig, cli.directory)


def test_without_the_right_to_scale_nothing_is_written(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved, replicas=2)
    user = _user(plane, cli, saved, LRS_RIGHTS, SEE_DEPLOYMENTS)
    done = user.run("restore", "saved", "--yes", "--pause-operator")
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"you may not patch deployments.apps/scale in namespace {saved}" in done.stderr
    assert (names(plane, crd, saved), replicas_of(plane, saved), journals(cli)) == (set(), 2, [])
    dry = user.run("restore", "saved", "--pause-operator", "--dry-run=client")
    assert dry.returncode == 5, "a plan that could not be applied is not shown as one that could"


def test_without_the_right_to_see_deployments(plane: ControlPlane, crd: Crd, saved: str, cli: Cli) -> None:
    deploy_operator(plane, saved, replicas=2)
    user = _user(plane, cli, saved, LRS_RIGHTS)
    done = user.run("restore", "saved", "--yes", "--pause-operator")
    assert done.returncode == 5
    assert 'cannot list resource "deployments"' in done.stderr
    assert names(plane, crd, saved) == set()
    plain = user.run("restore", "saved")
    assert plain.returncode == 0, plain.stderr
    assert "the LRS operator was not found" in plain.stderr
    assert names(plane, crd, saved) == set(NAMES)


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
    populate(plane, crd, namespace)
    with LrsOperator(plane, crd.api_version, [namespace]) as operator:
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to be done")
        cli.ok("backup", "-n", namespace, "--name", "saved")
        before = essences(plane, crd.api_version, namespace)
        path = f"{loader.objects_path(crd.api_version, namespace)}/{NAMES[0]}"
        plane.api("PATCH", path, {"spec": {"image": "x"}}, content_type=MERGE_PATCH)
        cli.ok("restore", "saved", "--existing", "recreate", "--yes", "--wait", "--timeout", "180s")
        assert operator.did("cleaned") == {f"{namespace}/{NAMES[0]}"}
        loader.wait_until(lambda: operator.is_done(namespace), "the operator to be done again")
        assert essences(plane, crd.api_version, namespace) == before
