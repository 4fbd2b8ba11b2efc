"""What `restore` finds before its first write, and what it does about it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.units import printable
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.webhook import Webhook
from tests.builders.rights import grant
from tests.conftest import Cli, Crd

JSON_PATCH = "application/json-patch+json"
SPEC = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"


class Saved:
    """LRS that are in the backup `saved` and no longer in the cluster."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        self.path = loader.objects_path(crd.api_version, namespace)

    def save(self, *manifests: dict[str, Any]) -> None:
        loader.create_many(self.plane, manifests)
        self.cli.ok("backup", "-n", self.namespace, "--name", "saved")
        self.plane.api("DELETE", self.path)

    def sample(self, number: int, **spec: Any) -> dict[str, Any]:
        made = samples.samples(self.crd.api_version, self.crd.kind, self.namespace)[number]
        made["spec"] |= spec
        return made

    def live(self) -> dict[str, dict[str, Any]]:
        return {each["metadata"]["name"]: each for each in loader.live(self.plane, self.crd.api_version, self.namespace)}

    def restore(self, *flags: str) -> subprocess.CompletedProcess[str]:
        return self.cli.run("restore", "saved", *flags)

    def findings(self, *flags: str) -> list[dict[str, str]]:
        """Those of the plan as data; the same stand on stderr, and nothing is written."""
        before = self.live()
        done = self.restore("--dry-run=client", "-o", "json", *flags)
        found = json.loads(done.stdout)["findings"]
        for each in found:
            assert f"{each['severity']}: {printable(each['message'])}" in done.stderr
        assert self.live() == before
        return list(found)


@pytest.fixture
def saved(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Saved:
    return Saved(plane, crd, namespace, cli)


def _of(findings: list[dict[str, str]], text: str) -> list[dict[str, str]]:
    return [each for each in findings if text in each["message"]]


@contextmanager
def target_schema(plane: ControlPlane, crd: Crd, field: str, change: dict[str, Any] | None) -> Iterator[None]:
    """The target's CRD has another schema for a field of the spec, or does not know it (None)."""
    path, crd_path = f"{SPEC}/{field}", f"{loader.CRD_PATH}/{loader.CRD_NAME}"
    properties = plane.api("GET", crd_path)[1]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"][
        "properties"
    ]
    was = properties[field]

    def published() -> Any:
        schemas = plane.api("GET", f"/openapi/v3/apis/{crd.api_version}")[1]["components"]["schemas"].values()
        (ours,) = (each for each in schemas if "spec" in each.get("properties", {}) and "x-kubernetes-group-version-kind" in each)
        return ours["properties"]["spec"]["properties"].get(field)

    before = published()
    patch = {"op": "remove", "path": path} if change is None else {"op": "replace", "path": path, "value": change}
    assert plane.api("PATCH", crd_path, [patch], content_type=JSON_PATCH)[0] == 200
    try:
        loader.wait_until(lambda: published() != before, "the schema to be published")
        yield
    finally:
        back = {"op": "add", "path": path, "value": was}
        assert plane.api("PATCH", crd_path, [back], content_type=JSON_PATCH)[0] == 200
        loader.wait_until(lambda: published() == before, "the schema to be as before")


# ---- the schema


def test_field_that_the_target_does_not_know(saved: Saved) -> None:
    noted, plain = saved.sample(5, note="of value"), saved.sample(6)
    saved.save(noted, plain)
    name, other = noted["metadata"]["name"], plain["metadata"]["name"]
    with target_schema(saved.plane, saved.crd, "note", None):
        plan = json.loads(saved.restore("--dry-run=client", "-o", "json").stdout)
        reasons = {step["name"]: (step["action"], step["reason"]) for step in plan["steps"]}
        assert reasons == {
            name: ("conflict", "the target's schema refuses it: spec.note: unknown field"),
            other: ("create", ""),
        }
        strict = saved.restore()
        assert strict.returncode == 3
        assert any(name in line and "spec.note: unknown field" in line for line in strict.stdout.splitlines())
        assert list(saved.live()) == [other]

        warned = saved.restore("--validate=warn")
        assert warned.returncode == 3, "it is not what was asked for"
        assert "created, altered by the server: removed spec.note" in warned.stdout
        assert 'Warning: unknown field "spec.note"' in warned.stderr
        assert "1 LRS lose fields that the target's schema does not know: spec.note: unknown field" in warned.stderr
        assert "note" not in saved.live()[name]["spec"]

        saved.plane.api("DELETE", f"{saved.path}/{name}")
        ignored = saved.restore("--validate=ignore")
        assert ignored.returncode == 3
        assert "created, altered by the server: removed spec.note" in ignored.stdout
        assert "spec.note" not in ignored.stderr
        assert "note" not in saved.live()[name]["spec"]


