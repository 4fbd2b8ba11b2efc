"""Segments that pods copy: an Indexed Job, which the pod of a backup makes, waits for and removes.

Its pods are as the one that makes it, but for what they run, and that they have no token. A run that was killed leaves its Job;
the next one waits for it, so that nothing is copied twice at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import JOBS
from kubectl_lrs.model.errors import LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.scheduling import COMPONENT, CONTAINER, JOB, SEGMENTS, SHARDS
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.usecases.scheduling import running
from kubectl_lrs.usecases.scheduling.objects import FINAL, KEPT, LASTS, TRIES_AGAIN
from kubectl_lrs.usecases.scheduling.runs import finish_of
from kubectl_lrs.usecases.segments import PAUSE, wait_for

AT_ONCE = 8
"""Pods at once where nobody says how many."""

OF_JOBS = ("batch.kubernetes.io/", "job-name", "controller-uid")
"""How labels begin that a Job puts on its own pods."""


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Who copies. `own`: the Job whose pod this is; `selector`: of the Jobs that this schedule makes so."""

    kube: KubeClient
    own: Manifest
    cron_job: str
    selector: str
    shards: int | None
    tell: Callable[[str], None]
    cancel: Cancel

    def settle(self) -> None:
        """What an earlier run had begun is over when this returns; what it has copied is there then."""
        for job in self.kube.items(JOBS, self._namespace, selector=self.selector):
            if finish_of(job) is None:
                self.tell(f"note: Job {job['metadata']['name']} of an earlier run goes on, and is waited for")
                ended = self._ended(job)
                self.cancel.require()
                if ended and _is_complete(ended):
                    self._remove(ended)

    def _ended(self, job: Manifest) -> Manifest | None:
        """A Job once it is over; None where it is gone, or this run is to end."""
        while finish_of(job) is None:
            if self.cancel.wait(PAUSE):
                return None
            try:
                job = self.kube.get(JOBS, job["metadata"]["name"], self._namespace)
            except NotFoundError:
                return None
        return job

    @property
    def _namespace(self) -> str:
        return str(self.own["metadata"]["namespace"])

    def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:
        """Make the Job, wait until all are done, remove it."""
        job = running.made(self.kube, self._job(names))
        name, was_over = job["metadata"]["name"], False
        self.tell(f"note: {len(names)} segments are copied by Job {name}")

        def look() -> None:
            nonlocal was_over
            now = self._held(name)
            finish = finish_of(now)
            if finish is not None and (was_over or not _is_complete(now)):
                failed = (now.get("status") or {}).get("failedIndexes") or "none"
                raise LrsError(
                    f"Job {name} is over, and not every segment is done; failed ones: {failed}: {finish.get('message', '')}",
                    hint=f"kubectl logs -n {self._namespace} -l job-name={name}; what is done is used by the next run",
                )
            was_over = finish is not None

        wait_for(names, marked, progress, self.cancel, look)
        self._remove(job)

    def _remove(self, job: Manifest) -> None:
        name = str(job["metadata"]["name"])
        try:
            self.kube.delete(JOBS, self._namespace, name, uid=str(job["metadata"]["uid"]))
        except LrsError as error:
            self.tell(f"note: Job {name} is not removed: {error}")

    def _held(self, name: str) -> Manifest:
        try:
            return self.kube.get(JOBS, name, self._namespace)
        except NotFoundError as error:
            raise LrsError(f"Job {name} was deleted while it ran", hint="what is done is used by the next run") from error

    def _job(self, names: Sequence[str]) -> Manifest:
        run, metadata = names[0].rpartition("-")[0], self.own["metadata"]
        labels = _own_labels(metadata) | {COMPONENT: SEGMENTS}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        final = {"containerName": CONTAINER, "operator": "In", "values": FINAL}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": f"{self.cron_job}-{run[:8]}",
                "namespace": self._namespace,
                "labels": labels,
                "ownerReferences": [owner],
            },
            "spec": {
                "completionMode": "Indexed",
                "completions": len(names),
                "parallelism": min(len(names), self.shards or AT_ONCE),
                "backoffLimitPerIndex": TRIES_AGAIN,
                "activeDeadlineSeconds": LASTS,
                "ttlSecondsAfterFinished": KEPT,
                "podFailurePolicy": {
                    "rules": [
                        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                        {"action": "FailIndex", "onExitCodes": final},
                    ]
                },
                "template": {
                    "metadata": {"labels": _own_labels(self.own["spec"]["template"]["metadata"]) | {COMPONENT: SEGMENTS}},
                    "spec": self._pod(run),
                },
            },
        }

    def _pod(self, run: str) -> Manifest:
        spec = self.own["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        told = [each for each in container["env"] if each["name"] not in (SHARDS, JOB)]
        args = ["run", "segment", "--segment", f"{run}-$(JOB_COMPLETION_INDEX)"]
        return {
            **spec,
            "automountServiceAccountToken": False,
            "containers": [{**container, "args": args, "env": told}],
        }


def _is_complete(job: Manifest) -> bool:
    """Whether it is over, and well."""
    finish = finish_of(job)
    return finish is not None and finish["type"] == "Complete"


def _own_labels(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in (metadata.get("labels") or {}).items() if not key.startswith(OF_JOBS)}
