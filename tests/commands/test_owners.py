"""Owner references at restore: linked to the owner that lives, or dropped and said; nothing restored is ever collected."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from kubectl_lrs.stores.lrs.creation_order import creation_order
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.operator import FINALIZER, LrsOperator, deploy_operator, deployments_path
from tests.builders import collector, reseal
from tests.builders.rights import grant
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
FLAGS = {"controller": True, "blockOwnerDeletion": True}

Manifest = dict[str, Any]


class Place:
    """A namespace with LRS that own each other, and the product."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        self.base = loader.objects_path(crd.api_version, namespace)
        self._made = 4  # sessions are not restored

    def lrs(self, name: str, *owners: Manifest) -> Manifest:
        """Make one; the reference to it."""
        one = samples.samples(self.crd.api_version, self.crd.kind, self.namespace)[self._made]
        one["metadata"]["name"] = name
        if owners:
            one["metadata"]["ownerReferences"] = list(owners)
        return self.reference(self.post(self.base, one))

    def post(self, path: str, body: Manifest) -> Manifest:
        status, answer = self.plane.api("POST", path, body)
        assert status == 201, answer
        return answer

    def reference(self, live: Manifest) -> Manifest:
        return {"apiVersion": self.crd.api_version, "kind": self.crd.kind} | {
            "name": live["metadata"]["name"],
            "uid": live["metadata"]["uid"],
        }

    def config_map(self, namespace: str = "") -> Manifest:
        """Make the ConfigMap `owner`; the reference to it."""
        path = f"/api/v1/namespaces/{namespace or self.namespace}/configmaps"
        return {**CONFIG_MAP, "uid": self.post(path, {"metadata": {"name": "owner"}})["metadata"]["uid"]}

    def own(self, name: str, *owners: Manifest) -> None:
        """Give a live LRS these owners."""
        patch = {"metadata": {"ownerReferences": list(owners)}}
        assert self.plane.api("PATCH", f"{self.base}/{name}", patch, content_type=MERGE_PATCH)[0] == 200

    def change(self, name: str) -> None:
        patch = {"spec": {"image": "changed"}}
        assert self.plane.api("PATCH", f"{self.base}/{name}", patch, content_type=MERGE_PATCH)[0] == 200

    def save(self) -> None:
        self.cli.ok("backup", "-n", self.namespace, "--name", "saved")

    def clear(self, path: str = "") -> None:
        """Delete every LRS, or what is at the path, and wait until it is gone."""
        paths = [path] if path else [f"{self.base}/{name}" for name in self.live()]
        for each in paths:
            self.plane.api("DELETE", each, {"propagationPolicy": "Orphan"})
        loader.wait_until(lambda: all(self.plane.api("GET", each)[0] == 404 for each in paths), "it to be gone")

    def live(self) -> dict[str, Manifest]:
        return {each["metadata"]["name"]: each for each in loader.live(self.plane, self.crd.api_version, self.namespace)}

    def owners(self, name: str) -> list[Manifest]:
        return list(self.live()[name]["metadata"].get("ownerReferences", []))

    def assert_stays(self, *names: str) -> None:
        """These are there, with owners that live, and still are when the garbage collector has passed."""
        before = {name: each["metadata"]["uid"] for name, each in self.live().items()}
        assert set(names) <= set(before)
        collector.let_it_pass(self.plane, self.crd, self.namespace)
        assert {name: each["metadata"]["uid"] for name, each in self.live().items()} == before


