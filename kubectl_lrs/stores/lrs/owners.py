"""Owner references across clusters: an owner of the same kind and name is another object there, with another uid.

A reference to a uid that is not there makes the garbage collector delete the object, so it is linked anew or dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient, Resource
from kubectl_lrs.model.errors import DeniedError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.stores.lrs.saved import StoredLrs

NOT_THERE = "not there"
MAY_NOT_BE_READ = "may not be read"

Owner = Mapping[str, Any]


class Owners:
    """Looks up live owners, each once. Safe to use from several threads.

    `coming`: (kind, namespace, name) of what a dry run does not make; such an owner is not called gone.
    """

    def __init__(self, kube: KubeClient, coming: Collection[tuple[str, str, str]] = ()) -> None:
        self._kube = kube
        self._coming = coming
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str, str, str], tuple[str, str]] = {}
        self._resources: dict[tuple[str, str], Resource | None] = {}

    def relink(self, stored: StoredLrs) -> tuple[Manifest, str]:
        """The manifest with the owners that live in its namespace, and a note that names those which do not."""
        if not stored.owners:
            return stored.manifest, ""
        linked: list[Manifest] = []
        dropped: dict[str, list[str]] = {}
        for owner in stored.owners:
            uid, why = self._find(owner, stored.namespace)
            if uid:
                linked.append({**owner, "uid": uid})
            elif (owner.get("kind"), stored.namespace, owner.get("name")) not in self._coming:
                dropped.setdefault(why, []).append(f"{owner.get('kind')}/{owner.get('name')}")
        manifest = stored.manifest
        if linked:
            manifest = {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": linked}}
        return manifest, "; ".join(f"owner {why}, dropped: {', '.join(names)}" for why, names in dropped.items())

    def _find(self, owner: Owner, namespace: str) -> tuple[str, str]:
        """(uid of the live object, empty where it has none; why). Two threads that ask at once get the same answer."""
        key = (str(owner.get("apiVersion")), str(owner.get("kind")), namespace, str(owner.get("name")))
        if key not in self._found:
            self._found[key] = self._look_up(*key)
        return self._found[key]

    def _look_up(self, api_version: str, kind: str, namespace: str, name: str) -> tuple[str, str]:
        """Any other failure is one of the object that is owned: it must not lose its owner because a server was busy."""
        resource = self._resource(api_version, kind)
        if resource is None:
            return "", NOT_THERE
        try:
            owner = self._kube.get(resource, name, namespace if resource.namespaced else None)
        except NotFoundError:
            return "", NOT_THERE
        except DeniedError:
            return "", MAY_NOT_BE_READ
        alive = "deletionTimestamp" not in owner["metadata"]
        return (str(owner["metadata"]["uid"]), "") if alive else ("", NOT_THERE)

    def _resource(self, api_version: str, kind: str) -> Resource | None:
        with self._lock:
            if (api_version, kind) not in self._resources:
                self._resources[api_version, kind] = self._kube.resource_of_kind(api_version, kind)
            return self._resources[api_version, kind]
