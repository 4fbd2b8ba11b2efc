"""Waiting until restored LRS are ready, as far as their conditions tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient, Resource
from kubectl_lrs.model.errors import ExpiredError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.progress import Progress

READY = ("Ready", "Available")
FIRST_LOOK = 0.5
LONGEST_LOOK = 5.0
"""Seconds between two looks; they double."""

NOT_THERE = "it is not there"

UNKNOWN = "<unknown>"

PHASES = ("phase", "state")
"""Where a status without conditions commonly says in a word how it is."""

Key = tuple[str, str]


def state(manifest: Manifest) -> str:
    """How an object is, in a few words, as far as it tells; what its status holds is not public."""
    if manifest["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = manifest.get("status")
    if not isinstance(status, Mapping):
        return UNKNOWN
    conditions = _conditions(status)
    for condition in conditions:
        if _is_true(condition):
            return str(condition["type"])
    if conditions:
        last = conditions[-1]
        reason = f" ({last['reason']})" if last.get("reason") else ""
        return f"{last.get('type')}={last.get('status')}{reason}"
    return next((status[word] for word in PHASES if isinstance(status.get(word), str) and status[word]), UNKNOWN)


def why_not_awaited(status: Any) -> str:
    """Why an object with this saved status is not waited for; empty where it is.

    What was not ready before need not become so. Where nothing was saved, nothing is known, and it is waited for.
    """
    if not isinstance(status, Mapping) or not status:
        return ""
    conditions = _conditions(status)
    if not conditions:
        return "had no conditions"
    return "" if any(map(_is_true, conditions)) else "were not ready"


def wait_ready(kube: KubeClient, resource: Resource, keys: set[Key], deadline: Deadline, progress: Progress) -> dict[Key, str]:
    """Wait for these objects; those that are not ready in time, each with what it says of itself."""
    waiting = dict.fromkeys(keys, NOT_THERE)
    progress.begin("waiting until ready", len(waiting))
    pause = FIRST_LOOK
    while waiting:
        for namespace in sorted({namespace for namespace, _ in waiting}):
            progress.advance(_look(kube, resource, namespace, waiting))
        if not waiting or not deadline.pause(pause):
            break
        pause = min(LONGEST_LOOK, 2 * pause)
    progress.end()
    return waiting


def _look(kube: KubeClient, resource: Resource, namespace: str, waiting: dict[Key, str]) -> int:
    """Take the ready ones of a namespace out of `waiting`; how many they were."""
    before = len(waiting)
    missing = {key for key in waiting if key[0] == namespace}
    try:
        for page in kube.pages(resource, namespace):
            for _, manifest in page.items:
                key = (namespace, manifest["metadata"]["name"])
                if key in missing:
                    missing.remove(key)
                    _judge(manifest, key, waiting)
        waiting.update(dict.fromkeys(missing, NOT_THERE))
    except ExpiredError:  # the next look begins anew
        pass
    return before - len(waiting)


def _judge(manifest: Manifest, key: Key, waiting: dict[Key, str]) -> None:
    status = manifest.get("status")
    conditions = _conditions(status) if isinstance(status, Mapping) else []
    if any(map(_is_true, conditions)) and _is_current(manifest):
        del waiting[key]
    elif conditions:
        last = conditions[-1]
        detail = " ".join(str(last[field]) for field in ("reason", "message") if last.get(field))
        stale = "" if _is_current(manifest) else ", of an earlier generation"
        waiting[key] = f"{last.get('type')}={last.get('status')}{f' ({detail})' if detail else ''}{stale}"
    else:
        waiting[key] = "it has no conditions"


def _is_current(manifest: Manifest) -> bool:
    """Whether the status speaks of the object as it is now, as far as it says of which generation it speaks."""
    observed = manifest["status"].get("observedGeneration")
    return observed is None or observed == manifest["metadata"].get("generation")


def _conditions(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = status.get("conditions")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _is_true(condition: Mapping[str, Any]) -> bool:
    return condition.get("type") in READY and condition.get("status") == "True"