@pytest.fixture
def place(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Place:
    return Place(plane, crd, namespace, cli)


def _messages(out: str) -> dict[str, str]:
    return {each["name"]: each["message"] for each in json.loads(out)["outcomes"]}


# ---- owners of other kinds


def test_an_owner_in_a_version_that_is_no_longer_served(place: Place) -> None:
    """As after an upgrade: the object is there, in the version that the server has now, and the collector knows it by that."""
    deploy_operator(place.plane, place.namespace, name="parent", image="x", release="other")
    live = place.plane.api("GET", f"{deployments_path(place.namespace)}/parent")[1]["metadata"]
    place.lrs("owned", {"apiVersion": "apps/v1beta1", "kind": "Deployment", "name": "parent", "uid": live["uid"]})
    place.save()
    place.clear()
    assert "dropped" not in place.cli.ok("restore", "saved")
    (reference,) = place.owners("owned")
    assert (reference["apiVersion"], reference["uid"]) == ("apps/v1", live["uid"])
    place.assert_stays("owned")


def test_owner_with_a_new_uid_is_linked_and_its_flags_are_kept(place: Place) -> None:
    place.lrs("owned", {**place.config_map(), **FLAGS})
    place.save()
    place.clear()
    place.clear(f"/api/v1/namespaces/{place.namespace}/configmaps/owner")
    owner = place.config_map()
    assert "dropped" not in place.cli.ok("restore", "saved")
    assert place.owners("owned") == [{**owner, **FLAGS}]
    place.assert_stays("owned")


def test_owner_that_is_a_deployment(place: Place) -> None:
    def deployment() -> Manifest:
        deploy_operator(place.plane, place.namespace, name="parent", image="x", release="other")
        live = place.plane.api("GET", f"{deployments_path(place.namespace)}/parent")[1]
        return {"apiVersion": "apps/v1", "kind": "Deployment", "name": "parent", "uid": live["metadata"]["uid"]}

    place.lrs("owned", {**deployment(), "blockOwnerDeletion": False})
    place.save()
    place.clear()
    place.clear(f"{deployments_path(place.namespace)}/parent")
    owner = deployment()
    place.cli.ok("restore", "saved")
    assert place.owners("owned") == [{**owner, "blockOwnerDeletion": False}]
    place.assert_stays("owned")


def test_owner_that_is_gone_is_dropped_and_the_other_is_kept(place: Place) -> None:
    other = place.lrs("other")
    place.lrs("owned", place.config_map(), other)
    place.save()
    place.clear(f"{place.base}/owned")
    place.clear(f"/api/v1/namespaces/{place.namespace}/configmaps/owner")
    out = place.cli.ok("restore", "owned", "-o", "json")
    assert _messages(out)["owned"] == "owner not there, dropped: ConfigMap/owner"
    assert place.owners("owned") == [other]
    place.assert_stays("owned", "other")


def test_owner_that_is_being_deleted_is_as_good_as_gone(place: Place) -> None:
    place.lrs("owned", place.config_map())
    place.save()
    place.clear()
    path = f"/api/v1/namespaces/{place.namespace}/configmaps/owner"
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    assert place.plane.api("PATCH", path, hold, content_type=MERGE_PATCH)[0] == 200
    assert place.plane.api("DELETE", path)[0] == 200
    out = place.cli.ok("restore", "saved", "-o", "json")
    assert _messages(out)["owned"] == "owner not there, dropped: ConfigMap/owner"
    assert place.owners("owned") == []
    place.plane.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
    loader.wait_until(lambda: place.plane.api("GET", path)[0] == 404, "the owner to be gone")
    place.assert_stays("owned")


def test_owner_that_may_not_be_read_is_dropped_and_that_is_said(place: Place) -> None:
    place.lrs("owned", place.config_map())
    place.save()
    place.clear()
    rule = {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["get", "list", "create"]}
    grant(place.plane, place.namespace, "user-4", rule)
    kubeconfig = place.plane.write_kubeconfig(place.cli.directory.parent / "user", token=place.plane.tokens["user-4"])
    out = Cli(kubeconfig, place.cli.directory).ok("restore", "saved", "-o", "json")
    assert _messages(out)["owned"] == "owner may not be read, dropped: ConfigMap/owner"
    place.assert_stays("owned")


def test_owner_without_a_namespace(place: Place) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    name = f"owner-of-{place.namespace}"

    def role() -> Manifest:
        uid = place.post(path, {"metadata": {"name": name}})["metadata"]["uid"]
        return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": name, "uid": uid}

    place.lrs("owned", role())
    place.save()
    place.clear()
    place.clear(f"{path}/{name}")
    owner = role()
    place.cli.ok("restore", "saved")
    assert place.owners("owned") == [owner]
    place.assert_stays("owned")
    place.clear(f"{path}/{name}")


def test_owner_of_a_kind_that_is_not_served(place: Place) -> None:
    """Its CRD is gone: the collector leaves such a reference alone where it stands, a restore cannot make it anew."""
    crd = {
        "metadata": {"name": "owners.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "owners", "singular": "owner", "kind": "Owner", "listKind": "OwnerList"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}},
            ],
        },
    }
    place.post(loader.CRD_PATH, crd)
    path = f"/apis/example.com/v1/namespaces/{place.namespace}/owners"
    for each in (path, "/apis/example.com/v1"):
        loader.wait_until(lambda each=each: place.plane.api("GET", each)[0] == 200, "the kind to be served")  # type: ignore[misc]
    body = {"apiVersion": "example.com/v1", "kind": "Owner", "metadata": {"name": "owner"}}
    uid = place.post(path, body)["metadata"]["uid"]
    place.lrs("owned", {"apiVersion": "example.com/v1", "kind": "Owner", "name": "owner", "uid": uid})
    place.save()
    place.clear()
    place.clear(f"{loader.CRD_PATH}/owners.example.com")
    loader.wait_until(lambda: place.plane.api("GET", "/apis/example.com/v1")[0] == 404, "the kind to be gone")
    out = place.cli.ok("restore", "saved", "-o", "json")
    assert _messages(out)["owned"] == "owner not there, dropped: Owner/owner"
    place.assert_stays("owned")


