"""What the API server makes of a write is the truth: each that is not what was sent is said, whatever has altered it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.webhook import Patch, Review, Webhook
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

Manifest = dict[str, Any]


class Place:
    """One LRS, saved as `saved`; webhooks that alter what is written of it."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        self.base = loader.objects_path(crd.api_version, namespace)
        sample = samples.samples(crd.api_version, crd.kind, namespace)[4]
        sample["metadata"]["finalizers"] = ["example.com/hold"]
        self.name = sample["metadata"]["name"]
        self.path = f"{self.base}/{self.name}"
        loader.create_many(plane, [sample])
        loader.set_status(plane, sample, {"phase": "Running", "detail": "x"})
        cli.ok("backup", "-n", namespace, "--name", "saved")
        self.saved = self.live()

    def live(self) -> Manifest:
        return self.plane.api("GET", self.path)[1]

    def change(self, **spec: Any) -> None:
        assert self.plane.api("PATCH", self.path, {"spec": spec}, content_type=MERGE_PATCH)[0] == 200

    def delete(self) -> None:
        loader.clear(self.plane, namespace=self.namespace)

    @contextmanager
    def altering(self, patch: Patch, *, resources: tuple[str, ...] = ("lrs",)) -> Iterator[Webhook]:
        """A webhook that applies the patch to whatever is written, where it can be applied."""

        def mutate(request: Review) -> Patch:
            return [each for each in patch if each["op"] == "add" or _has(request["object"], each["path"])]

        operations = ("CREATE", "UPDATE")
        with Webhook(self.plane, self.namespace, mutate=mutate, operations=operations, resources=resources) as webhook:
            yield webhook

    def restore(self, *flags: str) -> tuple[int, Manifest, str]:
        """(exit status, the one outcome, what was said on standard error)."""
        done = self.cli.run("restore", "saved", "--yes", "-o", "json", *flags)
        (outcome,) = json.loads(done.stdout)["outcomes"]
        return done.returncode, outcome, done.stderr


def _has(value: Any, pointer: str) -> bool:
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


