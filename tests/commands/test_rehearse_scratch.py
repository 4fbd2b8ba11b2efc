"""`rehearse --scratch-namespace`: objects come there and go again, ours alone; nobody who watches it is fed."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.operator import LrsOperator, deploy_operator
from tests.bed.webhook import Webhook
from tests.builders.reseal import Lrs
from tests.conftest import Cli, Crd

MARK = "kubectl-lrs/rehearsal"


class Bed:
    """Two namespaces whose LRS have the same names, with finalizers and owners; a backup of both; a third namespace."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.cli = plane, crd, cli
        self.namespaces = (namespace, f"{namespace}-too")
        self.scratch = f"{namespace}-scratch"
        for name in (self.namespaces[1], self.scratch):
            loader.create_namespace(plane, name)
        for name in self.namespaces:
            made = [samples.filler(number, crd.api_version, crd.kind, name) for number in range(4)]
            made[1]["metadata"]["finalizers"] = ["example.com/held"]
            loader.create_many(plane, made)
            owner = next(each for each in self.live(name) if each["metadata"]["name"] == made[3]["metadata"]["name"])
            reference = {
                "apiVersion": crd.api_version,
                "kind": crd.kind,
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
            }
            self.patch(name, made[0]["metadata"]["name"], {"metadata": {"ownerReferences": [reference]}})
        self.names = [each["metadata"]["name"] for each in made]
        cli.ok("backup", "-A", "--name", "saved")

    def path(self, namespace: str, name: str = "") -> str:
        return f"{loader.objects_path(self.crd.api_version, namespace)}{f'/{name}' if name else ''}"

    def patch(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        status, answer = self.plane.api("PATCH", self.path(namespace, name), body, content_type="application/merge-patch+json")
        assert status == 200, answer

    def live(self, namespace: str) -> list[Lrs]:
        return loader.live(self.plane, self.crd.api_version, namespace)

    def there(self) -> list[str]:
        """What is in the scratch namespace."""
        return sorted(each["metadata"]["name"] for each in self.live(self.scratch))

    def command(self, *flags: str) -> tuple[str, ...]:
        return ("rehearse", "saved", "--scratch-namespace", self.scratch, "-o", "json", *flags)

    def rehearse(self, *flags: str, code: int = 0) -> dict[str, Any]:
        before = [self.live(name) for name in self.namespaces]
        done = self.cli.run(*self.command(*flags))
        assert done.returncode == code, done.stdout + done.stderr
        assert [self.live(name) for name in self.namespaces] == before
        report: dict[str, Any] = json.loads(done.stdout)
        return report


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Iterator[Bed]:
    made = Bed(plane, crd, namespace, cli)
    yield made
    for name in (*made.namespaces, made.scratch):
        loader.clear(plane, namespace=name)
    for name in (made.namespaces[1], made.scratch):
        loader.delete_namespace(plane, name, wait=False)


def counts(report: dict[str, Any]) -> dict[str, int]:
    return {verdict: count for verdict, count in report["counts"].items() if count}


def said(report: dict[str, Any]) -> str:
    return "\n".join((*report["notProved"], *report["earlierRuns"], *(each["message"] for each in report["items"])))


def test_they_are_made_compared_and_removed(bed: Bed) -> None:
    report = bed.rehearse()
    assert (counts(report), report["notProved"]) == ({"proved": 8}, [])
    assert {each["namespace"] for each in report["items"]} == set(bed.namespaces)
    assert not any("dropped" in each["message"] for each in report["items"]), "owners come with what they own"
    assert report["tiers"][0]["target"] == f"namespace {bed.scratch}"
    assert bed.there() == []


STRIPPED: dict[str, list[str]] = {
    "the label": ["/metadata/labels/kubectl-lrs~1rehearsal"],
    "the annotation": ["/metadata/annotations/kubectl-lrs~1rehearsal"],
    "both": ["/metadata/labels/kubectl-lrs~1rehearsal", "/metadata/annotations/kubectl-lrs~1rehearsal"],
}


@pytest.mark.parametrize("stripped", STRIPPED)
def test_what_admission_takes_the_mark_from_is_ours_all_the_same(bed: Bed, stripped: str) -> None:
    """The answer to its creation has told which object it is: it is judged, and goes again."""
    patch = [{"op": "remove", "path": path} for path in STRIPPED[stripped]]
    with Webhook(bed.plane, bed.scratch, mutate=lambda _request: patch):
        report = bed.rehearse(code=4)
    assert bed.there() == []
    assert counts(report) == {"differs": 8}
    assert all("altered by the server: removed" in each["message"] for each in report["items"])


def test_what_is_somebody_elses_stays(bed: Bed) -> None:
    """One that has a name of ours, and copies of an object of ours, label and all."""
    theirs = samples.filler(2, bed.crd.api_version, bed.crd.kind, bed.scratch)
    copied = samples.filler(9, bed.crd.api_version, bed.crd.kind, bed.scratch)
    copied["metadata"]["labels"][MARK] = "0123456789abcdef"
    copied["metadata"]["annotations"] = {MARK: json.dumps({"token": "0123456789abcdef", "process": 1, "place": ""})}
    loader.create_many(bed.plane, [theirs, copied])
    before = bed.live(bed.scratch)
    report = bed.rehearse(code=3)
    assert counts(report) == {"proved": 6, "not proved": 2}
    assert "an object of somebody else's has its name" in said(report)
    assert "have a rehearsal's label, and none made them: left alone" in said(report)
    assert bed.live(bed.scratch) == before


def test_what_comes_back_as_something_else(bed: Bed) -> None:
    add = [{"op": "add", "path": "/metadata/labels/team", "value": "x"}]
    with Webhook(bed.plane, bed.scratch, mutate=lambda _request: add):
        report = bed.rehearse(code=4)
    assert counts(report) == {"differs": 8}
    assert bed.there() == []


def test_namespaces_that_cannot_be_one(bed: Bed) -> None:
    for name, why in ((bed.namespaces[0], "the backup is of it"), ("nowhere", "does not exist")):
        done = bed.cli.run("rehearse", "saved", "--scratch-namespace", name)
        assert done.returncode == 2
        assert why in done.stderr
    done = bed.cli.run(*bed.command("--map-namespace", "a=b"))
    assert done.returncode == 2
    assert "--map-namespace says nothing with --scratch-namespace" in done.stderr
    deploy_operator(bed.plane, bed.scratch)
    report = bed.rehearse(code=3)
    assert f"operator {bed.scratch}/lrs-operator watches {bed.scratch}" in said(report)
    assert (report["tiers"][0]["things"], bed.there()) == ([], [])


@pytest.mark.parametrize(
    "patch", [[], [{"op": "add", "path": "/metadata/labels/team", "value": "x"}]], ids=["as sent", "altered"]
)
def test_an_operator_that_nothing_tells_of_is_fed_one_object_at_most(bed: Bed, patch: list[dict[str, Any]]) -> None:
    """Its Deployment is in a namespace where nobody looks for it, and it watches all of them. Admission may alter what comes."""
    home = f"{bed.scratch}-home"
    loader.create_namespace(bed.plane, home)
    try:
        with (
            Webhook(bed.plane, bed.scratch, mutate=lambda _request: patch),
            LrsOperator(bed.plane, bed.crd.api_version, (bed.scratch,), home=home) as operator,
        ):
            report = bed.rehearse(code=3)
            seen = {event.subject for event in operator.events if event.subject}
    finally:
        loader.delete_namespace(bed.plane, home, wait=False)
    assert "it is watched" in said(report)
    assert counts(report) == {"not proved": 8}
    assert len([subject for subject in seen if any(name in subject for name in bed.names)]) <= 1
    loader.wait_until(lambda: not bed.there(), "the operator to let go")


# ---- whatever ends it


class Held:
    """Creations in the scratch namespace, held from the third on."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.count = 0

    def __call__(self, request: dict[str, Any]) -> str:
        if not request.get("dryRun"):
            self.count += 1
            if self.count > 2:
                self.free.wait(PATIENCE)
        return ""


def started(bed: Bed, held: Held) -> subprocess.Popen[str]:
    process = bed.cli.start(*bed.command())
    loader.wait_until(lambda: held.count > 2 or process.poll() is not None, "some objects to be made")
    assert process.poll() is None, process.communicate()
    return process


def test_interrupted(bed: Bed) -> None:
    held = Held()
    with Webhook(bed.plane, bed.scratch, held):
        process = started(bed, held)
        process.send_signal(signal.SIGTERM)
        held.free.set()
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert json.loads(out)["interrupted"] is True
    assert bed.there() == []


def test_the_next_one_removes_what_a_killed_one_has_left(bed: Bed) -> None:
    held = Held()
    with Webhook(bed.plane, bed.scratch, held):
        process = started(bed, held)
        loader.wait_until(lambda: bool(bed.there()), "an object to be there")
        process.kill()
        process.communicate(timeout=PATIENCE)
        held.free.set()
    loader.wait_until(lambda: bool(bed.there()), "what it has left")
    theirs = samples.filler(8, bed.crd.api_version, bed.crd.kind, bed.scratch)
    loader.create_many(bed.plane, [theirs])
    report = bed.rehearse()
    assert counts(report) == {"proved": 8}
    assert f"from {bed.scratch}, which a killed rehearsal has left" in said(report)
    assert bed.there() == [theirs["metadata"]["name"]]
