"""What Jobs and their pods tell of a run; how its log goes on; what is wrong with nights."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.errors import ExitCode, LrsError, NotFoundError, UnreachableError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.render.schedule import schedule_status_view
from kubectl_lrs.repository import Repository
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.usecases.nightly import Own
from kubectl_lrs.usecases.scheduling import running
from kubectl_lrs.usecases.scheduling.runs import RunState, newest_of, run_of, waiting
from kubectl_lrs.usecases.scheduling.status import Status, look

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def job(
    name: str = "j", *, end: str = "", part: str = "backup", at: str = "2026-11-27T01:17:00Z", why: str = ""
) -> dict[str, Any]:
    """A Job; `end`: `Complete` or `Failed`."""
    conditions = [{"type": end, "status": "True", "lastTransitionTime": at, "message": why}] if end else []
    metadata = {"name": name, "namespace": "dr", "creationTimestamp": at, "labels": {"app.kubernetes.io/component": part}}
    return {"metadata": metadata, "status": {"conditions": conditions, "startTime": at}}


def pod(name: str, state: dict[str, Any], *, at: str = "2026-11-27T01:17:01Z", of: str = "j") -> dict[str, Any]:
    """A pod of a Job."""
    metadata = {"name": name, "namespace": "dr", "uid": name, "creationTimestamp": at}
    labels = {"batch.kubernetes.io/job-name": of}
    return {"metadata": metadata | {"labels": labels}, "status": {"containerStatuses": [{"name": "lrs", "state": state}]}}


def ended(code: int, message: str = "") -> dict[str, Any]:
    """Of a container."""
    return {"terminated": {"exitCode": code, "message": message}}


def test_the_last_pod_tells() -> None:
    pods = [pod("b", ended(5, "second"), at="2026-11-27T02:00:00Z"), pod("a", ended(1, "first")), pod("c", ended(0), of="other")]
    found = run_of(job(end="Failed", why="BackoffLimitExceeded"), pods, NOW)
    assert (found.state, found.status, found.message) == (RunState.FAILED, 5, "second")
    assert running.status_of(found) is ExitCode.UNREACHABLE
    untold = run_of(job(end="Failed", why="DeadlineExceeded"), [], NOW)
    assert (untold.status, untold.message, running.status_of(untold)) == (None, "DeadlineExceeded", ExitCode.FAILED)
    killed = run_of(job(end="Failed"), [pod("a", ended(137))], NOW)
    assert running.status_of(killed) is ExitCode.FAILED, "137 is none of ours"
    assert running.status_of(run_of(job(end="Complete"), [pod("a", ended(0))], NOW)) is ExitCode.DONE
    assert run_of(job(), [], NOW).state is RunState.RUNNING


LATER = datetime(2026, 11, 27, 1, 27, 30, tzinfo=timezone.utc)
MADE_READY = "its pod is made ready since 2026-11-27 01:17 UTC: kubectl describe pod a tells for what it waits"
NO_POD = "no pod of it was made since 2026-11-27 01:17 UTC: kubectl describe job j tells why, as a quota or an admission"


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([], NO_POD),
        ([pod("a", {"waiting": {"reason": "ContainerCreating"}})], MADE_READY),
        ([pod("a", {})], MADE_READY),
        ([pod("a", {}) | {"status": {"phase": "Failed", "reason": "Evicted"}}], NO_POD),
        ([pod("a", {"running": {}})], ""),
        ([pod("a", {"waiting": {"reason": "ErrImagePull", "message": "none"}})], "ErrImagePull: none"),
        ([pod("a", {"terminated": {"exitCode": 1, "finishedAt": "2026-11-27T01:17:20Z"}})], NO_POD),
        ([pod("a", {"terminated": {"exitCode": 1, "finishedAt": "2026-11-27T01:20:00Z"}})], ""),
    ],
)
def test_one_that_does_not_begin_and_nobody_says_why(pods: list[Any], said: str) -> None:
    """No quota for a pod, an admission that refuses it, a Secret of a volume that is not there: the Job goes on for a day."""
    assert run_of(job(), pods, LATER).waits == said
    young = run_of(job(), pods, LATER - timedelta(minutes=9)).waits
    assert young == (said if said.startswith("Err") else ""), "every pod takes a moment"
    assert run_of(job(end="Failed"), pods, LATER).waits == ""


def test_a_run_is_not_begun_beside_one_that_is_not_over() -> None:
    def kube(*jobs: dict[str, Any]) -> KubeClient:
        found = {"jobs": list(jobs), "cronjobs": [{"kind": "CronJob"}]}
        fake = SimpleNamespace(
            connection=SimpleNamespace(namespace="dr"), items=lambda resource, _namespace, **_selector: found[resource.plural]
        )
        return cast("KubeClient", fake)

    over = (job("one", end="Complete"), job("two", end="Failed"))
    assert running.cron_job_of(kube(*over), "lrs", "backup") == {"kind": "CronJob"}
    with pytest.raises(LrsError, match="a run of backup is not over: three"):
        running.cron_job_of(kube(*over, job("three")), "lrs", "backup")


PARTIAL = "nightly run: exit status 3: 3 done, 1 partial; backup b (partial); backup: 1 thing missing"


def test_what_was_done_in_part_is_told_by_a_pod_that_ended_with_0() -> None:
    found = run_of(job(end="Complete"), [pod("a", ended(0, PARTIAL))], NOW)
    assert (found.state, found.status, running.status_of(found)) == (RunState.SUCCEEDED, 3, ExitCode.PARTIAL)
    good = run_of(job(end="Complete"), [pod("a", ended(0, PARTIAL.replace("status 3", "status 0")))], NOW)
    assert (good.status, running.status_of(good)) == (0, ExitCode.DONE)
    killed = run_of(job(end="Failed"), [pod("a", ended(137, PARTIAL))], NOW)
    assert (killed.status, running.status_of(killed)) == (137, ExitCode.FAILED)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"waiting": {"reason": "ContainerCreating"}}, ""),
        ({"waiting": {"reason": "ErrImagePull", "message": "no such image"}}, "ErrImagePull: no such image"),
        ({"running": {}}, ""),
        ({}, ""),
    ],
)
def test_why_a_pod_does_not_begin(state: dict[str, Any], said: str) -> None:
    assert waiting(pod("a", state)) == said


def test_a_pod_that_no_node_takes() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    assert waiting({"metadata": {}, "status": {"conditions": [unscheduled]}}) == "Unschedulable: 0/3 nodes"


def test_the_newest_of_a_part() -> None:
    jobs = [job("old", at="2026-11-25T00:00:00Z"), job("new"), job("other", part="prune", at="2026-11-28T00:00:00Z")]
    found = newest_of(jobs, "backup", "app.kubernetes.io/component")
    assert found
    assert found["metadata"]["name"] == "new"


def test_each_line_of_a_log_once() -> None:
    log = running._Log()
    first = "T1 a\nT1 b\nT2 c\nT2 un"
    assert list(log.new(first, is_over=False)) == ["a", "b", "c"]
    assert log.since == "T2"
    assert list(log.new("T2 c\nT2 unfinished\nT2 c\n", is_over=False)) == ["unfinished", "c"]
    assert list(log.new("T2 c\nT2 unfinished\nT2 c\nT3 last", is_over=True)) == ["last"]


class Kube:
    """What is asked of the cluster, and what it answers one after the other."""

    def __init__(self, jobs: list[Any], pods: list[Any], logs: list[Any]) -> None:
        self._jobs, self._pods, self._logs = iter(jobs), iter(pods), iter(logs)
        self.connection = SimpleNamespace(namespace="dr")

    @staticmethod
    def _next(answers: Iterator[Any]) -> Any:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    def now(self) -> datetime:
        """Noon."""
        return NOW

    def get(self, *_: object) -> Any:
        return self._next(self._jobs)

    def items(self, *_: object, **__: object) -> Any:
        return self._next(self._pods)

    def log(self, *_: object, **__: object) -> Any:
        return self._next(self._logs)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PAUSE", 0.0)


def test_a_log_that_cannot_be_read_ends_nothing(quick: None) -> None:
    runs = [pod("a", {"running": {}})]
    over = [pod("a", ended(3, "partial"))]
    gone = UnreachableError("the node is away")
    kube = Kube([job(), job(), job(end="Failed")], [runs, runs, over], [gone, gone, "T1 said\n"])
    told: list[str] = []
    found = running.Follower(cast("KubeClient", kube), job(), told.append).follow(Cancel())
    assert found
    assert running.status_of(found) is ExitCode.PARTIAL
    assert told == ["note: the log of a cannot be read: the node is away", "said"]


def test_one_that_is_deleted_or_left(quick: None) -> None:
    gone = Kube([NotFoundError("no", status=404)], [], [])
    with pytest.raises(LrsError, match="was deleted while it ran"):
        running.Follower(cast("KubeClient", gone), job(), print).follow(Cancel())
    cancel = Cancel()
    cancel.set()
    assert running.Follower(cast("KubeClient", Kube([job()], [[]], [])), job(), print).follow(cancel) is None


# ---- what is wrong


def cron_job(**status: Any) -> dict[str, Any]:
    """That of the backup, made three days ago."""
    metadata = {
        "name": "lrs-backup",
        "labels": {"app.kubernetes.io/component": "backup"},
        "creationTimestamp": "2026-11-24T00:00:00Z",
    }
    suspended = {"suspend": True} if status.pop("suspend", False) else {}
    return {"metadata": metadata, "spec": {"schedule": "17 1 * * *", "timeZone": "Etc/UTC", **suspended}, "status": status}


class Cluster(Kube):
    """One that has these CronJobs, Jobs and pods."""

    def __init__(self, *lists: list[Any]) -> None:
        super().__init__([], list(lists), [])


def status(
    cron_jobs: list[Any],
    jobs: list[Any] = [],  # noqa: B006
    pods: list[Any] = [],  # noqa: B006
    *,
    newest: datetime | None = NOW,
) -> Status:
    """With a newest backup of this instant."""
    others = [_backup("less", NOW, types=("deployment",)), _backup("elsewhere", NOW, namespace="staging")]
    sealed = [*others, *([_backup("b", newest)] if newest else [])]
    repository = cast("Repository", SimpleNamespace(newest_first=lambda: sealed))
    kube = cast("KubeClient", Cluster(cron_jobs, jobs, pods))
    return look(kube, name="lrs", wanted=("backup",), own=OWN, backups=lambda: repository)


OWN = Own(uids=frozenset("u"), profile="lrs", selection=Selection(namespace="dr"))


def _backup(name: str, instant: datetime, *, namespace: str = "dr", types: tuple[str, ...] = ()) -> SimpleNamespace:
    asked = Selection(namespace=namespace, types=types).as_dict()
    cluster = SimpleNamespace(uid="u")
    catalog = SimpleNamespace(name=name, instant=instant, cluster=cluster, state="whole", selection=asked, profile="lrs")
    catalog.is_after = lambda now: instant > now
    return SimpleNamespace(catalog=catalog)


LAST = {"lastScheduleTime": "2026-11-27T01:17:00Z"}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (status([cron_job(**LAST)], [job(end="Complete")]), []),
        (status([]), ["there is no CronJob of backup"]),
        (status([cron_job(suspend=True, **LAST)]), ["lrs-backup is suspended"]),
        (status([cron_job()]), ["lrs-backup was due at 2026-11-24 01:17 UTC, and did not begin"]),
        (status([cron_job(**LAST)], [job(end="Failed", why="DeadlineExceeded")]), ["j failed: DeadlineExceeded"]),
        (
            status([cron_job(**LAST)], [job(end="Complete")], [pod("a", ended(0, PARTIAL))]),
            [f"j was done in part: {PARTIAL}"],
        ),
        (status([cron_job(**LAST)], newest=None), ["there is no sealed backup of what the installation file says"]),
        (status([cron_job(**LAST)], newest=NOW - timedelta(days=1)), []),
        (
            status([cron_job(**LAST)], newest=NOW - timedelta(days=3)),
            ["the newest sealed backup, b, is of 2026-11-24 12:00 UTC: two later ones were due"],
        ),
        (
            status([cron_job(**LAST)], newest=NOW + timedelta(days=30)),
            ["the newest sealed backup, b, is dated later than now: nothing tells when the last one was made"],
        ),
    ],
)
def test_what_is_wrong(found: Status, said: list[str]) -> None:
    assert [each.message for each in found.wrong] == said
    assert found.exit_code() == (ExitCode.DIFFERENCE if said else ExitCode.DONE)


def test_backups_that_cannot_be_looked_at() -> None:
    def away() -> Repository:
        raise UnreachableError("no storage")

    kube = cast("KubeClient", Cluster([cron_job(suspend=True)], [], []))
    found = look(kube, name="lrs", wanted=(), own=OWN, backups=away)
    assert found.exit_code() is ExitCode.UNREACHABLE
    assert (found.newest, found.parts[0].next) == (None, None)
    assert schedule_status_view(found).after[0] == "newest backup: not known", "and not that there is none"
    assert schedule_status_view(status([cron_job(**LAST)], newest=None)).after[0] == "newest backup: none"


def test_a_schedule_of_somebody_else_is_not_told() -> None:
    odd = cron_job(**LAST)
    odd["spec"]["schedule"] = "@every 1h"
    found = status([odd], [job(end="Complete")])
    assert (found.parts[0].next, list(found.wrong)) == (None, [])
