"""Whether an LRS is ready, as far as its conditions tell; and waiting until it is.

A condition counts only for the object as it is now: not one of an earlier generation, and of an object that this run has
written not one that may be from before the write, or that the run has written itself. What cannot be told is not ready.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubectl_lrs.clients.kubernetes.client import FIELD_MANAGER, KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ApiError, CredentialsError, DeniedError, ExpiredError
from kubectl_lrs.model.manifest import Manifest, fingerprint
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How an object was when this run wrote it: what tells whether its conditions are from before.

    `is_new_spec`: the write made another generation of it. `status` is a digest of the status that it had then, of who had
    written it, and, where the run has set it itself (`is_ours`), of its conditions alone.
    """

    uid: str
    is_new_spec: bool
    status: bytes
    is_ours: bool = False

    @classmethod
    def of(cls, before: Manifest, after: Manifest) -> Before:
        """Of an object as it was `before` the write, and as it is `after` it."""
        old, new = before["metadata"], after["metadata"]
        is_created = before.get("status") is None
        return cls(
            uid=str(new.get("uid")),
            is_new_spec=is_created or old.get("generation") != new.get("generation"),
            status=_status_digest(before, whole=True),
        )

    def with_status_of(self, answer: Manifest) -> Before:
        """The run has set its status; this is what the server made of it."""
        return replace(self, status=_status_digest(answer, whole=False), is_ours=True)

    def doubt(self, manifest: Manifest) -> str:
        """Why conditions that say ready do not count; empty where something has spoken since the write."""
        if str(manifest["metadata"].get("uid")) != self.uid:
            return "another object has its name by now"
        if _status_digest(manifest, whole=not self.is_ours) != self.status:
            return ""
        if self.is_ours:
            return "its status is the one that was restored; nothing has spoken since"
        return "as before it was written; nothing tells whether that is still so" if self.is_new_spec else ""


def _status_digest(manifest: Manifest, *, whole: bool) -> bytes:
    """A digest of the status, or of its conditions that mean ready; and of who else than this program has written it, when."""
    status = manifest.get("status")
    shown = status if whole else [each for each in _conditions(status) if each.get("type") in READY]
    others = []
    for entry in manifest["metadata"].get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:status")
        if fields is not None and not whole:
            fields = fields.get("f:conditions")
        if fields is not None and entry.get("manager") != FIELD_MANAGER:
            others.append({**entry, "fieldsV1": fields})
    return fingerprint({"status": shown, "by": others})


def state(manifest: Manifest) -> str:
    """How an object is, in a few words, as far as it tells; what its status holds is not public."""
    if manifest["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = manifest.get("status")
    if not isinstance(status, Mapping):
        return UNKNOWN
    conditions = _conditions(status)
    if _says_ready(conditions):
        return next(str(each["type"]) for each in conditions if each.get("type") in READY)
    if conditions:
        telling = _telling(conditions)
        reason = f" ({telling['reason']})" if telling.get("reason") else ""
        return f"{telling.get('type')}={telling.get('status')}{reason}"
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
    return "" if _says_ready(conditions) else "were not ready"


def wait_ready(
    kube: KubeClient,
    resource: Resource,
    keys: Mapping[Key, Before | None],
    deadline: Deadline,
    progress: Progress,
) -> dict[Key, str]:
    """Wait for these objects; those that are not ready in time, each with what it says of itself.

    With each of `keys`: how it was when this run wrote it, None where the run did not. The last look is when the time is over:
    what became ready after the one before it is ready in time.
    """
    waiting = dict.fromkeys(keys, NOT_THERE)
    progress.begin("waiting until ready", len(waiting))
    for _ in deadline.looks(FIRST_LOOK, LONGEST_LOOK):
        for namespace in sorted({namespace for namespace, _ in waiting}):
            progress.advance(_look(kube, resource, namespace, waiting, keys))
        if not waiting:
            break
    progress.end()
    return waiting


def _look(
    kube: KubeClient, resource: Resource, namespace: str, waiting: dict[Key, str], written: Mapping[Key, Before | None]
) -> int:
    """Take the ready ones of a namespace out of `waiting`; how many they were."""
    count = len(waiting)
    missing = {key for key in waiting if key[0] == namespace}
    try:
        for page in kube.pages(resource, namespace, with_too_deep=True):  # none of those that were written
            for _, manifest in page.items:
                key = (namespace, manifest["metadata"]["name"])
                if key not in missing:
                    continue
                missing.remove(key)
                if why := why_not_ready(manifest, written[key]):
                    waiting[key] = why
                else:
                    del waiting[key]
        waiting.update(dict.fromkeys(missing, NOT_THERE))
    except ExpiredError:  # the next look begins anew
        pass
    except CredentialsError:
        raise
    except (ApiError, DeniedError) as error:  # of this namespace alone
        waiting.update(dict.fromkeys(missing, f"it could not be looked at: {error}"))
    return count - len(waiting)


def why_not_ready(manifest: Manifest, before: Before | None = None) -> str:
    """Why an object is not ready, or cannot be said to be; empty where it is. `before`: how it was when this run wrote it."""
    metadata, status = manifest["metadata"], manifest.get("status")
    if metadata.get("deletionTimestamp"):
        return "it is being deleted"
    conditions = _conditions(status)
    if not conditions or not isinstance(status, Mapping):
        return "it has no conditions"
    said = _said(_telling(conditions))
    if not _says_ready(conditions):
        return said
    if any(_is_stale(each, metadata) for each in (status, *(each for each in conditions if each.get("type") in READY))):
        return f"{said}, of an earlier generation"
    doubt = before.doubt(manifest) if before else ""
    return f"{said}, {doubt}" if doubt else ""


def _says_ready(conditions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether conditions that mean ready are there, and all of them are true: one that is not outweighs the others."""
    telling = [each for each in conditions if each.get("type") in READY]
    return bool(telling) and all(each.get("status") == "True" for each in telling)


def _telling(conditions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The condition to show: one that says why it is not ready, else the last that means ready, else the last."""
    meant = [each for each in conditions if each.get("type") in READY]
    wrong = [each for each in meant if each.get("status") != "True"]
    return (wrong or meant or conditions)[-1]


def _said(condition: Mapping[str, Any]) -> str:
    detail = " ".join(str(condition[field]) for field in ("reason", "message") if condition.get(field))
    return f"{condition.get('type')}={condition.get('status')}{f' ({detail})' if detail else ''}"


def _is_stale(part: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether a status or a condition speaks of another generation of the object, as far as it says of which it speaks."""
    observed = part.get("observedGeneration")
    return observed is not None and observed != metadata.get("generation")


def _conditions(status: Any) -> list[Mapping[str, Any]]:
    found = status.get("conditions") if isinstance(status, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
