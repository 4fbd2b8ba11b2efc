"""`restore --existing …`: the exact semantics of each policy, held against the live object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.compare import essence
from tests.conftest import Cli, Crd

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


class One:
    """One LRS in the cluster, and a backup of it called `saved`."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.cli = plane, cli
        sample = samples.samples(crd.api_version, crd.kind, namespace)[4]
        sample["spec"]["note"] = None
        self.name = sample["metadata"]["name"]
        self.path = f"{loader.objects_path(crd.api_version, namespace)}/{self.name}"
        loader.create_many(plane, [sample])
        loader.set_status(plane, sample, {"phase": "Running"})
        cli.ok("backup", "-n", namespace, "--name", "saved")
        self.saved = self.live()

    def live(self) -> dict[str, Any]:
        return self.plane.api("GET", self.path)[1]

    def merge(self, body: dict[str, Any]) -> None:
        status, answer = self.plane.api("PATCH", self.path, body, content_type=MERGE_PATCH)
        assert status == 200, answer

    def restore(self, *flags: str) -> Any:
        return self.cli.run("restore", "saved", "--yes", *flags)


@pytest.fixture
def one(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> One:
    return One(plane, each_crd, namespace, cli)


DRIFT = {
    "metadata": {"labels": {"extra": "live"}, "annotations": {"datarobot.com/owner": "somebody"}},
    "spec": {
        "image": "drifted",
        "env": {"LANG": "drifted", "ONLY_LIVE": "x"},
        "args": ["other"],
        "template": {"added": {"deep": 1}},
    },
}


def test_skip_leaves_a_differing_object_alone(one: One) -> None:
    one.merge(DRIFT)
    before = one.live()
    done = one.restore()
    assert done.returncode == 3
    assert "conflict" in done.stdout
    assert one.live() == before


def test_update_patches_what_differs_and_keeps_what_only_the_live_object_has(one: One) -> None:
    one.merge(DRIFT)
    done = one.restore("--existing", "update")
    assert done.returncode == 0, done.stdout + done.stderr
    live, saved = one.live(), one.saved
    assert live["metadata"]["uid"] == saved["metadata"]["uid"]
    assert live["metadata"]["labels"] == {**saved["metadata"]["labels"], "extra": "live"}
    assert live["metadata"]["annotations"] == saved["metadata"]["annotations"]
    assert live["spec"]["env"] == {**saved["spec"]["env"], "ONLY_LIVE": "x"}
    assert live["spec"]["args"] == saved["spec"]["args"]
    assert live["spec"]["template"] == {**saved["spec"]["template"], "added": {"deep": 1}}
    assert live["status"] == saved["status"]
    assert "kept, only the live object has it" in done.stdout
    assert "spec.env.ONLY_LIVE" in done.stdout


def test_update_can_set_a_null(one: One) -> None:
    one.merge({"spec": {"note": "not null"}})
    assert one.restore("--existing", "update").returncode == 0
    assert one.live()["spec"]["note"] is None


def test_update_of_an_object_that_only_has_more_writes_nothing(one: One) -> None:
    one.merge({"spec": {"env": {"ONLY_LIVE": "x"}}})
    before = one.live()
    done = one.restore("--existing", "update")
    assert (done.returncode, one.live()) == (0, before)
    assert "unchanged" in done.stdout


def test_replace_removes_what_only_the_live_object_has_and_carries_owners_and_finalizers(one: One, namespace: str) -> None:
    owner = one.plane.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "owner"}})[1]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    one.merge({**DRIFT, "metadata": {**DRIFT["metadata"], "ownerReferences": [reference], "finalizers": ["example.com/live"]}})
    assert one.restore("--existing", "replace").returncode == 0
    live = one.live()
    assert live["metadata"]["uid"] == one.saved["metadata"]["uid"]
    assert live["metadata"]["ownerReferences"] == [reference]
    assert live["metadata"].pop("finalizers") == ["example.com/live"]
    assert essence(live) == essence(one.saved)
    assert live["status"] == one.saved["status"]


def test_recreate_makes_a_new_object(one: One) -> None:
    one.merge(DRIFT)
    assert one.restore("--existing", "recreate").returncode == 0
    assert one.live()["metadata"]["uid"] != one.saved["metadata"]["uid"]
    assert essence(one.live()) == essence(one.saved)
    assert [path.name for path in one.cli.directory.iterdir()] == ["saved"], "no journal is left"


def test_fail_writes_nothing_at_all(one: One, plane: ControlPlane, namespace: str) -> None:
    one.merge(DRIFT)
    before = one.live()
    done = one.restore("--existing", "fail")
    assert done.returncode == 1
    assert one.name in done.stderr
    assert one.live() == before


@pytest.mark.parametrize("policy", ["skip", "update", "replace", "recreate", "fail"])
def test_equal_object_is_not_written_whatever_the_policy(one: One, policy: str) -> None:
    before = one.live()
    assert one.restore("--existing", policy).returncode == 0
    assert one.live() == before


@pytest.mark.parametrize("policy", ["update", "replace", "recreate"])
@pytest.mark.parametrize("mode", ["client", "server"])
def test_dry_run_writes_nothing(one: One, policy: str, mode: str) -> None:
    one.merge(DRIFT)
    before = one.live()
    done = one.restore("--existing", policy, f"--dry-run={mode}")
    assert (done.returncode, one.live()) == (0, before)


