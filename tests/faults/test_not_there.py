"""A 404 means that an object is not there only where the API server says so of that very object.

A load balancer, a path that is no longer served and an admission webhook answer 404 too: then it cannot be told.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import ALWAYS, Act, Answer, FaultProxy, html, status_answer
from tests.bed.webhook import Webhook
from tests.builders.sparked import counts, live, start
from tests.conftest import Cli, Crd

NOT_SERVED = Answer(status=404, body=b"404 page not found\n", headers={"Content-Type": "text/plain; charset=utf-8"})
FOREIGN: dict[str, Answer] = {
    "a load balancer": html(404),
    "a version that is no longer served": NOT_SERVED,
    "nothing": Answer(status=404, body=b"", headers={}),
    "JSON of something else": Answer(status=404, body=b'{"message": "no Route matched with those values"}'),
    "a Status that names nothing": status_answer(404),
}
BY_WEBHOOKS: dict[str, dict[str, Any]] = {
    "404": {"code": 404},
    "404 NotFound": {"code": 404, "reason": "NotFound"},
    "404 NotFound of something else": {"code": 404, "reason": "NotFound", "details": {"name": "policy", "kind": "policies"}},
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_session_whose_deletion_is_not_understood_is_not_deleted(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, foreign: str
) -> None:
    start(plane, crd, namespace, 2)
    proxy.when("DELETE", "/lrs/spark-000", Act(forward=False, answer=FOREIGN[foreign]), nth=ALWAYS)
    done = through.run("clean-spark", "-n", namespace, "--yes")
    assert set(live(plane, crd, namespace)) == {"spark-000"}
    assert (done.returncode, counts(done.stdout)) == (3, {"deleted": 1, "failed": 1})


def test_a_load_balancer_without_its_server_for_a_moment(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli
) -> None:
    start(plane, crd, namespace, 2)
    proxy.when("DELETE", "/lrs/", Act(forward=False, answer=html(404)), each=True)
    assert counts(through.ok("clean-spark", "-n", namespace, "--yes")) == {"deleted": 2}
    assert live(plane, crd, namespace) == {}


@pytest.mark.parametrize("refusal", BY_WEBHOOKS)
def test_a_session_that_a_webhook_keeps_is_not_deleted(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, refusal: str
) -> None:
    start(plane, crd, namespace, 2)

    def judge(request: dict[str, Any]) -> str:
        return "its policy was not found" if request["name"] == "spark-000" else ""

    with Webhook(plane, namespace, judge, operations=("DELETE",), refusal=BY_WEBHOOKS[refusal]):
        tried = cli.run("clean-spark", "-n", namespace, "--dry-run=server")
        done = cli.run("clean-spark", "-n", namespace, "--yes")
        assert set(live(plane, crd, namespace)) == {"spark-000"}
    assert (done.returncode, counts(done.stdout)) == (3, {"deleted": 1, "failed": 1})
    assert "its policy was not found" in done.stdout
    assert (tried.returncode, counts(tried.stdout)) == (3, {"would be deleted": 1, "failed": 1})


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("asked", [r"/api/v1$", "/configmaps/owner"])
def test_an_owner_of_which_nothing_is_told_is_not_dropped(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, asked: str, foreign: str
) -> None:
    """Its LRS is not written without it."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    made = plane.api("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "owner"}})[1]
    owned, other = samples.samples(crd.api_version, crd.kind, namespace)[5:7]
    owned["metadata"]["ownerReferences"] = [{**owner, "uid": made["metadata"]["uid"]}]
    loader.create_many(plane, [owned, other])
    through.ok("backup", "-n", namespace, "--name", "saved")
    loader.clear(plane, namespace=namespace)
    proxy.when("GET", asked, Act(forward=False, answer=FOREIGN[foreign]), nth=ALWAYS)
    done = through.run("restore", "saved", "-o", "json")
    there = {each["metadata"]["name"]: each["metadata"] for each in loader.live(plane, crd.api_version, namespace)}
    if asked == r"/api/v1$" and foreign in ("a version that is no longer served", "a Status that names nothing"):
        assert done.returncode == 0, "the API server's own words for a kind that it does not have"
        return
    assert set(there) == {other["metadata"]["name"]}, json.loads(done.stdout)["outcomes"]
    assert done.returncode == 3
    proxy.behave()
    through.ok("restore", "saved")
    again = {each["metadata"]["name"]: each["metadata"] for each in loader.live(plane, crd.api_version, namespace)}
    assert again[owned["metadata"]["name"]]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