@pytest.mark.parametrize("there", [True, False], ids=["owner there", "owner not there"])
def test_owner_is_looked_for_in_the_namespace_that_is_restored_into(place: Place, there: bool) -> None:
    """An owner in another namespace is none: the collector would take the object."""
    target = f"{place.namespace}-to"
    loader.create_namespace(place.plane, target)
    place.lrs("owned", place.config_map())
    place.save()
    owner = place.config_map(target) if there else None
    out = place.cli.ok("restore", "saved", "--map-namespace", f"{place.namespace}={target}", "-o", "json")
    arrived = Place(place.plane, place.crd, target, place.cli)
    assert arrived.owners("owned") == ([owner] if owner else [])
    assert ("dropped" in _messages(out)["owned"]) == (not there)
    arrived.assert_stays("owned")
    loader.delete_namespace(place.plane, target, wait=False)


def test_owner_in_another_namespace_is_none(place: Place) -> None:
    """The collector takes what claims one, so a cluster does not keep such an object for long; a backup may."""
    other = f"{place.namespace}-other"
    loader.create_namespace(place.plane, other)
    owner = place.config_map(other)
    place.lrs("owned")
    place.save()
    place.clear()

    def claim(objects: list[Manifest]) -> list[Manifest]:
        return [{**each, "metadata": {**each["metadata"], "ownerReferences": [owner]}} for each in objects]

    reseal.rewrite(place.cli.directory / "saved", claim)
    out = place.cli.ok("restore", "saved", "-o", "json")
    assert _messages(out)["owned"] == "owner not there, dropped: ConfigMap/owner"
    place.assert_stays("owned")
    loader.delete_namespace(place.plane, other, wait=False)


# ---- LRS that own LRS


def test_chain_of_lrs_is_restored_from_its_head(place: Place) -> None:
    """Names are in the opposite order of ownership, so that the order of the backup is the wrong one."""
    names = [f"chain-{9 - number}" for number in range(8)]
    above: list[Manifest] = []
    for name in names:
        above = [{**place.lrs(name, *above), **FLAGS}]
    place.save()
    place.clear()
    out = place.cli.ok("restore", "saved")
    assert "8 created" in out
    assert "dropped" not in out
    live = place.live()
    for owner, owned in pairwise(names):
        assert place.owners(owned) == [{**place.reference(live[owner]), **FLAGS}]
    place.assert_stays(*names)


