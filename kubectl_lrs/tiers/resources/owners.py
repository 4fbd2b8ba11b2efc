"""Owner references across clusters: an owner of the same kind and name is another object there, with another uid.

A reference to a uid that is not there makes the garbage collector delete the object, so it is linked anew or dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from kubectl_lrs.clients.kube import KubeClient, Resource
from kubectl_lrs.errors import ApiError, DeniedError
from kubectl_lrs.manifest import Manifest
from kubectl_lrs.tiers.resources.stored import StoredLrs


class Owners:
    """Looks up live owners, each once. Safe to use from several threads."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._lock = threading.Lock()
        self._uids: dict[tuple[str, str, str, str], str] = {}
        self._resources: dict[tuple[str, str], Resource | None] = {}

    def relink(self, stored: StoredLrs) -> tuple[Manifest, str]:
        """The manifest with the owners that live in its namespace, and a note that names those which do not."""
        if not stored.owners:
            return stored.manifest, ""
        linked, dropped = [], []
        for owner in stored.owners:
            uid = self._uid(owner, stored.namespace)
            if uid:
                linked.append({**owner, "uid": uid})
            else:
                dropped.append(f"{owner.get('kind')}/{owner.get('name')}")
        manifest = stored.manifest
        if linked:
            manifest = {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": linked}}
        return manifest, f"owner not there, dropped: {', '.join(dropped)}" if dropped else ""

    def _uid(self, owner: Mapping[str, Any], namespace: str) -> str:
        key = (str(owner.get("apiVersion")), str(owner.get("kind")), namespace, str(owner.get("name")))
        with self._lock:
            if key not in self._uids:
                self._uids[key] = self._look_up(*key)
            return self._uids[key]

    def _look_up(self, api_version: str, kind: str, namespace: str, name: str) -> str:
        """The uid of the live object, empty where there is none or it may not be read."""
        resource = self._resource(api_version, kind)
        if resource is None:
            return ""
        try:
            owner = self._kube.get(resource, name, namespace if resource.namespaced else None)
        except (ApiError, DeniedError):
            return ""
        alive = "deletionTimestamp" not in owner["metadata"]
        return str(owner["metadata"]["uid"]) if alive else ""

    def _resource(self, api_version: str, kind: str) -> Resource | None:
        if (api_version, kind) not in self._resources:
            self._resources[api_version, kind] = self._kube.resource_of_kind(api_version, kind)
        return self._resources[api_version, kind]
