"""Is the application running, and does anybody else use the database? A restore beneath it would lose its writes.

What could not be looked at is said, never taken for absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import DEPLOYMENTS
from kubectl_lrs.model.errors import ApiError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.runtime.cancel import Cancel, Deadline
from kubectl_lrs.stores.mongo.server.client import Mongo

APPLICATION = "mmapp-app"
RELEASE = "dr"
SHOWN = 8
SETTLE, LOOK = 3.0, 0.1
"""Seconds in which a connection that is being opened says whose it is, and between two looks. It may be one of our own."""
_UNNAMED = "a client from "
_INTERNAL_DRIVERS = ("NetworkInterfaceTL", "MongoDB Internal Client")


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Who was found. `is_known`: that nobody else is there is known, too. `unknown`: what could not be looked at, and why."""

    active: list[str] = field(default_factory=list)
    unknown: str = ""
    is_known: bool = False


class Presence:
    """Who is there. `kube` is None where there is no cluster to look at."""

    def __init__(self, mongo: Mongo, kube: KubeClient | None, namespace: str) -> None:
        self._mongo = mongo
        self._kube = kube
        self._namespace = namespace

    def findings(self, *, drops: bool, allow: bool) -> Iterator[Finding]:
        """What stands against the restore: errors where collections are to be replaced, else warnings."""
        application, clients = self._deployments(), self._clients()
        severity = Severity.ERROR if drops and not allow else Severity.WARNING
        hint = "scale it to 0 first; --allow-running-app restores all the same, and loses what it writes meanwhile"
        if application.active:
            yield Finding(severity, f"the application is running in {self._namespace}: {_few(application.active)}", hint=hint)
        if clients.active:
            yield Finding(severity, f"other clients are connected to MongoDB: {_few(clients.active)}", hint=hint)
        for why in (application.unknown, clients.unknown):
            if why:
                yield Finding(Severity.WARNING, why, note=Note.MONGO_USERS_UNKNOWN)
        if drops and not allow and not (clients.is_known or application.is_known):
            yield Finding(
                Severity.ERROR,
                "whether anybody uses these collections is not known: other clients of MongoDB could not be looked at, "
                f"and no Deployment of the application that is scaled to 0 was found in {self._namespace}",
                hint="grant the right inprog (docs/mongo.md), or say that nobody does: --allow-running-app",
            )

    def _deployments(self) -> _Seen:
        if self._kube is None:
            return _Seen(unknown="whether the application is running was not looked at: no cluster was given")
        try:
            found = [each for each in self._kube.items(DEPLOYMENTS, self._namespace) if _is_application(each)]
        except (ApiError, DeniedError, UnreachableError) as error:
            return _Seen(unknown=f"whether the application is running in {self._namespace} could not be looked at: {error}")
        return _Seen(active=[str(each["metadata"]["name"]) for each in found if _runs(each)], is_known=bool(found))

    def _clients(self) -> _Seen:
        try:
            others = self._others()
            is_mongos = self._mongo.server().is_mongos
        except LrsError as error:
            return _Seen(unknown=f"whether others use the database could not be looked at: {error}")
        groups = Counter(map(_client, others))
        # Who says its name comes first: only some are shown.
        named = sorted(groups.items(), key=lambda group: group[0].startswith(_UNNAMED))
        active = [f"{name} ({count})" if count > 1 else name for name, count in named]
        if is_mongos:
            return _Seen(active=active, unknown="clients of other routers (mongos) than this one cannot be seen from here")
        return _Seen(active=active, is_known=True)

    def _others(self) -> list[Mapping[str, Any]]:
        """The connections of others. Where none of them says its name they are looked at until one does, or the time is over:
        then who says nothing is somebody else.
        """
        deadline = Deadline(SETTLE, Cancel())
        while True:
            others = [each for each in self._mongo.operations() if self._is_other(each)]
            if not others or any(map(_name, others)) or not deadline.pause(LOOK):
                return others

    def _is_other(self, operation: Mapping[str, Any]) -> bool:
        about = operation.get("clientMetadata") or {}
        driver = str((about.get("driver") or {}).get("name", ""))
        return (
            bool(operation.get("client"))
            and operation.get("appName") != self._mongo.access.app_name
            and not driver.startswith(_INTERNAL_DRIVERS)
            and not any(user.get("user") == "__system" for user in operation.get("effectiveUsers") or ())
        )


def _client(operation: Mapping[str, Any]) -> str:
    host = str(operation["client"]).rpartition(":")[0]
    name = _name(operation)
    return f"{name} from {host}" if name else f"{_UNNAMED}{host}"


def _name(operation: Mapping[str, Any]) -> str:
    driver = ((operation.get("clientMetadata") or {}).get("driver") or {}).get("name", "")
    return str(operation.get("appName") or driver)


def _is_application(deployment: Manifest) -> bool:
    metadata = deployment["metadata"]
    labels = metadata.get("labels") or {}
    of_release = RELEASE in (labels.get("release"), labels.get("app.kubernetes.io/instance"))
    return metadata["name"] == APPLICATION or (of_release and "operator" not in metadata["name"])


def _runs(deployment: Manifest) -> bool:
    wanted = (deployment.get("spec") or {}).get("replicas", 1)
    return bool(wanted or (deployment.get("status") or {}).get("replicas"))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
