"""Owner references across clusters: an owner of the same kind and name is another object there, with another uid.

A reference to a uid that is not there makes the garbage collector delete the object, so it is linked anew or dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.stores.lrs.saved import StoredLrs

NOT_THERE = "not there"
MAY_NOT_BE_READ = "may not be read"

Owner = Mapping[str, Any]


COMING = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that an owner will have: the server does not look it up, and judges the rest of the request by it."""

Identity = tuple[str, str, str, str]
"""(group, kind, namespace, name): it is the same object in each version."""


class Owners:
    """Looks up live owners, each once. Safe to use from several threads.

    `coming`: (kind, namespace, name) of what a dry run does not make: an owner that is to come, and that is not gone.
    """

    def __init__(self, kube: KubeClient, coming: Collection[tuple[str, str, str]] = ()) -> None:
        self._kube = kube
        self._coming = coming
        self._lock = threading.Lock()
        self._found: dict[Identity, tuple[str, str]] = {}
        self._resources: dict[tuple[str, str], Resource | None] = {}

    def relink(self, stored: StoredLrs) -> tuple[Manifest, str]:
        """The manifest with the owners that live in its namespace, and a note that names those which do not.

        LrsError where that cannot be told: an object must not lose its owner because a server was busy.
        """
        if not stored.owners:
            return stored.manifest, ""
        linked: list[Manifest] = []
        dropped: dict[str, list[str]] = {}
        for owner in stored.owners:
            uid, why = self._find(owner, stored.namespace)
            if uid:
                linked.append({**owner, "apiVersion": self._version_of(owner), "uid": uid})
            elif (owner.get("kind"), stored.namespace, owner.get("name")) in self._coming:
                linked.append({**owner, "uid": COMING})
            else:
                dropped.setdefault(why, []).append(f"{owner.get('kind')}/{owner.get('name')}")
        manifest = stored.manifest
        if linked:
            manifest = {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": linked}}
        return manifest, "; ".join(f"owner {why}, dropped: {', '.join(names)}" for why, names in dropped.items())

    def forget(self, manifest: Manifest) -> None:
        """This object was made anew: whoever is owned by it is to be linked to what it is now."""
        metadata = manifest["metadata"]
        self._found.pop((_group(manifest["apiVersion"]), manifest["kind"], metadata["namespace"], metadata["name"]), None)

    def lives(self, owner: Owner, namespace: str) -> bool | None:
        """Whether the object that is referred to, with this uid, is there and stays; None where that cannot be told."""
        try:
            uid, why = self._find(owner, namespace)
        except LrsError:
            return None
        return None if why == MAY_NOT_BE_READ else uid == owner.get("uid")

    def _find(self, owner: Owner, namespace: str) -> tuple[str, str]:
        """(uid of the live object, empty where it has none; why). Two threads that ask at once get the same answer."""
        api_version, kind, name = (str(owner.get(field)) for field in ("apiVersion", "kind", "name"))
        key = (_group(api_version), kind, namespace, name)
        if key not in self._found:
            self._found[key] = self._look_up(api_version, kind, namespace, name)
        return self._found[key]

    def _look_up(self, api_version: str, kind: str, namespace: str, name: str) -> tuple[str, str]:
        try:
            resource = self._resource(api_version, kind)
            if resource is None:
                return "", NOT_THERE
            owner = self._kube.get(resource, name, namespace if resource.namespaced else None)
        except NotFoundError:
            return "", NOT_THERE
        except CredentialsError:
            raise
        except DeniedError:
            return "", MAY_NOT_BE_READ
        except LrsError as error:
            raise OwnerError(kind, name, error) from error
        alive = "deletionTimestamp" not in owner["metadata"]
        return (str(owner["metadata"]["uid"]), "") if alive else ("", NOT_THERE)

    def _version_of(self, owner: Owner) -> str:
        """That in which the kind of an owner that was found is served; the collector does not find it in another."""
        resource = self._resource(str(owner.get("apiVersion")), str(owner.get("kind")))
        return resource.api_version if resource else str(owner.get("apiVersion"))

    def _resource(self, api_version: str, kind: str) -> Resource | None:
        with self._lock:
            if (api_version, kind) not in self._resources:
                self._resources[api_version, kind] = self._kube.resource_of_kind(api_version, kind)
            return self._resources[api_version, kind]


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


class OwnerError(LrsError):
    """Whether an owner is there could not be told, so the object that it owns is not written. `cause`: why."""

    def __init__(self, kind: str, name: str, cause: LrsError) -> None:
        message = f"its owner {kind}/{name} could not be looked up: {cause}"
        super().__init__(message, hint=cause.hint, exit_code=cause.exit_code)
        self.cause = cause
