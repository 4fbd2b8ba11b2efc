"""An API server in memory, for tests of order and number that need no real one: LRS of one namespace, and nothing else.

It stands in for the client, not for the server: what a server makes of a write is tested on a real one.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from kubectl_lrs.clients.kubernetes.answers import Page
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.clients.kubernetes.warnings import Warnings
from kubectl_lrs.model.errors import ApiError, ConflictError, NotFoundError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import Outage

Manifest = dict[str, Any]
NAMESPACE = "datarobot"
LRS = Resource(group="lrs.datarobot.com", version="v1", plural="lrs", kind="LRS", has_status=True, versions=("v1",))


class MemoryKube:
    """`objects` by name; `calls` counts the requests; `trouble` is asked before each creation, and may raise."""

    def __init__(self, trouble: Callable[[Manifest], None] = lambda _manifest: None) -> None:
        self.objects: dict[str, Manifest] = {}
        self.calls: Counter[str] = Counter()
        self.created: list[str] = []
        self.stop = Cancel()
        self.outage = Outage()
        self.warnings = Warnings()
        self.connection = SimpleNamespace(server="https://memory", context="")
        self.trouble = trouble
        self._lock = threading.Lock()
        self._uids = itertools.count(1)

    def get(self, resource: Resource, name: str, _namespace: str | None = None) -> Manifest:
        self.calls["get"] += 1
        if resource.plural == "namespaces":
            return {"metadata": {"name": name}, "status": {"phase": "Active"}}
        if resource.plural == "lrs" and name in self.objects:
            return self.objects[name]
        raise NotFoundError(f"{resource.plural} {name!r} not found", status=404)

    def create(
        self, _resource: Resource, manifest: Manifest, _namespace: str | None = None, *, dry_run: bool = False, **_options: Any
    ) -> Manifest:
        self.calls["trial" if dry_run else "create"] += 1
        manifest = copy.deepcopy(manifest)
        self.trouble(manifest)
        name = manifest["metadata"]["name"]
        with self._lock:
            if name in self.objects:
                raise ConflictError(f"lrs {name!r} already exists", status=409)
            made = {**manifest, "metadata": {**manifest["metadata"], **self._given()}}
            if not dry_run:
                self.objects[name] = made
                self.created.append(name)
        return made

    def delete(self, _resource: Resource, _namespace: str, name: str, *, uid: str, **_conditions: Any) -> bool:
        """Whatever it alone owns goes with it, as the garbage collector has it."""
        self.calls["delete"] += 1
        with self._lock:
            if self.objects.get(name, {}).get("metadata", {}).get("uid") != uid:
                raise NotFoundError(f"lrs {name!r} not found", status=404)
            gone = {uid}
            del self.objects[name]
            while more := [key for key, each in self.objects.items() if _is_orphan(each, gone)]:
                gone |= {self.objects.pop(key)["metadata"]["uid"] for key in more}
        return True

    def pages(self, _resource: Resource, _namespace: str | None = None, **_options: Any) -> Iterator[Page]:
        self.calls["list"] += 1
        yield Page([("", each) for each in self.objects.values()], "1", "", 1)

    def items(self, _resource: Resource, _namespace: str | None = None, **_options: Any) -> list[Manifest]:
        return []

    def can_i(self, *_arguments: Any, **_options: Any) -> bool:
        return True

    def schema(self, _resource: Resource) -> None:
        return None

    def resource_of_kind(self, _api_version: str, kind: str) -> Resource | None:
        return LRS if kind == LRS.kind else None

    def _given(self) -> Manifest:
        number = next(self._uids)
        return {"uid": f"uid-{number}", "resourceVersion": str(number), "generation": 1}


def _is_orphan(manifest: Manifest, gone: set[str]) -> bool:
    owners = manifest["metadata"].get("ownerReferences")
    return bool(owners) and all(owner["uid"] in gone for owner in owners)


def refusing(*names: str) -> Callable[[Manifest], None]:
    """Trouble with the creation of these, under their own names and in trials."""

    def trouble(manifest: Manifest) -> None:
        if manifest["metadata"]["name"].partition("-trial-")[0] in names:
            raise ApiError(f"{manifest['metadata']['name']} is refused", status=422)

    return trouble