def test_plan_as_data_tells_every_field(one: One) -> None:
    one.merge(DRIFT)
    plan = json.loads(one.restore("--existing", "update", "--dry-run=client", "-o", "json").stdout)
    (step,) = plan["steps"]
    assert step["action"] == "update"
    fields = {change["field"]: change for change in step["diff"]}
    assert fields["spec.image"] == {"field": "spec.image", "live": "drifted", "backup": one.saved["spec"]["image"]}
    assert fields["spec.env.ONLY_LIVE"] == {"field": "spec.env.ONLY_LIVE", "live": "x"}
    assert "spec.args" in fields


@pytest.mark.parametrize("policy", ["update", "replace", "recreate"])
def test_what_changes_things_needs_a_yes(one: One, policy: str) -> None:
    one.merge(DRIFT)
    before = one.live()
    done = one.cli.run("restore", "saved", "--existing", policy)
    assert (done.returncode, one.live()) == (2, before)
    assert "--yes" in done.stderr


def test_recreate_waits_for_the_old_object_and_finishes_later(one: One) -> None:
    one.merge({**DRIFT, "metadata": {"finalizers": ["example.com/hold"]}})
    stuck = one.restore("--existing", "recreate", "--timeout", "2s")
    assert stuck.returncode == 1
    assert "deleted, not yet created" in stuck.stdout
    assert "example.com/hold" in stuck.stdout
    journal = [path for path in one.cli.directory.iterdir() if path.name.startswith("lrs_recreate_")]
    assert one.name in journal[0].read_text()
    assert journal[0].stat().st_mode & 0o077 == 0
    assert "deletionTimestamp" in one.live()["metadata"]

    one.merge({"metadata": {"finalizers": None}})
    again = one.restore("--existing", "recreate")
    assert again.returncode == 0, again.stdout + again.stderr
    assert essence(one.live()) == essence(one.saved)
    assert not journal[0].exists()


def test_recreate_is_refused_for_finalizers_that_nobody_removes(one: One, plane: ControlPlane, namespace: str) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "operator", "image": "x/lrs-operator:1"}]}}
    deployment = {
        "metadata": {"name": "lrs-operator", "labels": {"release": "dr"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    assert plane.api("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)[0] == 201
    one.merge({**DRIFT, "metadata": {"finalizers": ["example.com/hold"]}})
    before = one.live()
    done = one.restore("--existing", "recreate")
    assert done.returncode == 3
    assert "not recreated" in done.stdout
    assert one.live() == before


def test_object_that_is_going_is_waited_for_and_then_created(one: One) -> None:
    one.merge({"metadata": {"finalizers": ["example.com/hold"]}})
    one.plane.api("DELETE", one.path)
    run = one.cli.start("restore", "saved")
    loader.wait_until(lambda: run.poll() is None, "the restore to be under way")
    one.merge({"metadata": {"finalizers": None}})
    assert run.wait(PATIENCE) == 0
    assert one.live()["metadata"]["uid"] != one.saved["metadata"]["uid"]


def test_object_that_changed_after_the_plan_is_not_overwritten(one: One) -> None:
    """The plan is made, the object changes, the plan is applied: the server refuses, and that is the report."""
    import threading

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

    one.merge(DRIFT)
    source = BackupSource(PlainRepository(one.cli.directory).find("saved"))
    kube = connect(KubeFlags(kubeconfig=str(one.cli.kubeconfig)))
    for existing in (Existing.UPDATE, Existing.REPLACE):
        restorer = LrsRestorer(
            source,
            RestoreOptions(selection=Selection(), existing=existing),
            kube=kube,
            resource=resource_to_write(kube, source, None),
            directory=one.cli.directory,
            cluster="x",
            stop=threading.Event(),
        )
        plan = restorer.plan(Silent())
        one.merge({"spec": {"image": f"changed after the plan to {existing.value}"}})
        before = one.live()
        report = Report(source="", target="")
        restorer.apply(plan, ApplyOptions(workers=2, timeout=5), report, Silent())
        assert report.exit_code() == 3
        assert "changed by somebody else since it was planned" in report.outcomes[0].message
        assert one.live() == before


def test_defaults_of_the_target_do_not_make_a_difference(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """The CRD gains a default after the backup: the live object has the field, the saved one has not."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:7])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tier"
    add = [{"op": "add", "path": path, "value": {"type": "string", "default": "gold"}}]
    assert plane.api("PATCH", f"{loader.CRD_PATH}/{loader.CRD_NAME}", add, content_type=JSON_PATCH)[0] == 200
    try:
        loader.wait_until(
            lambda: all(each["spec"].get("tier") == "gold" for each in loader.live(plane, crd.api_version, namespace)),
            "the default",
        )
        loader.wait_until(
            lambda: '"tier"' in json.dumps(plane.api("GET", f"/openapi/v3/apis/{crd.api_version}")[1]),
            "the schema to be published",
        )
        assert "3 unchanged" in cli.ok("restore", "saved")
    finally:
        plane.api("PATCH", f"{loader.CRD_PATH}/{loader.CRD_NAME}", [{"op": "remove", "path": path}], content_type=JSON_PATCH)
        loader.wait_until(
            lambda: '"tier"' not in json.dumps(plane.api("GET", f"/openapi/v3/apis/{crd.api_version}")[1]),
            "the schema to be as before",
        )