@pytest.fixture
def place(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> Place:
    return Place(plane, each_crd, namespace, cli)


@pytest.fixture
def schema_place(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Place:
    """With a schema and a status subresource."""
    return Place(plane, crd, namespace, cli)


ALTERATIONS: dict[str, tuple[Patch, str]] = {
    "takes a field away": ([{"op": "remove", "path": "/spec/args"}], "removed spec.args"),
    "changes a field": ([{"op": "replace", "path": "/spec/image", "value": "other"}], "changed spec.image"),
    "adds a field": ([{"op": "add", "path": "/spec/template/side", "value": {"car": 1}}], "added spec.template.side"),
    "takes a label away": (
        [{"op": "remove", "path": "/metadata/labels/datarobot-lrs-type"}],
        "removed metadata.labels.datarobot-lrs-type",
    ),
    "changes an annotation": (
        [{"op": "replace", "path": "/metadata/annotations/example.com~1number", "value": "0x"}],
        "changed metadata.annotations['example.com/number']",
    ),
    "takes the finalizers away": ([{"op": "remove", "path": "/metadata/finalizers"}], "removed metadata.finalizers"),
}

WRITES: dict[str, tuple[str, Callable[[Place], None]]] = {
    "create": ("created", Place.delete),
    "update": ("updated", lambda place: place.change(replicas=7)),
    "replace": ("replaced", lambda place: place.change(replicas=7)),
    "recreate": ("recreated", lambda place: place.change(replicas=7)),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("write", WRITES)
def test_webhook_that_alters_what_is_written(schema_place: Place, write: str, alteration: str) -> None:
    """The outcome names the field, the trial as well as the write; a second run says that it is not as it was saved."""
    _is_said(schema_place, write, alteration)


@pytest.mark.parametrize("write", WRITES)
def test_webhook_that_alters_what_has_no_schema(place: Place, write: str) -> None:
    _is_said(place, write, "takes a field away")


def _is_said(place: Place, write: str, alteration: str) -> None:
    patch, field = ALTERATIONS[alteration]
    word, prepare = WRITES[write]
    prepare(place)
    if write == "recreate":  # nobody is there to take it off
        place.plane.api("PATCH", place.path, {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)
    policy = () if write == "create" else ("--existing", write)
    with place.altering(patch):
        for trial in (("--dry-run=server",), ()):
            code, outcome, _ = place.restore(*policy, *trial)
            assert (code, outcome["result"]) == (3, "altered"), outcome
            assert outcome["message"] == f"{word}, altered by the server: {field}"
    code, outcome, _ = place.restore()
    assert (code, outcome["result"]) == (3, "conflict"), outcome


@pytest.mark.parametrize("policy", ["update", "replace"])
def test_each_run_says_it_again(place: Place, policy: str) -> None:
    """It is never `updated` and done while the server goes on to alter it."""
    place.change(replicas=7)
    with place.altering([{"op": "replace", "path": "/spec/image", "value": "other"}]):
        for _ in range(2):
            code, outcome, _ = place.restore("--existing", policy)
            assert (code, outcome["result"]) == (3, "altered")
            assert "changed spec.image" in outcome["message"]


def test_owner_that_admission_drops(place: Place) -> None:
    owner = place.plane.api("POST", f"/api/v1/namespaces/{place.namespace}/configmaps", {"metadata": {"name": "owner"}})[1]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    patch = {"metadata": {"ownerReferences": [reference]}}
    assert place.plane.api("PATCH", place.path, patch, content_type=MERGE_PATCH)[0] == 200
    place.cli.ok("backup", "-n", place.namespace, "--name", "owned")
    place.delete()
    with place.altering([{"op": "remove", "path": "/metadata/ownerReferences"}]):
        done = place.cli.run("restore", "owned", "-o", "json")
    (outcome,) = json.loads(done.stdout)["outcomes"]
    assert (done.returncode, outcome["message"]) == (3, "created, altered by the server: removed metadata.ownerReferences")


@pytest.mark.parametrize("write", ["create", "update"])
def test_status_that_admission_alters(place: Place, write: str) -> None:
    if write == "create":
        place.delete()
    else:
        place.change(replicas=7)
    with place.altering([{"op": "remove", "path": "/status/detail"}], resources=("lrs", "lrs/status")):
        code, outcome, _ = place.restore("--restore-status", "--existing", "update")
    assert (code, outcome["result"]) == (3, "altered"), outcome
    assert outcome["message"].endswith("altered by the server: removed status.detail")
    assert place.live()["status"] == {"phase": "Running"}


def test_null_that_the_server_drops(schema_place: Place) -> None:
    """The field is not nullable here, as it was where it was saved."""
    place = schema_place
    assert place.plane.api("PATCH", place.path, [{"op": "add", "path": "/spec/note", "value": None}], content_type=JSON_PATCH)
    place.cli.ok("backup", "-n", place.namespace, "--name", "noted")
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/note"
    with _schema(place, [{"op": "replace", "path": path, "value": {"type": "string"}}]):
        place.delete()
        for flags, word in (((), "created"), (("--existing", "update"), "updated"), (("--existing", "update"), "updated")):
            done = place.cli.run("restore", "noted", "--yes", "-o", "json", *flags)
            (outcome,) = json.loads(done.stdout)["outcomes"]
            assert (done.returncode, outcome["message"]) == (3, f"{word}, altered by the server: removed spec.note")
        done = place.cli.run("restore", "noted", "-o", "json")
        (outcome,) = json.loads(done.stdout)["outcomes"]
        assert (done.returncode, outcome["result"]) == (3, "conflict")


def test_defaults_of_the_schema_are_no_alteration(schema_place: Place) -> None:
    place = schema_place
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tier"
    with _schema(place, [{"op": "add", "path": path, "value": {"type": "string", "default": "gold"}}]):
        place.delete()
        code, outcome, _ = place.restore()
        assert (code, outcome["result"]) == (0, "created"), outcome
        assert place.live()["spec"]["tier"] == "gold"


@contextmanager
def _schema(place: Place, patch: Patch) -> Iterator[None]:
    """The CRD changed, and published, while the block lasts."""
    crd = f"{loader.CRD_PATH}/{loader.CRD_NAME}"
    before = place.plane.api("GET", crd)[1]["spec"]

    def published() -> Any:
        return place.plane.api("GET", f"/openapi/v3/apis/{place.crd.api_version}")[1]

    was = published()
    assert place.plane.api("PATCH", crd, patch, content_type=JSON_PATCH)[0] == 200
    try:
        loader.wait_until(lambda: published() != was, "the schema to be published")
        yield
    finally:
        back = [{"op": "replace", "path": "/spec", "value": before}]
        assert place.plane.api("PATCH", crd, back, content_type=JSON_PATCH)[0] == 200
        loader.wait_until(lambda: published() == was, "the schema to be as before")


def test_verify_against_the_cluster_says_that_it_would_be_altered(place: Place) -> None:
    place.delete()
    with place.altering([{"op": "replace", "path": "/spec/image", "value": "other"}]):
        done = place.cli.run("verify", "saved", "--against-cluster")
    assert done.returncode == 4, done.stdout
    assert "would NOT restore as saved" in done.stdout
    assert "created, altered by the server: changed spec.image" in done.stdout


def test_warnings_of_the_server_are_shown_once_each(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """As kubectl shows them, however many objects each is about."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:8])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    loader.clear(plane, namespace=namespace)

    def warnings(request: Review) -> list[str]:
        return ["LRS are going away", f'said of "{request["operation"]}"']

    with Webhook(plane, namespace, warnings=warnings, operations=("CREATE", "UPDATE")):
        probe = samples.samples(crd.api_version, crd.kind, namespace)[9]
        done = cli.run("restore", "saved")
        shown = plane.kubectl_run("create", "-f", "-", "--dry-run=server", stdin=json.dumps(probe)).stderr
    assert done.returncode == 0, done.stdout
    assert done.stderr.count("Warning: LRS are going away") == 1
    assert "Warning: LRS are going away" in shown
    assert done.stderr.count('Warning: said of "CREATE"') == 1


# ---- what LRS stand on

LABELLED: Patch = [{"op": "add", "path": "/metadata/labels/team", "value": "theirs"}]
FIRST_LABEL: Patch = [{"op": "add", "path": "/metadata/labels", "value": {"team": "theirs"}}]


@contextmanager
def _labelling(place: Place, namespace: str, group: str, resource: str) -> Iterator[None]:
    """A webhook that labels what is created of a resource that LRS need."""
    with Webhook(
        place.plane,
        namespace,
        mutate=lambda _request: LABELLED if resource == "namespaces" else FIRST_LABEL,
        resources=(resource,),
        group=group,
    ):
        yield


def test_a_namespace_that_is_altered_is_said(place: Place) -> None:
    """The LRS in it are created all the same."""
    new = f"{place.namespace}-new"
    with _labelling(place, new, "", "namespaces"):
        done = place.cli.run(
            "restore", "saved", "--map-namespace", f"{place.namespace}={new}", "--create-namespaces", "--yes", "-o", "json"
        )
    report = json.loads(done.stdout)
    assert done.returncode == 3, done.stderr
    assert report["undone"] == [f"Namespace {new}: altered by the server: added metadata.labels.team"]
    assert [each["result"] for each in report["outcomes"]] == ["created"]
    loader.release(place.plane, namespace=new)
    loader.delete_namespace(place.plane, new, wait=False)


def test_a_namespace_as_it_was_sent(place: Place) -> None:
    new = f"{place.namespace}-plain"
    place.cli.ok("restore", "saved", "--map-namespace", f"{place.namespace}={new}", "--create-namespaces", "--yes")
    loader.release(place.plane, namespace=new)
    loader.delete_namespace(place.plane, new, wait=False)


def test_a_crd_that_is_altered_is_said(place: Place) -> None:
    """By the trial of verify too; one that is not is installed without a word."""
    group, resource = "apiextensions.k8s.io", "customresourcedefinitions"
    flags = ("restore", "saved", "--install-crd", "--yes", "-o", "json")
    loader.release(place.plane, namespace=place.namespace)
    loader.delete_crd(place.plane)
    done = place.cli.run(*flags)
    assert done.returncode == 0, done.stdout + done.stderr
    loader.release(place.plane, namespace=place.namespace)
    loader.delete_crd(place.plane)
    with _labelling(place, place.namespace, group, resource):
        tried = place.cli.run("verify", "saved", "--against-cluster", "--install-crd")
        assert tried.returncode == 4, tried.stdout + tried.stderr
        assert "the saved CRD would be altered by the server: " in tried.stdout
        done = place.cli.run(*flags)
    assert done.returncode == 3, done.stdout + done.stderr
    (undone,) = json.loads(done.stdout)["undone"]
    assert undone.startswith("CustomResourceDefinition lrs.lrs.datarobot.com: altered by the server: ")
    assert "metadata.labels" in undone
    loader.release(place.plane, namespace=place.namespace)
    loader.delete_crd(place.plane)
