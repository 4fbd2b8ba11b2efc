"""`rehearse` of LRS: the server's word on each, whether it is there now or not; nothing is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.webhook import Webhook
from tests.builders.reseal import Lrs, rewrite
from tests.conftest import Cli, Crd


class Bed:
    """A namespace with four LRS, and a backup of them called `saved`."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        made = samples.samples(crd.api_version, crd.kind, namespace)
        self.names = sorted(each["metadata"]["name"] for each in (made[4], made[5], made[17], made[19]))
        self.objects = loader.objects_path(crd.api_version, namespace)
        loader.create_many(plane, [made[4], made[5], made[17], made[19]])
        cli.ok("backup", "-n", namespace, "--name", "saved")

    def destroy(self) -> None:
        assert self.plane.api("DELETE", self.objects)[0] == 200
        loader.wait_until(lambda: not self.live(), "the objects to be gone")

    def live(self) -> list[Lrs]:
        return loader.live(self.plane, self.crd.api_version, self.namespace)

    def rehearse(self, *flags: str, code: int = 0) -> dict[str, Any]:
        """The report; nothing was written."""
        before = self.live()
        done = self.cli.run("rehearse", "saved", "-o", "json", *flags)
        assert done.returncode == code, done.stdout + done.stderr
        assert self.live() == before
        report: dict[str, Any] = json.loads(done.stdout)
        return report


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Bed:
    return Bed(plane, crd, namespace, cli)


def counts(report: dict[str, Any]) -> dict[str, int]:
    return {verdict: count for verdict, count in report["counts"].items() if count}


def why(report: dict[str, Any]) -> str:
    return "\n".join(each["message"] for each in report["items"])


def test_whether_they_are_there_or_not(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    bed = Bed(plane, each_crd, namespace, cli)
    assert counts(bed.rehearse()) == {"proved": 4}
    bed.destroy()
    report = bed.rehearse()
    assert (counts(report), report["proved"], report["notProved"]) == ({"proved": 4}, True, [])
    assert sorted(each["name"] for each in report["items"]) == bed.names
    silent = cli.run("rehearse", "saved", "-q")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    assert "rehearse" in cli.ok("history")


def test_what_the_schema_refuses(bed: Bed) -> None:
    def spoil(objects: list[Lrs]) -> list[Lrs]:
        objects[0]["spec"]["colour"] = "red"
        objects[1]["spec"]["replicas"] = -1
        return objects

    rewrite(bed.cli.directory / "saved", spoil)
    for _ in range(2):
        report = bed.rehearse(code=4)
        assert counts(report) == {"proved": 2, "refused": 2}
        assert 'unknown field "spec.colour"' in why(report)
        assert "spec.replicas" in why(report)
        bed.destroy() if bed.live() else None


def test_what_admission_refuses_and_alters(bed: Bed) -> None:
    def judge(request: dict[str, Any]) -> str:
        return "no agents today" if "agent" in request["object"]["metadata"]["name"] else ""

    with Webhook(bed.plane, bed.namespace, judge):
        report = bed.rehearse(code=4)
        assert counts(report) == {"proved": 2, "refused": 2}
        assert "no agents today" in why(report)
    add = [{"op": "add", "path": "/metadata/labels/team", "value": "x"}]
    with Webhook(bed.plane, bed.namespace, mutate=lambda _request: add):
        report = bed.rehearse(code=4)
        assert counts(report) == {"differs": 4}
        assert "added metadata.labels.team" in why(report)
    with Webhook(bed.plane, bed.namespace, side_effects="Some"):
        report = bed.rehearse(code=3)
        assert counts(report) == {"not proved": 4}


@contextmanager
def quota(bed: Bed, *, hard: int, used: int) -> Iterator[None]:
    """A quota of the namespace; the bed has no controller that counts."""
    name = "count/lrs.lrs.datarobot.com"
    path = f"/api/v1/namespaces/{bed.namespace}/resourcequotas"
    limit = {"hard": {name: str(hard)}}
    assert bed.plane.api("POST", path, {"metadata": {"name": "some"}, "spec": limit})[0] == 201
    status = {"status": {**limit, "used": {name: str(used)}}}
    assert bed.plane.api("PATCH", f"{path}/some/status", status, content_type="application/merge-patch+json")[0] == 200
    probe = samples.samples(bed.crd.api_version, bed.crd.kind, bed.namespace)[18]
    loader.wait_until(lambda: bed.plane.api("POST", f"{bed.objects}?dryRun=All", probe)[0] == 403, "the quota to be known")
    yield
    bed.plane.api("DELETE", f"{path}/some")


def test_a_quota_that_they_use_up_themselves_is_not_held_against_them(bed: Bed) -> None:
    with quota(bed, hard=4, used=4):
        report = bed.rehearse(code=3)
    assert counts(report) == {"not proved": 4}
    assert "used up, by itself too" in why(report)


def test_a_quota_that_lets_none_come_back(bed: Bed) -> None:
    bed.destroy()
    with quota(bed, hard=0, used=0):
        report = bed.rehearse(code=4)
    assert counts(report) == {"refused": 4}
    assert "exceeded quota" in why(report)


def test_a_namespace_that_is_not_there(bed: Bed, plane: ControlPlane) -> None:
    report = bed.rehearse("--map-namespace", f"{bed.namespace}=nowhere", code=3)
    assert counts(report) == {"not proved": 4}
    assert "namespace nowhere does not exist" in why(report)
    other = f"{bed.namespace}-other"
    loader.create_namespace(plane, other)
    try:
        report = bed.rehearse("--map-namespace", f"{bed.namespace}={other}")
        assert {each["namespace"] for each in report["items"]} == {other}
    finally:
        loader.delete_namespace(plane, other, wait=False)


def test_what_others_saved_restores_as_far_as_anybody_can_tell(bed: Bed) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": bed.live()}
    (bed.cli.directory / "all.json").write_text(json.dumps(listed))
    done = bed.cli.run("rehearse", "./all.json", "-o", "json")
    report = json.loads(done.stdout)
    assert (done.returncode, counts(report), report["recoverySeconds"]) == (3, {"proved": 4}, None)
    assert report["notProved"] == ["there are no sums: nobody can tell whether it is as it was written"]


def test_spark_sessions_are_left_out_as_by_restore(bed: Bed) -> None:
    loader.create_many(bed.plane, samples.samples(bed.crd.api_version, bed.crd.kind, bed.namespace)[:2])
    bed.cli.ok("backup", "-n", bed.namespace, "--type", "spark_app", "--name", "sessions")
    done = bed.cli.run("rehearse", "sessions", "-o", "json")
    assert (done.returncode, counts(json.loads(done.stdout))) == (0, {"skipped": 2})