@pytest.mark.parametrize("validation", ["strict", "warn", "ignore"])
def test_wrong_type_is_refused_whatever_the_validation(saved: Saved, validation: str) -> None:
    with_threshold, without = saved.sample(5), saved.sample(6)
    del without["spec"]["threshold"]
    saved.save(with_threshold, without)
    with target_schema(saved.plane, saved.crd, "threshold", {"type": "string"}):
        done = saved.restore(f"--validate={validation}")
        assert done.returncode == 3
        assert "spec.threshold: number, but the schema wants string" in done.stdout
        assert list(saved.live()) == [without["metadata"]["name"]]


def test_enum_of_the_target(saved: Saved) -> None:
    saved.save(saved.sample(5), saved.sample(6, image="allowed"))
    with target_schema(saved.plane, saved.crd, "image", {"type": "string", "enum": ["allowed"]}):
        done = saved.restore()
        assert done.returncode == 3
        assert "is not one of 'allowed'" in done.stdout
        assert len(saved.live()) == 1


FINER = {
    "pattern": {"type": "string", "pattern": "^allowed$"},
    "length": {"type": "string", "maxLength": 3},
    "CEL": {"type": "string", "x-kubernetes-validations": [{"rule": "self == 'allowed'", "message": "by a rule"}]},
}


@pytest.mark.parametrize("case", FINER)
def test_what_only_the_server_can_judge_is_named_before_the_first_write(saved: Saved, case: str) -> None:
    """One dry run for each type; every object of it is still tried, since only the server knows."""
    refused = [saved.sample(number) for number in (5, 6, 18)]
    saved.save(*refused, saved.sample(20, image="all") if case == "length" else saved.sample(20, image="allowed"))
    with target_schema(saved.plane, saved.crd, "image", FINER[case]):
        found = _of(saved.findings(), "the server would refuse")
        assert [each["severity"] for each in found] == ["warning", "warning"]
        assert "the server would refuse deployment in" in found[0]["message"]
        assert refused[0]["metadata"]["name"] in found[0]["message"]
        assert "spec.image" in found[0]["message"]
        done = saved.restore()
        assert done.returncode == 3
        assert "1 created, 3 failed" in done.stdout
        assert len(saved.live()) == 1
        tried = saved.restore("--dry-run=server")
        assert tried.returncode == 3
        assert "3 failed, 1 unchanged" in tried.stdout


def test_every_object_that_is_refused_is_named(saved: Saved) -> None:
    saved.save(*(samples.filler(number, saved.crd.api_version, saved.crd.kind, saved.namespace) for number in range(40)))
    with target_schema(saved.plane, saved.crd, "threshold", {"type": "string"}):
        done = saved.restore("-o", "wide")
        assert done.returncode == 3
        assert done.stdout.count("the schema wants string") == 40
        assert saved.live() == {}


# ---- what a spec refers to


def _referring() -> dict[str, Any]:
    return {
        "serviceAccountName": "sa-missing",
        "imagePullSecrets": [{"name": "pull-missing"}, {"name": "there"}],
        "containers": [
            {
                "name": "main",
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-missing", "key": "a"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "cm-missing", "key": "a"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "optional-1", "key": "a", "optional": True}}},
                ],
                "envFrom": [{"secretRef": {"name": "from-missing"}}, {"configMapRef": {"name": "optional-2", "optional": True}}],
            }
        ],
        "volumes": [
            {"name": "a", "secret": {"secretName": "volume-missing"}},
            {"name": "b", "secret": {"secretName": "optional-3", "optional": True}},
            {"name": "c", "configMap": {"name": "volume-cm-missing"}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "pvc-missing"}},
            {"name": "e", "projected": {"sources": [{"secret": {"name": "projected-missing"}}]}},
            {"name": "f", "secret": {"secretName": "there"}},
        ],
    }


MISSING = {
    "Secret": {"pull-missing", "env-missing", "from-missing", "volume-missing", "projected-missing"},
    "ConfigMap": {"cm-missing", "volume-cm-missing"},
    "PersistentVolumeClaim": {"pvc-missing"},
    "ServiceAccount": {"sa-missing"},
}


def test_what_specs_refer_to_and_is_not_there(saved: Saved) -> None:
    saved.plane.api("POST", f"/api/v1/namespaces/{saved.namespace}/secrets", {"metadata": {"name": "there"}})
    saved.save(saved.sample(5, template=_referring()), saved.sample(6, template=_referring()), saved.sample(7))
    found = _of(saved.findings(), "does not exist")
    expected = {
        f"{kind} {saved.namespace}/{name} does not exist; 2 LRS refer to it" for kind, names in MISSING.items() for name in names
    }
    assert {each["message"] for each in found} == expected
    assert {each["severity"] for each in found} == {"warning"}
    assert saved.restore().returncode == 0, "they are warnings: somebody may make them later"
    assert not _of(saved.findings(), "does not exist"), "nothing is left to write"


