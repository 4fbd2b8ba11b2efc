"""A 2xx with JSON that is not the object: of a read it is no answer, of a write it is not known whether it was done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import ALWAYS, Act, Answer, FaultProxy
from tests.builders.sparked import MERGE_PATCH, counts, live, start
from tests.conftest import Cli, Crd

NO_OBJECTS: dict[str, Any] = {
    "a portal's": {"ok": True},
    "nothing": {},
    "null": {"metadata": None},
    "of another": {"kind": "LRS", "metadata": {"name": "another", "uid": "1", "resourceVersion": "1"}},
}


def _answer(case: str, status: int = 200) -> Act:
    return Act(forward=False, answer=Answer(status=status, body=json.dumps(NO_OBJECTS[case]).encode()))


@pytest.mark.parametrize("case", NO_OBJECTS)
@pytest.mark.parametrize("policy", ["skip", "update", "replace", "recreate"])
def test_what_cannot_be_looked_at_is_not_written(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, case: str, policy: str
) -> None:
    made = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    names = [each["metadata"]["name"] for each in made]
    loader.create_many(plane, made)
    through.ok("backup", "-n", namespace, "--name", "saved")
    base = loader.objects_path(crd.api_version, namespace)
    assert plane.api("PATCH", f"{base}/{names[0]}", {"spec": {"image": "other"}}, content_type=MERGE_PATCH)[0] == 200
    assert plane.api("DELETE", f"{base}/{names[1]}")[0] == 200
    before = loader.live(plane, crd.api_version, namespace)
    proxy.when("GET", f"/lrs/{names[0]}", _answer(case), nth=ALWAYS)
    done = through.run("restore", "saved", "--existing", policy, "--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "what answered is not a Kubernetes API server" in done.stderr
    assert loader.live(plane, crd.api_version, namespace) == before


@pytest.mark.parametrize("case", NO_OBJECTS)
def test_what_was_not_made_is_not_created(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, case: str
) -> None:
    """And keeps the other one from nothing."""
    made = samples.samples(crd.api_version, crd.kind, namespace)[4:6]
    names = [each["metadata"]["name"] for each in made]
    loader.create_many(plane, made)
    through.ok("backup", "-n", namespace, "--name", "saved")
    loader.clear(plane, namespace=namespace)
    proxy.when("POST", r"/lrs\?(?!.*dryRun)", _answer(case, 201), nth=ALWAYS, names=names[0])
    done = through.run("restore", "saved", "-o", "json")
    assert [each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)] == names[1:]
    assert done.returncode == 3, done.stderr
    assert {each["name"]: each["result"] for each in json.loads(done.stdout)["outcomes"]} == {
        names[0]: "failed",
        names[1]: "created",
    }
    proxy.behave()
    through.ok("restore", "saved")


@pytest.mark.parametrize("case", NO_OBJECTS)
def test_clean_spark(plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, case: str) -> None:
    start(plane, crd, namespace, 2)
    proxy.when("DELETE", "/lrs/spark-000", _answer(case), nth=ALWAYS)
    done = through.run("clean-spark", "-n", namespace, "--yes", "--timeout", "2s")
    assert set(live(plane, crd, namespace)) == {"spark-000"}
    assert done.returncode == 3
    assert counts(done.stdout) in ({"deleted": 1, "failed": 1}, {"deleted": 1, "stuck": 1})