def test_lrs_with_several_owners_comes_after_all_of_them(place: Place) -> None:
    low = place.lrs("z-low")
    high = place.lrs("m-high", low)
    place.lrs("a-owned", low, high)
    place.save()
    place.clear()
    place.cli.ok("restore", "saved")
    assert [owner["name"] for owner in place.owners("a-owned")] == ["z-low", "m-high"]
    place.assert_stays("z-low", "m-high", "a-owned")


def test_cycle_of_lrs_is_cut_once_and_what_hangs_on_it_keeps_its_owner(place: Place) -> None:
    names = ["cycle-a", "cycle-b", "cycle-c"]
    references = [place.lrs(name) for name in names]
    for number, name in enumerate(names):
        place.own(name, references[number - 1])
    place.lrs("a-tail", references[2])
    place.save()
    place.clear()
    out = place.cli.ok("restore", "saved", "-o", "json")
    dropped = {name: text for name, text in _messages(out).items() if text}
    assert len(dropped) == 1, dropped
    (cut,) = dropped
    assert cut in names
    assert place.owners(cut) == []
    assert all(len(place.owners(name)) == 1 for name in [*names, "a-tail"] if name != cut)
    place.assert_stays(*names, "a-tail")


@pytest.mark.parametrize("lives", [True, False], ids=["owner lives", "owner is gone"])
def test_owner_outside_of_the_selection(place: Place, lives: bool) -> None:
    place.lrs("owned", place.lrs("owner"))
    place.save()
    place.clear()
    if lives:
        place.cli.ok("restore", "owner")
    out = place.cli.ok("restore", "owned", "-o", "json")
    if lives:
        assert place.owners("owned") == [place.reference(place.live()["owner"])]
    else:
        assert _messages(out)["owned"] == f"owner not there, dropped: {place.crd.kind}/owner"
    place.assert_stays("owned")


def test_server_dry_run_does_not_call_an_owner_gone_that_would_be_created(place: Place) -> None:
    place.lrs("a-owned", place.lrs("z-owner"), place.config_map())
    place.save()
    place.clear()
    place.clear(f"/api/v1/namespaces/{place.namespace}/configmaps/owner")
    out = place.cli.ok("restore", "saved", "--dry-run=server", "-o", "json")
    assert _messages(out) == {"a-owned": "owner not there, dropped: ConfigMap/owner", "z-owner": ""}
    assert place.live() == {}


def test_order_of_long_chains_and_of_many_ways() -> None:
    """A backup may hold anything: neither the length of a chain nor the number of ways through it may matter."""
    chain = {("ns", f"{n}"): [("ns", f"{n + 1}")] for n in range(5000)}
    order = creation_order(chain, {*chain, ("ns", "5000")})
    assert [order["ns", f"{n}"] for n in (0, 1, 4999)] == [5000, 4999, 1]
    layers = {("ns", f"{n}{side}"): [("ns", f"{n + 1}a"), ("ns", f"{n + 1}b")] for n in range(60) for side in "ab"}
    assert creation_order(layers, layers)["ns", "0a"] == 59
    ring = {("ns", f"{n}"): [("ns", f"{(n + 1) % 3000}")] for n in range(3000)}
    assert sorted(creation_order(ring, ring).values()) == list(range(3000))
    itself = {("ns", "a"): [("ns", "a")], ("ns", "b"): [("ns", "a"), ("ns", "gone")]}
    assert creation_order(itself, itself) == {("ns", "a"): 0, ("ns", "b"): 1}


# ---- what an LRS owns, when it is recreated


