"""Ways to tell somebody of a nightly run over the network, and to Kubernetes."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby

from kubectl_lrs.clients.http.hooks import Hook, hook_of
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import CRONJOBS, EVENTS
from kubectl_lrs.formats.exposition import text_of
from kubectl_lrs.model.errors import DeniedError, ExitCode, NotFoundError
from kubectl_lrs.model.metrics import MEANINGS, Sample
from kubectl_lrs.model.nightly import BACKUP, NightlyReport
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.safe_files import unguessable
from kubectl_lrs.usecases.notify import News

JOB = "kubectl_lrs"
TEXT = "text/plain; version=0.0.4; charset=utf-8"

MESSAGE = 1024
"""Characters of an Event's message; the API server refuses more."""

TERMINATION = 4096
"""Bytes of a termination message that are kept."""


@dataclass(frozen=True)
class Pushgateway:
    """A Prometheus Pushgateway, by the file that holds its URL."""

    file: str

    def tell(self, news: News) -> Iterator[str]:
        """One push for each set of labels: it replaces what was pushed of the same, and the last success stays."""
        hook = hook_of(self.file, what="--pushgateway-file")
        for labels, samples in groupby(sorted(news.samples, key=lambda each: each.labels), key=lambda each: each.labels):
            bare = [Sample(each.name, (), each.value) for each in samples]
            hook.below(_group(labels)).call("POST", body=text_of(bare, MEANINGS).encode(), content_type=TEXT)
        yield from ()


def _group(labels: tuple[tuple[str, str], ...]) -> str:
    """Where these labels are pushed to. A value may hold anything, so it is sent as base64."""
    encoded = ((name, base64.urlsafe_b64encode(value.encode()).decode() or "=") for name, value in labels)
    return f"/metrics/job/{JOB}" + "".join(f"/{name}@base64/{value}" for name, value in encoded)


@dataclass(frozen=True, kw_only=True)
class Heartbeats:
    """URLs that are called when a run begins, when all of it is done, and when it is not; each by the file that holds it.

    One that is for all parts is the backup's: that it goes well with another part takes no failure of the backup back.
    """

    start: str = ""
    success: str = ""
    failure: str = ""

    def tell(self, news: News) -> Iterator[str]:
        """The one that it is time for."""
        if not news.is_over:
            for hook, _ in _heard(self.start, "--heartbeat-start-file", news.report, is_good=True):
                hook.call("GET")
            return
        for hook, code in _heard(self.success, "--heartbeat-success-file", news.report, is_good=True):
            if code is ExitCode.DONE:
                hook.call("GET")
        body = redact.known(news.whole).encode("utf-8", "replace")
        for hook, code in _heard(self.failure, "--heartbeat-failure-file", news.report):
            if code is not ExitCode.DONE:
                hook.call("POST", body=body, content_type="application/json")
        yield from ()


def _heard(file: str, what: str, report: NightlyReport, *, is_good: bool = False) -> Iterator[tuple[Hook, ExitCode]]:
    """(URL, exit status of what is told there). `is_good`: what is told is no failure."""
    if not file:
        return
    hook = hook_of(file, what=what)
    if hook.names_part:
        yield from ((hook.of(part), report.status_of(part)) for part in report.parts)
    elif BACKUP in report.parts or not is_good:
        yield hook, report.exit_code()


REASONS: Mapping[ExitCode, str] = {ExitCode.DONE: "NightlyDone", ExitCode.PARTIAL: "NightlyPartial"}


@dataclass(frozen=True, kw_only=True)
class CronJobEvent:
    """An Event on the CronJob whose pod this is. `connect` gives the API server when it is needed; `namespace`: the pod's."""

    cronjob: str
    namespace: str
    connect: Callable[[], KubeClient]

    def tell(self, news: News) -> Iterator[str]:
        """In the end alone."""
        if news.is_over:
            kube = self.connect()
            namespace = self.namespace or kube.connection.namespace
            event = self._event(news, namespace, _uid(kube, namespace, self.cronjob))
            kube.create(EVENTS, event, namespace)
        yield from ()

    def _event(self, news: News, namespace: str, uid: str) -> dict[str, object]:
        code = news.report.exit_code()
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"apiVersion": "batch/v1", "kind": "CronJob", "name": self.cronjob, "namespace": namespace}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{self.cronjob[:200]}.{unguessable()[:16].lower()}", "namespace": namespace},
            "involvedObject": about | ({"uid": uid} if uid else {}),
            "type": "Normal" if code is ExitCode.DONE else "Warning",
            "reason": REASONS.get(code, "NightlyFailed"),
            "message": redact.known(news.line)[:MESSAGE],
            "source": {"component": "kubectl-lrs"},
            "reportingComponent": "kubectl-lrs",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _uid(kube: KubeClient, namespace: str, name: str) -> str:
    """That of the CronJob, by which `kubectl describe` finds its Events; empty where it may not be read."""
    try:
        return str(kube.get(CRONJOBS, name, namespace)["metadata"]["uid"])
    except (DeniedError, NotFoundError):
        return ""


@dataclass(frozen=True, kw_only=True)
class TerminationMessage:
    """What the kubelet shows as why the container ended. `must_be`: somebody has named the file, so it is made."""

    path: str
    must_be: bool = False

    def tell(self, news: News) -> Iterator[str]:
        """In the end alone."""
        if not news.is_over or not (self.must_be or os.path.exists(self.path)):  # noqa: PTH110  never raises
            return
        flags = os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_CREAT if self.must_be else 0)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.write(descriptor, redact.known(news.line).encode("utf-8", "replace")[:TERMINATION])
        finally:
            os.close(descriptor)
        yield from ()
