"""The Job whose pods copy segments: as the one that makes it, waited for, and removed when all is done."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kubectl_lrs.model.errors import DeniedError, LrsError, NotFoundError
from kubectl_lrs.model.nightly import BACKUP
from kubectl_lrs.model.scheduling import Nightly, Part
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases import segments as waiting
from kubectl_lrs.usecases.scheduling import segments
from kubectl_lrs.usecases.scheduling.objects import MEMORY, objects_of

RUN = "5f0c" * 8
NAMES = [f"{RUN}-{number}" for number in range(3)]
COMPLETE = {"type": "Complete", "status": "True"}
FAILED = {"type": "Failed", "status": "True", "message": "one or more indexes failed"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (waiting, segments):
        monkeypatch.setattr(module, "PAUSE", 0.0)


class Cluster:
    """Jobs, as a server has them; each look is told to `on_look`."""

    def __init__(self, on_look: Callable[[dict[str, Any]], object] = lambda _job: None) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.on_look = on_look
        self.denies = False

    def create(self, _resource: object, manifest: dict[str, Any], _namespace: str) -> dict[str, Any]:
        made = copy.deepcopy(manifest)
        made["metadata"]["uid"] = "u"
        self.jobs[made["metadata"]["name"]] = made
        return made

    def get(self, _resource: object, name: str, _namespace: str) -> dict[str, Any]:
        if name not in self.jobs:
            raise NotFoundError("gone", status=404)
        self.on_look(self.jobs[name])
        return self.jobs[name]

    def items(self, _resource: object, _namespace: str, *, selector: str) -> list[dict[str, Any]]:
        assert selector == "s"
        return list(self.jobs.values())

    def delete(self, _resource: object, _namespace: str, name: str, *, uid: str) -> bool:
        assert uid == "u"
        if self.denies:
            raise DeniedError("you may not delete jobs")
        self.deleted.append(name)
        return True


def own() -> dict[str, Any]:
    """The Job of the pod that coordinates, as its controller has made it."""
    part = Part(name=BACKUP, cron="1 1 * * *", environment=("store",), annotations={"azure.workload.identity/client-id": "x"})
    plan = Nightly(name="n", namespace="dr", image="i", config="", time_zone="Etc/UTC", parts=[part], shards="2")
    template = objects_of(plan)[-1]["spec"]["jobTemplate"]
    added = {"job-name": "n-backup-1", "controller-uid": "o", "batch.kubernetes.io/job-name": "n-backup-1"}
    template["spec"]["template"]["metadata"]["labels"] |= added
    metadata = {"name": "n-backup-1", "namespace": "dr", "uid": "o", "labels": template["metadata"]["labels"]}
    return {"metadata": metadata, "spec": template["spec"]}


def pods(cluster: Cluster, told: list[str], shards: int | None = 2) -> segments.Pods:
    """Those of this cluster."""
    return segments.Pods(
        kube=cluster,  # type: ignore[arg-type]
        own=own(),
        cron_job="n-backup",
        selector="s",
        shards=shards,
        tell=told.append,
        cancel=Cancel(),
    )


def carry(cluster: Cluster, told: list[str], *marked: set[int], shards: int | None = 2) -> None:
    """Have them copied; `marked`: what is at each look, the last of them from then on."""
    looks = [*marked]
    pods(cluster, told, shards).carry(NAMES, lambda: looks.pop(0) if len(looks) > 1 else looks[0], Silent())


def test_its_pods_are_as_the_one_that_makes_it() -> None:
    cluster, told = Cluster(), list[str]()
    carry(cluster, told, set(), {0}, {0, 1, 2})
    (job,) = cluster.jobs.values()
    assert (job["metadata"]["name"], cluster.deleted) == ("n-backup-5f0c5f0c", ["n-backup-5f0c5f0c"])
    assert job["metadata"]["labels"]["app.kubernetes.io/component"] == "segments"
    assert job["metadata"]["ownerReferences"] == [{"apiVersion": "batch/v1", "kind": "Job", "name": "n-backup-1", "uid": "o"}]
    counted = ("completionMode", "completions", "parallelism", "backoffLimitPerIndex")
    assert [job["spec"][key] for key in counted] == ["Indexed", 3, 2, 2]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert not {"job-name", "controller-uid", "batch.kubernetes.io/job-name"} & set(labels)
    assert labels["azure.workload.identity/use"] == "true"
    before, spec = own()["spec"]["template"]["spec"], job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["args"] == ["run", "segment", "--segment", f"{RUN}-$(JOB_COMPLETION_INDEX)"]
    assert [each["name"] for each in container["env"]] == ["LRS_CONFIG", "LRS_CRONJOB", *MEMORY]
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert spec["automountServiceAccountToken"] is False
    same = ("serviceAccountName", "securityContext", "volumes", "restartPolicy")
    assert [spec[key] for key in same] == [before[key] for key in same]


def test_no_more_pods_at_once_than_segments() -> None:
    cluster = Cluster()
    carry(cluster, [], {0, 1, 2}, shards=None)
    assert next(iter(cluster.jobs.values()))["spec"]["parallelism"] == 3


def test_a_segment_that_fails_for_good() -> None:
    cluster = Cluster(lambda job: job.update(status={"conditions": [FAILED], "failedIndexes": "1"}))
    with pytest.raises(LrsError, match="failed ones: 1: one or more indexes failed"):
        carry(cluster, [], {0, 2})
    assert cluster.deleted == [], "its logs stay"


def test_one_that_is_complete_and_a_segment_is_not_marked() -> None:
    cluster = Cluster(lambda job: job.update(status={"conditions": [COMPLETE]}))
    with pytest.raises(LrsError, match="not every segment is done"):
        carry(cluster, [], {0, 2})


def test_a_mark_that_is_seen_after_the_end() -> None:
    cluster = Cluster(lambda job: job.update(status={"conditions": [COMPLETE]}))
    carry(cluster, [], {0, 2}, {0, 1, 2})


def test_one_that_is_deleted_meanwhile() -> None:
    cluster = Cluster()

    def marked() -> set[int]:
        cluster.jobs.clear()
        return set()

    with pytest.raises(LrsError, match="was deleted while it ran"):
        pods(cluster, []).carry(NAMES, marked, Silent())


def test_one_that_cannot_be_removed_is_said() -> None:
    cluster, told = Cluster(), list[str]()
    cluster.denies = True
    carry(cluster, told, {0, 1, 2})
    assert told[-1] == "note: Job n-backup-5f0c5f0c is not removed: you may not delete jobs"


def test_a_server_that_does_not_count_by_index() -> None:
    class Old(Cluster):
        def create(self, resource: object, manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
            made = super().create(resource, manifest, namespace)
            del made["spec"]["backoffLimitPerIndex"]
            return made

    with pytest.raises(LrsError, match=r"another spec\.backoffLimitPerIndex"):
        carry(Old(), [], {0, 1, 2})


@pytest.mark.parametrize(("end", "deleted"), [(COMPLETE, ["j"]), (FAILED, [])])
def test_what_an_earlier_run_has_begun_is_waited_for(end: dict[str, str], deleted: list[str]) -> None:
    told: list[str] = []
    cluster = Cluster(lambda job: job.update(status={"conditions": [end]}))
    cluster.jobs["j"] = {"metadata": {"name": "j", "uid": "u"}}
    pods(cluster, told).settle()
    assert told == ["note: Job j of an earlier run goes on, and is waited for"]
    assert cluster.deleted == deleted


def test_one_that_goes_while_it_is_waited_for() -> None:
    cluster = Cluster()
    cluster.jobs["j"] = {"metadata": {"name": "j", "uid": "u"}}
    listed = cluster.items
    cluster.items = lambda *a, **b: (listed(*a, **b), cluster.jobs.clear())[0]  # type: ignore[method-assign]
    pods(cluster, []).settle()
    assert cluster.deleted == []
