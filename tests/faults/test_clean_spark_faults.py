"""`clean-spark` of hundreds of sessions, and before a server, a network and other people that make trouble."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.lrs.connect import served
from kubectl_lrs.stores.spark.apply import ApplyOptions
from kubectl_lrs.usecases.clean_spark import SessionSelection, clean, plan_cleaning
from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import (
    ALWAYS,
    BAD_GATEWAY,
    CUT_AFTER,
    Act,
    Answer,
    Exchange,
    FaultProxy,
    done_but,
    refuse,
)
from tests.builders.sparked import MERGE_PATCH, counts, let_go, live, path, rows, start
from tests.builders.time_is_up import TimeIsUp
from tests.conftest import Cli, Crd

MANY = 300
HOLD = ["example.com/hold"]


def test_hundreds_at_once_each_by_its_uid(plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli) -> None:
    start(plane, crd, namespace, MANY)
    made = {each["metadata"]["name"]: each["metadata"] for each in loader.live(plane, crd.api_version, namespace)}
    assert counts(through.ok("clean-spark", "-n", namespace, "--yes")) == {"deleted": MANY}
    assert live(plane, crd, namespace) == {}
    deletions = [each for each in proxy.log if each.method == "DELETE"]
    assert Counter(each.key for each in deletions) == Counter((namespace, name) for name in made)
    for each in deletions:
        very = {name: made[each.key[1]][name] for name in ("uid", "resourceVersion")}
        wanted = {"preconditions": very, "propagationPolicy": "Background"}
        assert json.loads(each.body) == wanted
    assert not [each for each in proxy.log if each.method == "GET" and each.key[1]], "no session is asked for by itself"
    assert 4 <= proxy.most_at_once("DELETE") <= 16


def test_one_that_loses_its_label_while_it_goes_is_not_gone(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, tmp_path: Path
) -> None:
    """Whoever lets sessions go may take the label off first; by uid it is there until it is gone."""
    names = start(plane, crd, namespace, 2, finalizers=HOLD)
    unlabel = {"metadata": {"labels": {"datarobot-lrs-type": None}}}

    def lose() -> None:
        plane.api("PATCH", path(crd, namespace, names[0]), unlabel, content_type=MERGE_PATCH)
        let_go(plane, crd, namespace, names[1])

    proxy.when("GET", "resourceVersionMatch", Act(before=lose))

    def looks_without_it() -> int:
        return len([each for each in list(proxy.log) if each.path.endswith("/lrs") and "labelSelector" not in each.query])

    arguments = ("clean-spark", "-n", namespace, "--yes")
    done = TimeIsUp(tmp_path).run(through, *arguments, when=lambda: looks_without_it() >= 3)
    assert set(live(plane, crd, namespace)) == {names[0]}
    assert (done.returncode, counts(done.stdout)) == (3, {"deleted": 1, "stuck": 1})
    assert "held by example.com/hold" in done.stdout
    let_go(plane, crd, namespace, names[0])


def test_parallel_is_a_bound(plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli) -> None:
    start(plane, crd, namespace, 12)
    proxy.when("DELETE", "/lrs/", Act(delay=0.02), nth=ALWAYS)
    through.ok("clean-spark", "-n", namespace, "--yes", "--parallel", "3")
    assert proxy.most_at_once("DELETE") == 3


def test_those_that_are_held_are_looked_at_together(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, tmp_path: Path
) -> None:
    """By a LIST that the server answers from memory, never one by one; the last look is as of that moment."""
    start(plane, crd, namespace, 30, finalizers=HOLD)

    def looks() -> list[Exchange]:
        gets = [each for each in proxy.log if each.method == "GET" and each.path.endswith("/lrs")]
        return [each for each in gets if "continue" not in each.query]

    done = TimeIsUp(tmp_path).run(through, "clean-spark", "-n", namespace, "--yes", when=lambda: len(looks()) >= 3)
    assert done.returncode == 3
    assert counts(done.stdout) == {"stuck": 30}
    assert 3 <= len(looks()) < 30
    assert all("resourceVersionMatch" in each.query for each in looks()[1:-1])
    assert "resourceVersionMatch" not in looks()[-1].query


PASSING: dict[str, Act] = {
    "429": refuse(429, retry_after="1"),
    "503": refuse(503),
    "502": BAD_GATEWAY,
    "done but 504": done_but(504),
    "done but unanswered": CUT_AFTER,
    "409": refuse(409),
    "409 and done": done_but(409),
}


@pytest.mark.parametrize("trouble", PASSING)
def test_trouble_that_passes(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, trouble: str
) -> None:
    start(plane, crd, namespace, 6)
    proxy.when("DELETE", "/lrs/", PASSING[trouble], each=True)
    proxy.when("GET", r"/lrs\?", refuse(429, retry_after="1"))
    done = through.run("clean-spark", "-n", namespace, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert counts(done.stdout) == {"deleted": 6}
    assert live(plane, crd, namespace) == {}


@pytest.mark.parametrize(("code", "said"), [(409, "the proxy answers 409"), (403, "the proxy answers 403"), (500, "answers 500")])
def test_one_that_cannot_be_deleted_stops_no_other(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli, code: int, said: str
) -> None:
    start(plane, crd, namespace, 5)
    proxy.when("DELETE", "/spark-002$", refuse(code), nth=ALWAYS)
    done = through.run("clean-spark", "-n", namespace, "--yes")
    assert done.returncode == 3, done.stderr
    assert counts(done.stdout) == {"deleted": 4, "failed": 1}
    assert said in " ".join(rows(done.stdout)[2])
    assert live(plane, crd, namespace).keys() == {"spark-002"}


def test_a_request_timeout_costs_no_request(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli
) -> None:
    """An answer that was read under a limit leaves its connection usable."""
    asked = []
    for flags in ((), ("--request-timeout", "30s")):
        start(plane, crd, namespace, 3)
        proxy.behave()
        through.ok("clean-spark", "-n", namespace, "--yes", "--parallel", "1", *flags)
        asked.append([(each.method, each.path) for each in proxy.log])
    assert asked[0] == asked[1]


def test_server_that_goes_away(plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli) -> None:
    start(plane, crd, namespace, 40)
    proxy.when("DELETE", "/lrs/", Act(after=proxy.go_away), nth=(3,))
    done = through.run("clean-spark", "-n", namespace, "--yes", "--request-timeout", "2s", "--parallel", "2")
    assert done.returncode == 3, done.stderr
    found = counts(done.stdout)
    assert found["deleted"] >= 1
    assert found["not tried"] > 20, "the rest need not each find out"
    assert sum(found.values()) == 40
    assert "Traceback" not in done.stderr


def test_server_that_goes_away_while_it_is_waited(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli
) -> None:
    start(plane, crd, namespace, 2, finalizers=HOLD)
    proxy.when("GET", "resourceVersionMatch", Act(before=proxy.go_away))
    done = through.run("clean-spark", "-n", namespace, "--yes", "--request-timeout", "1s")
    assert done.returncode == 5, done.stdout + done.stderr
    assert counts(done.stdout) == {"failed": 2}
    assert "whether it is gone could not be seen" in done.stdout


def test_a_snapshot_that_expires(plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli) -> None:
    start(plane, crd, namespace, 30)
    proxy.when("GET", "continue=", refuse(410, reason="Expired"))
    assert counts(through.ok("clean-spark", "-n", namespace, "--yes")) == {"deleted": 30}
    start(plane, crd, namespace, 30)
    proxy.behave()
    proxy.when("GET", "continue=", refuse(410, reason="Expired"), nth=ALWAYS)
    done = through.run("clean-spark", "-n", namespace, "--yes")
    assert done.returncode == 5
    assert "gave up its snapshot 3 times" in done.stderr
    assert len(live(plane, crd, namespace)) == 30


def test_age_is_by_the_clock_of_the_server(
    plane: ControlPlane, crd: Crd, namespace: str, proxy: FaultProxy, through: Cli
) -> None:
    """The server says that it is two hours later than it is, and that one session began days ago."""
    start(plane, crd, namespace, 3)
    path = loader.objects_path(crd.api_version, namespace)
    document: dict[str, Any] = plane.api("GET", path)[1]
    for item, day in zip(document["items"], ("01", "03", "03"), strict=True):
        item["metadata"]["creationTimestamp"] = f"2031-05-{day}T10:00:00Z"
    headers = {"Content-Type": "application/json", "Date": "Sat, 03 May 2031 12:00:00 GMT"}
    answer = Act(forward=False, answer=Answer(status=200, body=json.dumps(document).encode(), headers=headers))
    proxy.when("GET", r"/lrs\?", answer, nth=ALWAYS)
    call = ("clean-spark", "-n", namespace)
    shown = rows(through.ok(*call, "--dry-run=client"))
    assert [row[2] for row in shown] == ["2d2h", "120m", "120m"]
    for older, names in (("1d", ["spark-000"]), ("119m", ["spark-000", "spark-001", "spark-002"]), ("3d", [])):
        out = through.ok(*call, "--older-than", older, "--dry-run=client", "-o", "name")
        assert out.split() == [f"{namespace}/{name}" for name in names]
    none = through.run(*call, "--older-than", "3d")
    assert none.returncode == 0
    assert f"nothing to clean: no Spark session older than 3d in namespace {namespace}, 3 younger" in none.stdout
    done = through.run(*call, "--older-than", "1d", "--yes")
    assert done.returncode == 0, done.stderr
    assert live(plane, crd, namespace).keys() == {"spark-001", "spark-002"}


# ---- what decides is what was looked at


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        ({"metadata": {"annotations": {"note": "x"}}}, "deleted"),
        ({"metadata": {"labels": {"team": "blue", "more": "x"}}}, "deleted"),
        ({"metadata": {"labels": {"datarobot-lrs-type": "deployment"}}}, "failed"),
        ({"metadata": {"labels": {"team": "red"}}}, "failed"),
        ({"metadata": {"labels": {"team": None}}}, "failed"),
    ],
)
def test_one_that_changes_before_it_is_deleted(
    plane: ControlPlane, crd: Crd, namespace: str, patch: dict[str, Any], result: str
) -> None:
    """While the question is shown: what is still one of those that were chosen goes, anything else is left alone."""
    labels = {"datarobot-lrs-type": "spark_app", "team": "blue"}
    names = start(plane, crd, namespace, 3, labels=labels)
    kube = KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))
    selection = SessionSelection(namespace=namespace, selector="team=blue")
    plan = plan_cleaning(kube, served(kube, ""), selection, Silent())
    assert plane.api("PATCH", path(crd, namespace, names[1]), patch, content_type=MERGE_PATCH)[0] == 200
    options = ApplyOptions(workers=2, timeout=60)
    report = clean(plan, options, kube=kube, resource=served(kube, ""), progress=Silent(), stop=kube.stop)
    assert {each.session.name: each.result.value for each in report.outcomes} == {
        names[0]: "deleted",
        names[1]: result,
        names[2]: "deleted",
    }
    assert set(live(plane, crd, namespace)) == ({names[1]} if result == "failed" else set())
    assert report.exit_code() == (3 if result == "failed" else 0)
    if result == "failed":
        assert "no longer one of those that were chosen" in report.outcomes[1].message


def test_one_that_is_held_by_a_finalizer_and_changes(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """Its deletion changes it too, which is no conflict."""
    names = start(plane, crd, namespace, 1, finalizers=HOLD)
    kube = KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))
    plan = plan_cleaning(kube, served(kube, ""), SessionSelection(namespace=namespace), Silent())
    assert plane.api("DELETE", path(crd, namespace, names[0]))[0] == 200
    options = ApplyOptions(workers=1, timeout=60, wait=False)
    report = clean(plan, options, kube=kube, resource=served(kube, ""), progress=Silent(), stop=kube.stop)
    assert [each.result.value for each in report.outcomes] == ["deleting"]
    loader.release(plane, namespace=namespace)
