"""A whole restore through a server, a network or a load balancer that fails: it ends right, and does nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import (
    ALWAYS,
    BAD_GATEWAY,
    CLOSE_AFTERWARDS,
    CUT_AFTER,
    CUT_BEFORE,
    CUT_BODY,
    RESET_AFTER,
    RESET_BEFORE,
    Act,
    call,
    done_but,
    html,
    refuse,
)
from tests.builders.ground import EACH, ONE, POST, Ground, changed, counts, originals, undone
from tests.conftest import Crd

TOTAL = 2 * EACH

PASSING: dict[str, Act] = {
    "500": refuse(500, reason="InternalError"),
    "502 of a load balancer": BAD_GATEWAY,
    "503": refuse(503),
    "504": refuse(504, reason="Timeout"),
    "done, but 500": done_but(500),
    "done, but 502 of a load balancer": Act(answer=html(502)),
    "done, but 503": done_but(503),
    "done, but 504": done_but(504),
    "cut before": CUT_BEFORE,
    "cut after": CUT_AFTER,
    "reset before": RESET_BEFORE,
    "reset after": RESET_AFTER,
    "cut in the body": CUT_BODY,
    "closed afterwards": CLOSE_AFTERWARDS,
    "slow": Act(delay=0.1),
    "dripping": Act(rate=20_000),
}
"""What may happen to the first write of every object without anything being left undone."""


@pytest.fixture
def ground(plane: ControlPlane, crd: Crd, tmp_path: Path) -> Iterator[Ground]:
    with Ground.prepared(plane, crd, tmp_path) as prepared:
        yield prepared


# ---- each fault, each verb of HTTP


@pytest.mark.parametrize("fault", PASSING)
def test_create(ground: Ground, fault: str) -> None:
    ground.proxy.when("POST", POST, PASSING[fault], each=True)
    done = ground.restore()
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    ground.assert_made_once()
    assert sum(counts(done.stdout).values()) == TOTAL


@pytest.mark.parametrize("fault", ["502 of a load balancer", "504", "cut after", "reset before"])
@pytest.mark.parametrize("asked", ["dryRun", "selfsubjectaccessreviews"])
def test_what_changes_nothing_is_asked_again(ground: Ground, asked: str, fault: str) -> None:
    """Before the first write: though it is a POST, what was lost of it ends nothing, and says nothing of the objects."""
    ground.proxy.when("POST", asked, PASSING[fault])
    done = ground.restore()
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "refuse" not in done.stderr
    assert len([each for each in ground.proxy.log if each.method == "POST" and asked in each.url]) > 1
    ground.assert_whole()
    ground.assert_made_once()


def _each_its_own(ground: Ground, method: str, pattern: str) -> None:
    """Every object meets another fault, in turn."""
    for number in range(EACH):
        act = list(PASSING.values())[number % len(PASSING)]
        ground.proxy.when(method, pattern, act, each=True, names=f"^lrs-{number:06d}-")


@pytest.mark.parametrize("policy", ["update", "replace"])
def test_change(ground: Ground, policy: str) -> None:
    ground.fill(different=True)
    uids = {key: each["metadata"]["uid"] for key, each in ground.live().items()}
    method = {"update": "PATCH", "replace": "PUT"}[policy]
    _each_its_own(ground, method, ONE)
    done = ground.restore("--existing", policy)
    assert done.returncode == 0, (done.stdout, done.stderr)
    live = ground.live()
    assert {key: each["metadata"]["uid"] for key, each in live.items()} == uids
    assert {each["metadata"]["generation"] for each in live.values()} == {2}, "written once, and once only"
    assert ground.proxy.done(method) == Counter(dict.fromkeys(ground.wanted, 1))
    assert {each.method for each in ground.proxy.writes} == {method}
    if policy == "replace":
        ground.assert_whole()
    else:
        assert {each["metadata"]["annotations"].pop("example.com/only-live") for each in live.values()} == {"yes"}
        assert {key: each["spec"] for key, each in live.items()} == {key: each["spec"] for key, each in ground.wanted.items()}


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_recreate(ground: Ground, method: str) -> None:
    ground.fill(different=True)
    uids = {each["metadata"]["uid"] for each in ground.live().values()}
    _each_its_own(ground, method, ONE if method == "DELETE" else POST)
    done = ground.restore("--existing", "recreate")
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    assert not uids & {each["metadata"]["uid"] for each in ground.live().values()}
    for each in ("POST", "DELETE"):
        assert ground.proxy.done(each) == Counter(dict.fromkeys(ground.wanted, 1))
    assert ground.journals() == []


# ---- busy servers


def test_retry_after_is_honoured(ground: Ground) -> None:
    ground.proxy.when("POST", POST, refuse(429, reason="TooManyRequests", retry_after="1"), nth=range(1, 9))
    done = ground.restore()
    assert done.returncode == 0, (done.stdout, done.stderr)
    ground.assert_whole()
    ground.assert_made_once()
    sent: dict[tuple[str, str], list[float]] = {}
    for each in ground.proxy.writes:
        sent.setdefault(each.key, []).append(each.began)
    pauses = [times[1] - times[0] for times in sent.values() if len(times) == 2]
    assert len(pauses) == 8
    assert min(pauses) >= 1.0, "sent again before the server's time"
    assert max(pauses) < 3.0


def test_server_that_stays_busy(ground: Ground) -> None:
    """One object that is refused for ever; the others are written, and that one is named."""
    unlucky = sorted(ground.wanted)[7]
    ground.proxy.when("POST", POST, refuse(429, reason="TooManyRequests"), nth=ALWAYS, names=f"^{unlucky[1]}$")
    done = ground.restore("-n", unlucky[0])
    assert done.returncode == 3
    assert undone(done.stdout) == {unlucky}
    assert counts(done.stdout) == {"created": EACH - 1, "failed": 1}
    ground.proxy.behave()
    assert counts(ground.restore().stdout) == {"created": EACH + 1, "unchanged": EACH - 1}
    ground.assert_whole()


@pytest.mark.parametrize("workers", [1, 3])
def test_never_more_at_once_than_asked_for(ground: Ground, workers: int) -> None:
    ground.proxy.when("POST", POST, Act(delay=0.05), nth=ALWAYS)
    assert ground.restore("--parallel", workers).returncode == 0
    assert ground.proxy.most_at_once() == workers
    ground.assert_whole()


def test_faults_of_the_network_do_not_raise_the_bound(ground: Ground) -> None:
    ground.proxy.when("POST", POST, CUT_AFTER, each=True)
    ground.proxy.when("POST", POST, Act(delay=0.05), nth=ALWAYS)
    assert ground.restore("--parallel", 4).returncode == 0
    assert ground.proxy.most_at_once() <= 4


# ---- conflicts


def test_refused_as_a_conflict_that_is_none(ground: Ground) -> None:
    """A quota answers 409 too; the object is not there, so it is sent again."""
    ground.proxy.when("POST", POST, refuse(409, reason="Conflict"), each=True)
    assert ground.restore().returncode == 0
    ground.assert_whole()
    ground.assert_made_once()


@pytest.mark.parametrize("policy", ["update", "replace", "recreate"])
def test_conflict_of_a_change_that_is_none(ground: Ground, policy: str) -> None:
    ground.fill(different=True)
    method = {"update": "PATCH", "replace": "PUT", "recreate": "POST"}[policy]
    ground.proxy.when(method, "/lrs", refuse(409, reason="Conflict"), each=True)
    done = ground.restore("--existing", policy)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert ground.proxy.done(method) == Counter(dict.fromkeys(ground.wanted, 1))


@pytest.mark.parametrize("equal", [True, False])
def test_made_by_somebody_else_meanwhile(ground: Ground, equal: bool) -> None:
    """Between the plan and the write; what is not ours is left as it is."""
    theirs = originals(ground.crd)[5] if equal else changed(originals(ground.crd)[5])
    key = (theirs["metadata"]["namespace"], theirs["metadata"]["name"])
    ground.proxy.when("POST", POST, call(lambda: loader.create_many(ground.plane, [theirs])))
    done = ground.restore("--parallel", 1)
    live = ground.live()
    assert done.returncode == (0 if equal else 3), (done.stdout, done.stderr)
    assert undone(done.stdout) == (set() if equal else {key})
    assert live[key]["metadata"]["generation"] == 1
    assert live[key]["spec"]["image"] == theirs["spec"]["image"]
    assert key not in ground.proxy.done("POST")
    assert "made meanwhile by somebody else" in done.stdout
    assert live.keys() == ground.wanted.keys()


@pytest.mark.parametrize("policy", ["update", "replace", "recreate"])
def test_changed_by_somebody_else_meanwhile(ground: Ground, policy: str) -> None:
    ground.fill(different=True)
    key = sorted(ground.wanted)[30]

    def theirs() -> None:
        if policy == "recreate":
            old = ground.live()[key]["metadata"]["uid"]
            ground.plane.api("DELETE", ground.path(key))
            loader.wait_until(lambda: key not in ground.live(), "it to be gone")
            loader.create_many(ground.plane, [changed(each) for each in originals(ground.crd) if _key(each) == key])
            assert ground.live()[key]["metadata"]["uid"] != old
        else:
            ground.plane.api("PATCH", ground.path(key), {"spec": {"replicas": 77}}, content_type="application/merge-patch+json")

    method = {"update": "PATCH", "replace": "PUT", "recreate": "DELETE"}[policy]
    ground.proxy.when(method, ONE, call(theirs), names=f"^{key[1]}$", nth={2})  # the second namespace's comes second
    done = ground.restore("--existing", policy, "--parallel", 1)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert undone(done.stdout) == {key}
    assert ground.live()[key]["spec"]["image"] == "registry.example.com/other"
    assert ground.proxy.done(method)[key] == 0
    assert len(ground.proxy.done(method)) == TOTAL - 1
    assert ground.journals() == []


def _key(manifest: dict[str, dict[str, str]]) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def test_replaced_means_that_nothing_else_is_left(ground: Ground) -> None:
    """The write is lost, and an operator touches the object; it has all that was saved, and one field more."""
    originals_here = originals(ground.crd)
    extra = [{**each, "spec": {**each["spec"], "note": "only live"}} for each in originals_here]
    loader.create_many(ground.plane, extra)
    key = _key(originals_here[0])

    def touch() -> None:
        annotation = {"metadata": {"annotations": {"example.com/touched": "yes"}}}
        ground.plane.api("PATCH", ground.path(key), annotation, content_type="application/merge-patch+json")

    ground.proxy.when("PUT", ONE, Act(before=touch, forward=False, answer=html(502)), names=f"^{key[1]}$")
    done = ground.restore("--existing", "replace", "-n", key[0])
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert undone(done.stdout) == {key}
    assert ground.live()[key]["spec"]["note"] == "only live"
