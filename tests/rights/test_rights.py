"""Every verb as a user who has exactly the Role that `docs/rights.md` gives it, and with each single right taken away."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import images, loader, samples
from tests.bed.controlplane import USERS, ControlPlane
from tests.bed.operator import LrsOperator
from tests.bed.registry import Registry
from tests.builders import imagery
from tests.builders.compare import essences
from tests.builders.rights import RBAC, each_verb, wait_for
from tests.conftest import ROOT, Cli, Crd

BOUND = {"Role": "rolebindings", "ClusterRole": "clusterrolebindings"}
PLURAL = {"Role": "roles", "ClusterRole": "clusterroles"}
DOCUMENT = (ROOT / "docs" / "rights.md").read_text()
ROLES: dict[str, dict[str, Any]] = {
    role["metadata"]["name"]: role
    for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    for role in yaml.safe_load_all(block)
}

_users = itertools.cycle(USERS)


class User:
    """A plain user who has these Roles in one namespace, or everywhere where they are ClusterRoles."""

    def __init__(self, plane: ControlPlane, namespace: str, directory: Path) -> None:
        self.name = next(_users)
        self._plane, self._namespace = plane, namespace
        self._made: list[str] = []
        self.cli = Cli(
            plane.write_kubeconfig(directory / f"{self.name}.kubeconfig", token=plane.tokens[self.name]), directory / "work"
        )

    def grant(self, *roles: dict[str, Any]) -> None:
        """Make and bind these Roles, and wait until the API server knows."""
        for role in roles:
            kind = role["kind"]
            base = f"{RBAC}/namespaces/{self._namespace}" if kind == "Role" else RBAC
            name = f"{role['metadata']['name']}-{self._namespace}"
            binding = {
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": self.name}],
            }
            for plural, body in ((PLURAL[kind], {**role, "metadata": {"name": name}}), (BOUND[kind], binding)):
                status, answer = self._plane.api("POST", f"{base}/{plural}", body)
                assert status == 201, answer
                self._made.append(f"{base}/{plural}/{name}")
            self._wait(role, allowed=True)

    def revoke(self) -> None:
        """Take everything back, and wait until the API server knows."""
        gone = [self._plane.api("GET", path)[1] for path in self._made if "bindings" not in path]
        for path in reversed(self._made):
            self._plane.api("DELETE", path)
        self._made.clear()
        for role in gone:
            self._wait(role, allowed=False)

    def _wait(self, role: dict[str, Any], *, allowed: bool) -> None:
        where = self._namespace if role["kind"] == "Role" else ""
        for rule, verb in each_verb(role["rules"] or ()):
            wait_for(self._plane, self.name, rule, verb, namespace=where, allowed=allowed)


def _without(role: dict[str, Any], rule: dict[str, Any], verb: str) -> dict[str, Any]:
    less = copy.deepcopy(role)
    found = less["rules"][role["rules"].index(rule)]
    found["verbs"].remove(verb)
    less["rules"] = [each for each in less["rules"] if each["verbs"]]
    return less


@dataclass
class Bed:
    """A namespace with five LRS, a backup of it called `saved`, and a user without any right."""

    plane: ControlPlane
    crd: Crd
    namespace: str
    admin: Cli
    user: User
    stack: ExitStack

    @property
    def path(self) -> str:
        return loader.objects_path(self.crd.api_version, self.namespace)

    def state(self) -> dict[str, Any]:
        """Whatever a restore could have written."""
        crd = self.plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")
        return {
            "objects": {each["metadata"]["name"]: each for each in self.plane.api("GET", self.path)[1].get("items", ())},
            "namespace": self.plane.api("GET", f"/api/v1/namespaces/{self.namespace}")[1].get("status"),
            "crd": crd[1]["metadata"]["uid"] if crd[0] == 200 else None,
            "operator": self.plane.api("GET", f"/apis/apps/v1/namespaces/{self.namespace}/deployments/lrs-operator")[1].get(
                "spec"
            ),
            "files": sorted(str(path.relative_to(self.admin.directory)) for path in self.admin.directory.iterdir()),
        }


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> Iterator[Bed]:
    made = samples.samples(crd.api_version, crd.kind, namespace)[4:9]
    loader.create_many(plane, made)
    for each in made:
        loader.set_status(plane, each, samples.status_of(each))
    cli.ok("backup", "-n", namespace, "--name", "saved")
    user = User(plane, namespace, tmp_path)
    with ExitStack() as stack:
        yield Bed(plane, crd, namespace, cli, user, stack)
    user.revoke()
    if plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 404:
        loader.install_crd(plane, crd.path)


# ---- what a restore finds, and what it needs for it


def _deleted(bed: Bed) -> None:
    bed.plane.api("DELETE", bed.path)


def _drifted(bed: Bed) -> None:
    for number, each in enumerate(loader.live(bed.plane, bed.crd.api_version, bed.namespace)):
        path = f"{bed.path}/{each['metadata']['name']}"
        if number:
            bed.plane.api("PATCH", path, {"spec": {"image": "drifted"}}, content_type="application/merge-patch+json")
        else:
            bed.plane.api("DELETE", path)


def _without_namespace(bed: Bed) -> None:
    loader.delete_namespace(bed.plane, bed.namespace)


def _without_crd(bed: Bed) -> None:
    loader.delete_crd(bed.plane)


def _with_operator(bed: Bed) -> None:
    """One that looks after no LRS: its own Deployment follows what it is scaled to."""
    _deleted(bed)
    bed.stack.enter_context(LrsOperator(bed.plane, bed.crd.api_version, (), home=bed.namespace, replicas=2))


@dataclass(frozen=True)
class Case:
    """A command that needs these Roles, once the cluster is as `prepare` leaves it."""

    roles: tuple[str, ...]
    flags: tuple[str, ...]
    prepare: Callable[[Bed], None] = _deleted
    code: int = 0


CASES: dict[str, Case] = {
    "skip": Case(("lrs-restore",), ()),
    "skip what differs": Case(("lrs-restore",), (), _drifted, code=3),
    "fail": Case(("lrs-restore",), ("--existing", "fail")),
    "server dry run": Case(("lrs-restore",), ("--dry-run=server",)),
    "update": Case(("lrs-restore-update",), ("--existing", "update"), _drifted),
    "replace": Case(("lrs-restore-replace",), ("--existing", "replace"), _drifted),
    "recreate": Case(("lrs-restore-recreate",), ("--existing", "recreate"), _drifted),
    "status": Case(("lrs-restore", "lrs-restore-status"), ("--restore-status",)),
    "wait": Case(("lrs-restore",), ("--wait", "--timeout", "1s"), code=3),
    "operator": Case(("lrs-restore", "lrs-pause-operator"), ("--pause-operator",), _with_operator),
    "namespaces": Case(("lrs-restore-namespaces",), ("--create-namespaces",), _without_namespace),
    "crd": Case(("lrs-restore", "lrs-install-crd"), ("--install-crd",), _without_crd),
}
SEEN_ONLY_WITH = {("namespaces", "get", "namespaces")}
"""Without this right a missing namespace is not seen before its objects are refused."""


def _removals() -> Iterator[Any]:
    for name, case in CASES.items():
        for role in case.roles:
            for rule, verb in each_verb(ROLES[role]["rules"] or ()):
                if (name, verb, rule["resources"][0]) not in SEEN_ONLY_WITH:
                    yield pytest.param(name, role, rule, verb, id=f"{name}: no {verb} {rule['resources'][0]}")


@pytest.mark.parametrize("name", CASES)
def test_restore_works_with_exactly_its_role(bed: Bed, name: str) -> None:
    case = CASES[name]
    before = essences(bed.plane, bed.crd.api_version, bed.namespace)
    case.prepare(bed)
    bed.user.grant(*(ROLES[role] for role in case.roles))
    prepared = bed.state()
    done = bed.user.cli.run("restore", "saved", "--yes", *case.flags)
    assert done.returncode == case.code, done.stdout + done.stderr
    if "--dry-run=server" in case.flags:
        assert bed.state() == prepared
    elif case.code == 0 or "--wait" in case.flags:  # nobody makes them ready
        assert essences(bed.plane, bed.crd.api_version, bed.namespace) == before
    if "--restore-status" in case.flags:
        assert all("status" in each for each in loader.live(bed.plane, bed.crd.api_version, bed.namespace))
    if "--pause-operator" in case.flags:
        assert bed.state()["operator"]["replicas"] == 2


@pytest.mark.parametrize(("name", "role", "rule", "verb"), list(_removals()))
def test_missing_right_is_named_and_nothing_is_written(bed: Bed, name: str, role: str, rule: dict[str, Any], verb: str) -> None:
    case = CASES[name]
    case.prepare(bed)
    others = [ROLES[each] for each in case.roles if each != role]
    bed.user.grant(*others, _without(ROLES[role], rule, verb))
    before = bed.state()
    done = bed.user.cli.run("restore", "saved", "--yes", *case.flags)
    plural, _, subresource = rule["resources"][0].partition("/")
    assert done.returncode == 5, done.stdout + done.stderr
    assert verb in done.stderr
    assert plural in done.stderr
    assert subresource in done.stderr
    assert bed.state() == before


def test_missing_namespace_that_may_not_be_looked_up(bed: Bed) -> None:
    """Nothing tells that it is not there: its objects fail, and the report says why."""
    _without_namespace(bed)
    role = ROLES["lrs-restore-namespaces"]
    bed.user.grant(_without(role, role["rules"][1], "get"))
    done = bed.user.cli.run("restore", "saved", "--create-namespaces")
    assert done.returncode == 1
    assert f'namespaces "{bed.namespace}" not found' in done.stdout


# ---- the other verbs


def test_backup_with_exactly_its_role(bed: Bed) -> None:
    bed.user.grant(ROLES["lrs-backup"])
    done = bed.user.cli.run("backup", "-n", bed.namespace, "--name", "mine")
    assert done.returncode == 0, done.stderr
    assert "CRD" in done.stderr, "it says that the CRD could not be read"
    assert not (bed.admin.directory / "mine" / "crd.yaml").exists()
    assert bed.user.cli.run("diff", "saved", "mine").returncode == 0
    assert bed.user.cli.run("diff", "mine", "live", "-n", bed.namespace).returncode == 0
    for verb in ("list", "show", "verify"):
        bed.user.cli.ok(verb)
    assert bed.user.cli.run("check", "-n", bed.namespace).returncode == 0
    assert bed.user.cli.run("check", "--from", "mine").returncode == 0
    assert bed.user.cli.run("check", "-A").returncode == 5
    elsewhere = bed.user.cli.run("backup", "-n", "default", "--name", "elsewhere")
    assert elsewhere.returncode == 5
    everywhere = bed.user.cli.run("backup", "-A", "--name", "everywhere")
    assert everywhere.returncode == 5
    assert "cannot list" in everywhere.stderr
    assert "-n" in everywhere.stderr
    assert sorted(path.name for path in bed.admin.directory.iterdir()) == ["mine", "saved"]


def test_backup_of_all_namespaces_with_exactly_its_role(bed: Bed) -> None:
    bed.user.grant(ROLES["lrs-backup-all"])
    assert bed.user.cli.run("check", "-A").returncode == 0
    bed.user.cli.ok("backup", "-A", "--name", "all")


def test_backup_without_any_right(bed: Bed) -> None:
    done = bed.user.cli.run("backup", "-n", bed.namespace, "--name", "none")
    assert done.returncode == 5
    assert 'cannot list resource "lrs"' in done.stderr
    assert not (bed.admin.directory / "none").exists()


def test_trial_against_the_cluster_with_exactly_its_role(bed: Bed) -> None:
    _drifted(bed)
    bed.user.grant(ROLES["lrs-restore-replace"])
    before = bed.state()
    done = bed.user.cli.run("verify", "saved", "--against-cluster", "-n", bed.namespace)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bed.state() == before


@pytest.mark.parametrize("lacking", ["create", "list", ""])
def test_rehearsal_with_exactly_its_role(bed: Bed, lacking: str) -> None:
    role = ROLES["lrs-restore"]
    bed.user.grant(_without(role, role["rules"][0], lacking) if lacking else role)
    before = bed.state()
    done = bed.user.cli.run("rehearse", "saved")
    assert done.returncode == (5 if lacking else 0), done.stdout + done.stderr
    assert "restores: everything was proved" in done.stdout or f"{lacking} " in done.stdout
    assert bed.state() == before


@pytest.mark.parametrize("lacking", ["create", "patch", "delete", ""])
def test_rehearsal_in_a_scratch_namespace_with_exactly_its_role(bed: Bed, lacking: str) -> None:
    """It needs nothing in the namespace that the backup is of."""
    role, scratch = ROLES["lrs-rehearse"], f"{bed.namespace}-scratch"
    loader.create_namespace(bed.plane, scratch)
    user = User(bed.plane, scratch, bed.admin.directory.parent)
    try:
        user.grant(_without(role, role["rules"][0], lacking) if lacking else role)
        before = bed.state()
        done = user.cli.run("rehearse", "saved", "--scratch-namespace", scratch)
        assert done.returncode == (5 if lacking else 0), done.stdout + done.stderr
        assert "restores: everything was proved" in done.stdout or f"you may not {lacking} " in done.stdout
        assert (bed.state(), loader.live(bed.plane, bed.crd.api_version, scratch)) == (before, [])
    finally:
        user.revoke()
        loader.delete_namespace(bed.plane, scratch, wait=False)


@pytest.mark.parametrize("lacking", ["list", ""])
def test_rehearsal_in_a_scratch_repository_with_exactly_its_role(bed: Bed, tmp_path: Path, lacking: str) -> None:
    """Whether LRS of other namespaces use the repository is not known then, and said; of its own it must be."""
    role = ROLES["lrs-restore"]
    bed.user.grant(_without(role, role["rules"][0], lacking) if lacking else role)
    with Registry(tmp_path / "registry") as registry:
        images.push(registry, "apps/one", "x", images.image("one"))
        named = f"{registry.host}/apps/one:x"
        loader.create_many(bed.plane, [imagery.lrs(bed.crd.api_version, bed.crd.kind, bed.namespace, 1, named)])
        bed.admin.ok("backup", "-n", bed.namespace, "--images", "copy", "--registry", registry.host, "--name", "with-images")
        where = f"{registry.host}/lrs/scratch"
        done = bed.user.cli.run("rehearse", "with-images", "--tier", "images", "--scratch-repository", where, "-o", "json")
        assert done.returncode == (5 if lacking else 0), done.stdout + done.stderr
        assert registry.tags("lrs/scratch") == {}
        if not lacking:
            (finding,) = json.loads(done.stdout)["tiers"][0]["findings"]
            assert finding["message"].startswith("whether LRS of other namespaces than those of the backup use")


def test_limited_install_from_end_to_end(bed: Bed) -> None:
    """One Role in one namespace: no namespace, no CRD, no Deployment, no Secret may be looked at."""
    before = essences(bed.plane, bed.crd.api_version, bed.namespace)
    bed.user.grant(ROLES["lrs-restore"])
    bed.user.cli.ok("backup", "-n", bed.namespace, "--name", "mine")
    _deleted(bed)
    done = bed.user.cli.run("restore", "latest")
    assert done.returncode == 0, done.stderr
    assert "backup mine, taken" in done.stderr
    assert "the LRS operator was not found" in done.stderr
    assert essences(bed.plane, bed.crd.api_version, bed.namespace) == before
    bed.user.cli.ok("restore", "saved", "-n", bed.namespace)


def test_status_without_a_subresource_needs_patch_of_the_object(
    plane: ControlPlane, namespace: str, cli: Cli, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from tests.conftest import _Installed

    crd = _Installed.ensure(plane, loader.CRDS / "v1-longrunningservice.yaml")
    made = samples.samples(crd.api_version, crd.kind, namespace)[4]
    loader.create_many(plane, [{**made, "status": {"phase": "Running"}}])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
    user = User(plane, namespace, tmp_path)
    try:
        user.grant(ROLES["lrs-restore"])
        done = user.cli.run("restore", "saved", "--restore-status")
        assert done.returncode == 5
        assert f"you may not patch lrs.lrs.datarobot.com in namespace {namespace}" in done.stderr
        assert loader.live(plane, crd.api_version, namespace) == []
        user.revoke()
        user.grant(ROLES["lrs-restore-update"])
        user.cli.ok("restore", "saved", "--restore-status")
        assert loader.live(plane, crd.api_version, namespace)[0]["status"] == {"phase": "Running"}
    finally:
        user.revoke()


OTHERS = {
    "lrs-backup", "lrs-backup-all", "lrs-clean-spark", "lrs-clean-spark-all", "lrs-mongo", "lrs-restore-owners",
    "lrs-rehearse", "lrs-pull-secrets", "lrs-identity", "lrs-events", "lrs-segments",
}  # fmt: skip
"""Those that the plain restore does not need; tests of their own, here or in the other files of this room, try them."""


def test_every_role_of_the_document_is_tried() -> None:
    tried = {role for case in CASES.values() for role in case.roles} | OTHERS
    assert tried == set(ROLES)
    table = set(re.findall(r"`(lrs-[a-z-]+)`", DOCUMENT))
    assert table == set(ROLES)
