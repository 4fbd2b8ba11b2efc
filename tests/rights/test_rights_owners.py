"""LRS that block the deletion of their owner, on a server that asks for the right to that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd
from tests.rights.test_rights import ROLES, User

MERGE_PATCH = "application/merge-patch+json"
PLUGIN = "OwnerReferencesPermissionEnforcement"

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own, as OpenShift configures it."""
    with ControlPlane.start(tmp_path_factory.mktemp("strict"), plugins=[PLUGIN]) as plane:
        loader.install_crd(plane, loader.CRDS / "v1alpha1-lrs.yaml")
        loader.create_namespace(plane, "strict")
        yield plane


class Place:
    """Two LRS, one of which owns the other, which blocks its deletion; a backup `saved` of them; a user."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane, self.namespace = plane, "strict"
        path = loader.CRDS / "v1alpha1-lrs.yaml"
        self.crd = Crd(path, *loader.version_and_kind(path))
        self.base = loader.objects_path(self.crd.api_version, self.namespace)
        loader.clear(plane, namespace=self.namespace)
        (directory / "work").mkdir()
        self.admin = Cli(plane.kubeconfig, directory / "work")
        self.user = User(plane, self.namespace, directory)
        uid = self._make(4, "owner")["metadata"]["uid"]
        owner = {"apiVersion": self.crd.api_version, "kind": self.crd.kind, "name": "owner", "uid": uid}
        self._make(5, "owned", {**owner, "controller": True, "blockOwnerDeletion": True})
        self.admin.ok("backup", "-n", self.namespace, "--name", "saved")

    def _make(self, number: int, name: str, *owners: Manifest) -> Manifest:
        one = samples.samples(self.crd.api_version, self.crd.kind, self.namespace)[number]
        one["metadata"] |= {"name": name} | ({"ownerReferences": list(owners)} if owners else {})
        status, answer = self.plane.api("POST", self.base, one)
        assert status == 201, answer
        return answer

    def live(self) -> dict[str, Manifest]:
        return {each["metadata"]["name"]: each for each in loader.live(self.plane, self.crd.api_version, self.namespace)}

    def change(self, name: str) -> None:
        patch = {"spec": {"image": "x"}}
        assert self.plane.api("PATCH", f"{self.base}/{name}", patch, content_type=MERGE_PATCH)[0] == 200

    def grant(self, *roles: str) -> None:
        self.user.grant(*(ROLES[role] for role in roles))
        if "lrs-restore-owners" in roles:
            self._wait_until_the_kind_is_known()

    def _wait_until_the_kind_is_known(self) -> None:
        """The plugin learns of a new CRD some seconds later."""
        owner = self.live()["owner"]["metadata"]
        reference = {"apiVersion": self.crd.api_version, "kind": self.crd.kind, "name": "owner", "uid": owner["uid"]}
        one = samples.samples(self.crd.api_version, self.crd.kind, self.namespace)[6]
        one["metadata"]["ownerReferences"] = [{**reference, "blockOwnerDeletion": True}]
        token = self.plane.tokens[self.user.name]
        loader.wait_until(
            lambda: self.plane.api("POST", f"{self.base}?dryRun=All", one, token=token)[0] == 201, "the kind to be known"
        )


@pytest.fixture
def place(strict: ControlPlane, tmp_path: Path) -> Iterator[Place]:
    made = Place(strict, tmp_path)
    yield made
    made.user.revoke()


MISSING = "you may not update lrs.lrs.datarobot.com/finalizers in namespace strict, which the server asks for"


def test_with_the_right(place: Place) -> None:
    """Both are gone: the trial sends the owner that is to come, as the write will."""
    place.grant("lrs-restore", "lrs-restore-owners")
    loader.clear(place.plane, namespace=place.namespace)
    assert "2 created" in place.user.cli.ok("restore", "saved", "--dry-run=server")
    assert "2 created" in place.user.cli.ok("restore", "saved")
    live = place.live()
    (reference,) = live["owned"]["metadata"]["ownerReferences"]
    assert (reference["uid"], reference["blockOwnerDeletion"]) == (live["owner"]["metadata"]["uid"], True)


@pytest.mark.parametrize("gone", ["both", "owned"])
def test_without_the_right_nothing_is_written_and_it_is_named(place: Place, gone: str) -> None:
    place.grant("lrs-restore")
    if gone == "both":
        loader.clear(place.plane, namespace=place.namespace)
    else:
        assert place.plane.api("DELETE", f"{place.base}/owned")[0] == 200
    before = place.live()
    done = place.user.cli.run("restore", "saved")
    assert done.returncode == 5, done.stdout + done.stderr
    assert MISSING in done.stderr
    assert place.live() == before


@pytest.mark.parametrize("changed", ["owner", "owned"])
@pytest.mark.parametrize("trial", [(), ("--dry-run=server",)], ids=["write", "trial"])
def test_recreate_deletes_nothing_that_could_not_be_created_again(place: Place, changed: str, trial: tuple[str, ...]) -> None:
    """Of a chain too: the owner alone differs, and what it owns would go with it."""
    place.grant("lrs-restore-recreate")
    place.change(changed)
    before = place.live()
    done = place.user.cli.run("restore", "saved", "--existing", "recreate", "--yes", *trial)
    assert done.returncode == 5, done.stdout + done.stderr
    assert MISSING in done.stderr
    assert place.live() == before


def test_right_that_is_lost_after_the_plan(place: Place) -> None:
    """The question is answered, and what was planned is not allowed any more: asked again before anything is deleted."""
    from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags
    from kubectl_lrs.model.existing import Existing
    from kubectl_lrs.model.plan import ApplyOptions
    from kubectl_lrs.model.report import Report
    from kubectl_lrs.model.selection import Selection
    from kubectl_lrs.repository.plain.repository import PlainRepository
    from kubectl_lrs.runtime.progress import Silent
    from kubectl_lrs.stores.lrs.connect import connect, resource_to_write
    from kubectl_lrs.stores.lrs.options import RestoreOptions
    from kubectl_lrs.stores.lrs.restore import LrsRestorer
    from kubectl_lrs.stores.lrs.saved import BackupSource

    place.grant("lrs-restore-recreate", "lrs-restore-owners")
    place.change("owner")
    source = BackupSource(PlainRepository(place.admin.directory).find("saved"))
    kube = connect(KubeFlags(kubeconfig=str(place.user.cli.kubeconfig)))
    restorer = LrsRestorer(
        source,
        RestoreOptions(selection=Selection(), existing=Existing.RECREATE),
        kube=kube,
        resource=resource_to_write(kube, source, None),
        directory=place.admin.directory,
        cluster="x",
        stop=kube.stop,
    )
    plan = restorer.plan(Silent())
    assert not [finding for finding in plan.findings if finding.severity.value == "error"]
    place.user.revoke()
    place.grant("lrs-restore-recreate")
    before = place.live()
    report = Report(source="", target="")
    restorer.apply(plan, ApplyOptions(workers=2, timeout=5), report, Silent())
    said = {outcome.name: (outcome.result.value, outcome.message) for outcome in report.outcomes}
    assert said["owned"] == ("unchanged", "its owner is not recreated")
    assert said["owner"][0] == "conflict"
    assert "it owns owned, which would be deleted with it and could not be made again" in said["owner"][1]
    assert place.live() == before


def test_server_that_does_not_ask_for_the_right(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> None:
    """Most do not: then it is not needed, and nothing is said of it."""
    one, other = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    loader.create_many(plane, [one])
    base = loader.objects_path(crd.api_version, namespace)
    uid = plane.api("GET", f"{base}/{one['metadata']['name']}")[1]["metadata"]["uid"]
    reference = {"apiVersion": crd.api_version, "kind": crd.kind, "name": one["metadata"]["name"], "uid": uid}
    other["metadata"]["ownerReferences"] = [{**reference, "blockOwnerDeletion": True}]
    loader.create_many(plane, [other])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    loader.clear(plane, namespace=namespace)
    user = User(plane, namespace, tmp_path)
    user.grant(ROLES["lrs-restore"])
    done = user.cli.run("restore", "saved", "-o", "json")
    user.revoke()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finalizers" not in done.stderr
    assert {each["result"] for each in json.loads(done.stdout)["outcomes"]} == {"created"}