# ---- namespaces


def test_missing_namespace(saved: Saved) -> None:
    saved.save(saved.sample(5))
    loader.delete_namespace(saved.plane, saved.namespace)
    done = saved.restore()
    assert done.returncode == 3
    assert f"namespace {saved.namespace} does not exist (--create-namespaces makes it)" in done.stdout
    assert "see field by field" not in done.stdout, "there is nothing to be seen"
    assert saved.plane.api("GET", f"/api/v1/namespaces/{saved.namespace}")[0] == 404
    tried = saved.restore("--create-namespaces", "--dry-run=server")
    assert tried.returncode == 0
    assert "its namespace does not exist yet" in tried.stdout
    assert "1 not checked" in tried.stdout
    assert saved.plane.api("GET", f"/api/v1/namespaces/{saved.namespace}")[0] == 404
    assert saved.restore("--create-namespaces").returncode == 0
    assert len(saved.live()) == 1


def test_namespace_that_is_being_deleted(saved: Saved) -> None:
    saved.save(saved.sample(5))
    path = f"/api/v1/namespaces/{saved.namespace}"
    hold = {"metadata": {"name": "hold", "finalizers": ["example.com/hold"]}}
    assert saved.plane.api("POST", f"{path}/configmaps", hold)[0] == 201
    loader.delete_namespace(saved.plane, saved.namespace, wait=False)
    uid = saved.plane.api("GET", path)[1]["metadata"]["uid"]
    done = saved.restore()
    assert done.returncode == 3
    assert f"namespace {saved.namespace} is being deleted" in done.stdout

    late = saved.restore("--create-namespaces", "--timeout", "2s")
    assert late.returncode == 1
    assert f"namespace {saved.namespace} is still being deleted after 2s" in late.stdout

    waiting = saved.cli.start("restore", "saved", "--create-namespaces", "--timeout", "180s")
    release = {"metadata": {"finalizers": None}}
    saved.plane.api("PATCH", f"{path}/configmaps/hold", release, content_type="application/merge-patch+json")
    assert waiting.wait(PATIENCE) == 0
    assert saved.plane.api("GET", path)[1]["metadata"]["uid"] != uid
    assert len(saved.live()) == 1


# ---- admission webhooks


def _no_agents(request: dict[str, Any]) -> str:
    return "no agents today\n\x1b[31mor ever" if "agent" in request["object"]["metadata"]["name"] else ""


def _until_asked(saved: Saved, code: int, text: str = "") -> None:
    """Until the API server asks the webhook, which it begins to a moment after it is registered."""
    probe = saved.sample(17)
    loader.wait_until(
        lambda: (
            (answer := saved.plane.api("POST", f"{saved.path}?dryRun=All", probe))[0] == code
            and text in str(answer[1].get("message"))
        ),
        "the webhook to be in force",
    )


def test_webhook_that_refuses_some(saved: Saved) -> None:
    saved.save(saved.sample(5), saved.sample(17), saved.sample(18))
    with Webhook(saved.plane, saved.namespace, _no_agents) as webhook:
        _until_asked(saved, 403)
        (found,) = _of(saved.findings("--type", "deployment,management_agent"), "no agents today")
        assert found["message"].startswith("the server would refuse management_agent in")
        assert all(each["dryRun"] for each in webhook.requests)
        done = saved.restore()
        assert done.returncode == 3
        assert "1 created, 2 failed" in done.stdout
        assert "no agents today\\n\\x1b[31mor ever" in done.stdout
        assert len(saved.live()) == 1


def test_webhook_with_side_effects_cannot_be_dry_run(saved: Saved) -> None:
    saved.save(saved.sample(5), saved.sample(6))
    with Webhook(saved.plane, saved.namespace, side_effects="Some") as webhook:
        _until_asked(saved, 400, "does not support dry run")
        found = saved.findings()
        assert not _of(found, "refuse")
        (note,) = _of(found, "does not support dry run")
        assert note["severity"] == "note"
        assert note["message"].startswith(f"not checked for deployment in {saved.namespace}")
        tried = saved.restore("--dry-run=server")
        assert tried.returncode == 0, tried.stdout
        assert "2 not checked" in tried.stdout
        assert "failed" not in tried.stdout
        assert webhook.requests == []
        assert saved.restore().returncode == 0
        assert len(webhook.requests) == 2
    assert len(saved.live()) == 2


