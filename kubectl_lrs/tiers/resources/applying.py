"""One planned step → the API server, and what became of it. Nothing is ever forced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubectl_lrs.clients.kube import KubeClient, Resource, UnansweredError
from kubectl_lrs.errors import ConflictError, LrsError, NotFoundError
from kubectl_lrs.manifest import Manifest, comparable, fingerprint
from kubectl_lrs.plan import Action, Step
from kubectl_lrs.report import Outcome, Result
from kubectl_lrs.tiers.resources.owners import Owners
from kubectl_lrs.tiers.resources.stored import StoredLrs

TRIES = 3
"""How often a create is sent when no answer comes and the object turns out not to be there."""


class Applier:
    """Writes steps. Safe to use from several threads; every failure of an object is its outcome, not an exception."""

    def __init__(self, kube: KubeClient, resource: Resource, owners: Owners, *, dry_run: bool = False) -> None:
        self._kube = kube
        self._resource = resource
        self._owners = owners
        self._dry_run = dry_run

    def apply(self, step: Step, stored: StoredLrs) -> Outcome:
        """Do what the step says."""
        if step.action is not Action.CREATE:
            return Outcome.of(step)
        try:
            return self._create(step, stored)
        except LrsError as error:
            return Outcome.of(step, Result.FAILED, str(error))

    def _create(self, step: Step, stored: StoredLrs) -> Outcome:
        manifest, note = self._owners.relink(stored)
        body = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        for attempt in range(1, TRIES + 1):
            try:
                self._kube.create(self._resource, body, stored.namespace, dry_run=self._dry_run)
            except ConflictError:
                return self._there_already(step, stored, ours=attempt > 1)
            except UnansweredError:
                if (outcome := self._sent_without_answer(step, stored)) is not None:
                    return outcome
                if attempt == TRIES:
                    raise
            else:
                return Outcome.of(step, message=note)
        raise AssertionError("unreachable")

    def _sent_without_answer(self, step: Step, stored: StoredLrs) -> Outcome | None:
        """What the cluster says now; None when the object is not there, so that the create can be sent again."""
        try:
            return self._there_already(step, stored, ours=True)
        except NotFoundError:
            return None

    def _there_already(self, step: Step, stored: StoredLrs, *, ours: bool) -> Outcome:
        """An object of this name is there, made by a request of ours that was not answered, or by somebody else."""
        live = self._kube.get(self._resource, stored.name, stored.namespace)
        if _equal(live, stored.manifest):
            return Outcome.of(step, None if ours else Result.UNCHANGED, "" if ours else "created meanwhile by somebody else")
        return Outcome.of(step, Result.CONFLICT, "created meanwhile by somebody else, and differs; left alone")


def _equal(one: Mapping[str, Any], other: Manifest) -> bool:
    return fingerprint(comparable(one)) == fingerprint(comparable(other))