def test_recreating_an_owner_recreates_what_it_owns(place: Place) -> None:
    """The collector takes what the old object owned; the plan says so, and all of it is there afterwards."""
    top = place.lrs("z-top")
    middle = place.lrs("m-middle", top)
    place.lrs("a-low", middle)
    place.lrs("other")
    place.save()
    before = place.live()
    place.change("z-top")
    plan = json.loads(place.cli.ok("restore", "saved", "--existing", "recreate", "--dry-run=client", "-o", "json"))
    steps = {step["name"]: (step["action"], step["reason"]) for step in plan["steps"]}
    assert steps["z-top"][0] == "recreate"
    assert steps["m-middle"] == ("recreate", "z-top, which owns it, is recreated")
    assert steps["a-low"] == ("recreate", "m-middle, which owns it, is recreated")
    assert steps["other"][0] == "unchanged"

    out = place.cli.ok("restore", "saved", "--existing", "recreate", "--yes")
    assert "3 recreated, 1 unchanged" in out
    after = place.live()
    assert set(after) == set(before)
    assert place.owners("m-middle") == [place.reference(after["z-top"])]
    assert place.owners("a-low") == [place.reference(after["m-middle"])]
    assert after["other"]["metadata"]["uid"] == before["other"]["metadata"]["uid"]
    place.assert_stays(*before)
    assert sorted(path.name for path in place.cli.directory.iterdir()) == ["saved"], "no journal is left"


def test_owner_is_not_recreated_where_something_that_it_owns_would_be_lost(place: Place) -> None:
    """The owned one is not in the backup, or not selected: nobody would make it again."""
    top = place.lrs("top")
    place.save()
    place.lrs("born-later", top)
    place.change("top")
    before = place.live()
    done = place.cli.run("restore", "saved", "--existing", "recreate", "--yes")
    assert done.returncode == 3
    assert "it owns born-later, which would be deleted with it and is not restored; not recreated" in done.stdout
    assert place.live() == before


def test_owner_is_not_recreated_where_what_it_owns_could_not_be(place: Place) -> None:
    """The owned one has a finalizer, and the operator is at 0: it would be gone for as long as nobody removes that."""
    place.lrs("low", place.lrs("top"))
    patch = {"metadata": {"finalizers": [FINALIZER]}}
    assert place.plane.api("PATCH", f"{place.base}/low", patch, content_type=MERGE_PATCH)[0] == 200
    place.save()
    place.change("top")
    deploy_operator(place.plane, place.namespace, replicas=0)
    before = place.live()
    done = place.cli.run("restore", "saved", "--existing", "recreate", "--yes")
    assert done.returncode == 3
    assert "not recreated" in done.stdout
    assert place.live() == before


def test_owned_lrs_that_another_owner_keeps_is_left_alone(place: Place) -> None:
    """The collector only takes what has no owner left."""
    place.lrs("low", place.lrs("top"), place.config_map())
    place.save()
    place.change("top")
    before = place.live()["low"]["metadata"]["uid"]
    assert "1 recreated, 1 unchanged" in place.cli.ok("restore", "saved", "--existing", "recreate", "--yes")
    place.assert_stays("top", "low")
    assert place.live()["low"]["metadata"]["uid"] == before


def test_recreating_with_the_operator_at_work(place: Place) -> None:
    with LrsOperator(place.plane, place.crd.api_version, [place.namespace]) as operator:
        place.lrs("low", place.lrs("top"))
        loader.wait_until(lambda: operator.is_done(place.namespace), "the operator to be done")
        place.save()
        place.change("top")
        place.cli.ok("restore", "saved", "--existing", "recreate", "--yes", "--wait", "--timeout", "180s")
        loader.wait_until(lambda: operator.is_done(place.namespace), "the operator to be done again")
        assert place.owners("low") == [place.reference(place.live()["top"])]
        place.assert_stays("low", "top")
        loader.wait_until(lambda: operator.is_done(place.namespace), "the Deployments of both")
    loader.release(place.plane, namespace=place.namespace)