def test_webhook_with_side_effects_and_a_schema_that_refuses(saved: Saved) -> None:
    """What the server cannot be asked about is judged by the schema alone."""
    saved.save(saved.sample(5), saved.sample(6, note="x"))
    with (
        target_schema(saved.plane, saved.crd, "note", None),
        Webhook(saved.plane, saved.namespace, side_effects="Some"),
    ):
        _until_asked(saved, 400, "does not support dry run")
        done = saved.restore()
        assert done.returncode == 3
        assert "spec.note: unknown field" in done.stdout
        assert len(saved.live()) == 1


@pytest.mark.parametrize("way", ["is down", "denies"])
def test_a_webhook_that_comes_before_the_schema_does_not_agree_with_it(saved: Saved, way: str) -> None:
    """A mutating one is asked before the server's validation: its failure is a message of its own."""
    saved.save(saved.sample(5), saved.sample(6))

    def judge(_request: dict[str, Any]) -> str:
        return "not today" if way == "denies" else ""

    with (
        target_schema(saved.plane, saved.crd, "threshold", {"type": "string"}),
        Webhook(
            saved.plane, saved.namespace, judge, mutate=lambda _request: [], refusal={"code": 422, "reason": "Invalid"}
        ) as webhook,
    ):
        if way == "is down":
            webhook.stop()
        _until_asked(saved, *((500, "failed calling webhook") if way == "is down" else (422, "not today")))
        plan = json.loads(saved.restore("--dry-run=client", "-o", "json").stdout)
        for step in plan["steps"]:
            assert step["action"] == "conflict"
            refused, _, untold = step["reason"].partition("; the server's own word could not be had: ")
            assert refused == "the target's schema refuses it: spec.threshold: number, but the schema wants string"
            assert ("failed calling webhook" if way == "is down" else "not today") in untold
        assert saved.restore().returncode == 3
    assert saved.live() == {}


def test_who_may_not_create_has_no_word_of_the_server_on_the_schema(saved: Saved, tmp_path: Path) -> None:
    noted = saved.sample(5, note="of value")
    saved.save(noted, saved.sample(6))
    rule = {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["get", "list"]}
    grant(saved.plane, saved.namespace, "user-0", rule)
    user = Cli(
        saved.plane.write_kubeconfig(tmp_path / "user.kubeconfig", token=saved.plane.tokens["user-0"]), saved.cli.directory
    )
    with target_schema(saved.plane, saved.crd, "note", None):
        done = user.run("restore", "saved", "--dry-run=client", "-o", "json")
    plan = json.loads(done.stdout)
    (reason,) = (step["reason"] for step in plan["steps"] if step["name"] == noted["metadata"]["name"])
    assert reason.startswith("the target's schema refuses it: spec.note: unknown field; the server's own word could not be had: ")
    assert 'cannot create resource "lrs"' in reason
    assert _of(plan["findings"], "you may not create lrs.lrs.datarobot.com")


def test_webhook_that_is_down(saved: Saved) -> None:
    saved.save(saved.sample(5), saved.sample(6))
    with Webhook(saved.plane, saved.namespace) as webhook:
        webhook.stop()
        _until_asked(saved, 500)
        (found,) = _of(saved.findings(), "the server would refuse")
        assert "failed calling webhook" in found["message"]
        done = saved.restore()
        assert done.returncode == 1
        assert done.stdout.count("failed calling webhook") == 2
        assert saved.live() == {}


# ---- types


def test_unknown_types_are_counted_and_can_be_left_out(saved: Saved) -> None:
    saved.save(saved.sample(5), saved.sample(12), saved.sample(21), saved.sample(22))
    found = _of(saved.findings(), "not known here")
    assert {each["message"].split(",")[0] for each in found} == {"2 LRS of type training_run"}, "applications are known"
    assert any("--exclude-type training_run" in each["hint"] for each in found)
    left = _of(saved.findings("--exclude-type", "training_run"), "not known here")
    assert left == []
    assert saved.restore("--exclude-type", "training_run").returncode == 0
    assert len(saved.live()) == 2


def test_plan_with_an_error_writes_nothing(saved: Saved) -> None:
    saved.save(saved.sample(5), saved.sample(6))
    drifted = saved.sample(5, image="drifted")
    loader.create_many(saved.plane, [drifted])
    before = saved.live()
    done = saved.restore("--existing", "fail", "--create-namespaces", "--yes")
    assert done.returncode == 1
    assert "error: 1 LRS exist and differ, or cannot be written" in done.stderr
    assert done.stdout == ""
    assert saved.live() == before
