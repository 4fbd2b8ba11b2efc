"""A run that is started now: a Job from the CronJob, as `kubectl create job --from` makes it, followed to its end.

It runs in the cluster: whoever follows it may go away. What its pods write is asked for again and again from where it was left,
so that neither a connection that is cut nor a token that is renewed ends that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kubectl_lrs.clients.kubernetes.answers import UnansweredError
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import CRONJOBS, JOBS, PODS
from kubectl_lrs.model.errors import ApiError, DeniedError, ExitCode, LrsError, NotFoundError, UnreachableError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.scheduling import CONTAINER, selector
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.usecases.scheduling.apply import differences
from kubectl_lrs.usecases.scheduling.runs import JOB_NAME, Run, RunState, container_state, finish_of, run_of

PAUSE = 1.0
"""Seconds between two looks."""

MANUAL = {"cronjob.kubernetes.io/instantiate": "manual"}


def cron_job_of(kube: KubeClient, name: str, part: str) -> Manifest:
    """The CronJob of a part; LrsError where there is none, or a run of it is not over."""
    namespace = kube.connection.namespace
    found = kube.items(CRONJOBS, namespace, selector=selector(name, namespace, part))
    if not found:
        raise LrsError(f"there is no CronJob of {part} in namespace {namespace}", hint="schedule --apply makes it")
    jobs = kube.items(JOBS, namespace, selector=selector(name, namespace, part))
    if running := [str(each["metadata"]["name"]) for each in jobs if finish_of(each) is None]:
        raise LrsError(f"a run of {part} is not over: {running[0]}", hint="schedule status tells how it goes")
    return found[0]


def start(kube: KubeClient, cron_job: Manifest, suffix: str) -> Manifest:
    """Make the Job; what the server holds. Its name is this call's own, so that one that is there is this one."""
    return made(kube, _job(cron_job, suffix))


def made(kube: KubeClient, sent: Manifest) -> Manifest:
    """Make a Job that nobody else makes; what the server holds."""
    namespace, name = sent["metadata"]["namespace"], sent["metadata"]["name"]
    try:
        held = kube.create(JOBS, sent, namespace)
    except UnansweredError:
        held = kube.get(JOBS, name, namespace)
    if differs := next(differences(sent, held), ""):
        raise LrsError(f"Job {name} was made, and the server holds another {differs}: is a webhook at work?")
    return held


def _job(cron_job: Manifest, suffix: str) -> Manifest:
    metadata, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": metadata["name"], "uid": metadata["uid"], "controller": True}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-{suffix}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": MANUAL,
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    }


@dataclass
class _Log:
    """What was told of a pod's log. `since`: the instant of the last line; `count`: how many lines of that instant were told."""

    since: str = ""
    count: int = 0

    def new(self, text: str, *, is_over: bool) -> Iterator[str]:
        """The lines that were not told yet. One that has no end may go on while the pod runs."""
        seen = 0
        for line in text.splitlines(keepends=True):
            if not (line.endswith("\n") or is_over):
                return
            instant, _, said = line.rstrip("\r\n").partition(" ")
            if instant < self.since:
                continue
            seen = seen + 1 if instant == self.since else 1
            if instant == self.since and seen <= self.count:
                continue
            self.since, self.count = instant, seen
            yield said


@dataclass
class Follower:
    """Follows one Job. `tell`: is told each line that its pods write, and why one does not begin."""

    kube: KubeClient
    job: Manifest
    tell: Callable[[str], None]
    _logs: dict[str, _Log] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def follow(self, cancel: Cancel) -> Run | None:
        """To its end; None where this call is told to end before."""
        metadata = self.job["metadata"]
        while True:
            try:
                job = self.kube.get(JOBS, metadata["name"], metadata["namespace"])
            except NotFoundError as error:
                raise LrsError(f"Job {metadata['name']} was deleted while it ran") from error
            pods = self.kube.items(PODS, metadata["namespace"], selector=f"{JOB_NAME}={metadata['name']}")
            run = run_of(job, pods, self.kube.now())
            self._tell_of(pods, run)
            if run.state is not RunState.RUNNING:
                return run
            if cancel.wait(PAUSE):
                return None

    def _tell_of(self, pods: list[Manifest], run: Run) -> None:
        for pod in sorted(pods, key=lambda each: str(each["metadata"].get("creationTimestamp") or "")):
            state = container_state(pod)
            if "running" in state or "terminated" in state:
                self._tell_log(pod, is_over="terminated" in state)
        if run.waits:
            self._once(f"note: the pod does not begin: {run.waits}")

    def _tell_log(self, pod: Manifest, *, is_over: bool) -> None:
        metadata = pod["metadata"]
        log = self._logs.setdefault(metadata["uid"], _Log())
        try:
            text = self.kube.log(
                metadata["namespace"], metadata["name"], CONTAINER, since=log.since[:19] + "Z" if log.since else ""
            )
        except (ApiError, DeniedError, UnreachableError) as error:
            self._once(f"note: the log of {metadata['name']} cannot be read: {error}")
            return
        for line in log.new(text, is_over=is_over):
            self.tell(line)

    def _once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.tell(message)


OWN = frozenset((ExitCode.FAILED, ExitCode.USAGE, ExitCode.PARTIAL, ExitCode.DIFFERENCE, ExitCode.UNREACHABLE))


def status_of(run: Run) -> ExitCode:
    """What a run comes to: its own exit status, where that is one of ours."""
    if run.status in OWN:
        return ExitCode(run.status)
    return ExitCode.DONE if run.state is RunState.SUCCEEDED else ExitCode.FAILED
