"""What is looked at after the writes of a restore: whether statuses stuck, whether objects are ready. Nothing is written.

What cannot be looked at is said in the report; the writes are done, and their outcomes must not be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import replace

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.manifest import fingerprint
from kubectl_lrs.model.report import WRITTEN, Report, Result
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.readiness import Before, wait_ready, why_not_awaited
from kubectl_lrs.stores.lrs.preflight import names
from kubectl_lrs.stores.lrs.saved import TIER
from kubectl_lrs.stores.lrs.selected import Key, Selected

AWAITED = WRITTEN | {Result.UNCHANGED, Result.ALTERED}
"""What is waited for; unchanged objects too, so that the same command continues after an interruption."""


def check_statuses(kube: KubeClient, resource: Resource, statuses: Mapping[Key, bytes], report: Report) -> None:
    """Read back the statuses that were set (as fingerprints); an operator that is awake may have set others since."""
    lost = []
    for namespace in sorted({namespace for namespace, _ in statuses}):
        there = set()
        try:
            for manifest in kube.items(resource, namespace):
                key = (namespace, manifest["metadata"]["name"])
                there.add(key)
                if key in statuses and fingerprint({"status": manifest.get("status")}) != statuses[key]:
                    lost.append("/".join(key))
        except LrsError as error:
            report.incomplete.append(f"whether the statuses in namespace {namespace} stuck is not known: {error}")
        else:
            lost += ["/".join(key) for key in statuses if key[0] == namespace and key not in there]
    if lost:
        report.incomplete.append(f"the status of {len(lost)} LRS did not stick, something set another: {names(lost)}")


def wait_for(
    kube: KubeClient,
    resource: Resource,
    selected: Selected,
    before: Mapping[Key, Before],
    report: Report,
    deadline: Deadline,
    progress: Progress,
) -> None:
    """Wait until all that is there is ready; what is not in time becomes `not ready` in the report.

    `before`: how that was which this run has written.
    """
    there = {(o.namespace, o.name): n for n, o in enumerate(report.outcomes) if o.store == TIER and o.result in AWAITED}
    expected = _expected(selected, there, progress)
    try:
        late = wait_ready(kube, resource, {key: before.get(key) for key in expected}, deadline, progress)
    except LrsError as error:
        report.incomplete.append(f"whether {len(expected)} LRS are ready is not known: {error}")
        return
    for key, what in late.items():
        outcome = report.outcomes[there[key]]
        done = outcome.message if outcome.result is Result.ALTERED else outcome.result.value
        report.outcomes[there[key]] = replace(outcome, result=Result.NOT_READY, message=f"{done}, not ready in time: {what}")


def _expected(selected: Selected, there: Container[Key], progress: Progress) -> set[Key]:
    """What is to be waited for; the user is told what is not, and why."""
    expected: set[Key] = set()
    others: Counter[str] = Counter()
    for stored in selected:
        key = (stored.namespace, stored.name)
        if key not in there:
            continue
        if why := why_not_awaited(stored.status):
            others[why] += 1
        else:
            expected.add(key)
    for why, count in others.items():
        progress.note(f"not waiting for {count} LRS: they {why} when they were backed up")
    return expected
