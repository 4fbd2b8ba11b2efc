"""What is sent to the server, made in one place: a trial sends what the write will send, the owners with it."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    DeniedError,
    ExistsError,
    LrsError,
    NoDryRunError,
    NotServedError,
    UnreachableError,
)
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.runtime.retry import insist, is_any
from kubectl_lrs.stores.common.deleting import POLICY
from kubectl_lrs.stores.lrs.decide import LrsStep, json_patch, with_finalizers
from kubectl_lrs.stores.lrs.owners import OwnerError, Owners
from kubectl_lrs.stores.lrs.saved import StoredLrs

LONGEST = 200
"""Characters of a name that are kept in the name of a trial; a name has 253 at most."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The requests of one restore. `dry_run`: none of them changes anything. Safe to use from several threads."""

    kube: KubeClient
    resource: Resource
    owners: Owners
    validation: str = "Strict"
    dry_run: bool = False

    def creation(self, stored: StoredLrs) -> tuple[Manifest, str]:
        """The object as it is to be created, and a note that names the owners that it loses."""
        return self.owners.relink(stored)

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create it; what the server made of it."""
        return self.kube.create(
            self.resource,
            manifest,
            manifest["metadata"]["namespace"],
            dry_run=dry_run or self.dry_run,
            validation=self.validation,
        )

    def try_creation(self, manifest: Manifest) -> Manifest:
        """Ask the server whether it would create an object whose name is taken yet; what it would make of it.

        The name apart, it is the very request: rights, schema, quota and admission, the owners' finalizers among them, are
        judged as they will be. What the trial cannot prove: that no rule looks at the name, and that none changes meanwhile.
        """
        metadata = manifest["metadata"]
        name = f"{metadata['name'][:LONGEST].rstrip('-.')}-trial-{secrets.token_hex(4)}"
        trial = {**manifest, "metadata": {**metadata, "name": name}}

        def ask(_attempt: int) -> Manifest:
            return self.create(trial, dry_run=True)

        # No object has that name: a conflict is one of a quota, which passes.
        answer = insist(ask, policy=POLICY, cancel=self.kube.stop, may_pass=is_any(ConflictError))
        return {**answer, "metadata": {**answer["metadata"], "name": metadata["name"]}}

    def refusal(self, stored: StoredLrs) -> LrsError | None:
        """Why the server would not create an object again that is there now; None where it would."""
        try:
            self.try_creation(self.creation(stored)[0])
        except LrsError as error:
            return error
        return None

    def update(self, step: LrsStep) -> Manifest:
        """Patch the fields in which it differs."""
        return self._change(step, "PATCH", json_patch(step))

    def replacement(self, step: LrsStep, stored: StoredLrs, live: Manifest) -> Manifest:
        """The saved object in the place of this live one, as it is to be put."""
        manifest = with_finalizers(stored.manifest, live)
        carried = {"resourceVersion": step.resource_version, "uid": step.uid}
        if owners := live["metadata"].get("ownerReferences"):
            carried["ownerReferences"] = owners
        whole = {**manifest, "metadata": {**manifest["metadata"], **carried}}
        if not self.resource.has_status and "status" in live:
            whole["status"] = live["status"]
        return whole

    def replace(self, step: LrsStep, whole: Manifest) -> Manifest:
        """Put it there."""
        return self._change(step, "PUT", whole)

    def set_status(self, step: LrsStep, status: Any) -> Manifest:
        """Set its status, through the subresource where there is one."""
        patch = [{"op": "add", "path": "/status", "value": status}]
        return self._change(step, "PATCH", patch, subresource="status" if self.resource.has_status else "")

    def _change(self, step: LrsStep, method: str, body: Any, *, subresource: str = "") -> Manifest:
        return self.kube.change(
            self.resource,
            method,
            to_json(body),
            step.namespace,
            step.name,
            subresource=subresource,
            dry_run=self.dry_run,
            validation=self.validation,
        )


def blocking_owners(manifest: Manifest) -> list[Manifest]:
    """The owners whose deletion the object blocks: some servers ask for the right to set their finalizers."""
    return [each for each in manifest["metadata"].get("ownerReferences") or () if each.get("blockOwnerDeletion") is True]


BUSY = frozenset((429, 502, 503, 504))
"""HTTP statuses that say nothing of an object. 500 is not among them: it is what the failure of a webhook looks like, and with
that the write would end too."""


def says_nothing(error: LrsError) -> bool:
    """Whether the failure of a trial says nothing of the object: it could not be tried, or nobody answered, or was busy."""
    if isinstance(error, (OwnerError, NoDryRunError, UnreachableError, CredentialsError, NotServedError)):
        return True
    if isinstance(error, ConflictError):  # of a quota that others use too
        return not isinstance(error, ExistsError)
    return isinstance(error, ApiError) and error.status in BUSY


def is_of_terminating_namespace(error: Exception) -> bool:
    """Whether a creation was refused because the namespace is being deleted."""
    return isinstance(error, DeniedError) and "NamespaceTerminating" in error.causes


def to_json(value: Any) -> bytes:
    """As it is sent."""
    return _encoded(value).encode("utf-8", "surrogatepass")


_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
