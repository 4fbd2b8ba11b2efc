"""Who is there: what could not be looked at is said, and never taken for nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.model.errors import DeniedError, UnreachableError
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.stores.mongo.presence import Presence


def _operation(app: str = "", driver: str = "nodejs", **other: Any) -> dict[str, Any]:
    return {"client": "10.0.0.7:40000", "appName": app, "clientMetadata": {"driver": {"name": driver}}, **other}


def _deployment(name: str, replicas: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"release": "dr"}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": []}}},
        "status": {"replicas": replicas},
    }


def _findings(
    operations: Any = (),
    deployments: Any = (),
    *,
    drops: bool = True,
    allow: bool = False,
    kube: bool = True,
    is_mongos: bool = False,
) -> list[tuple[Severity, str]]:
    def give(found: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    mongo = SimpleNamespace(
        operations=lambda: give(operations),
        server=lambda: SimpleNamespace(is_mongos=is_mongos),
        access=SimpleNamespace(app_name="ours"),
    )
    cluster = SimpleNamespace(items=lambda _resource, _namespace: give(deployments)) if kube else None
    presence = Presence(mongo, cluster, "n")  # type: ignore[arg-type]
    return [(each.severity, each.message) for each in presence.findings(drops=drops, allow=allow)]


def test_nobody() -> None:
    assert _findings() == []
    assert _findings([_operation("ours"), _operation(driver="NetworkInterfaceTL-x"), {"appName": "no client"}]) == []
    assert _findings([_operation(effectiveUsers=[{"user": "__system"}])]) == []


@pytest.mark.parametrize(
    ("drops", "allow", "severity"),
    [(True, False, Severity.ERROR), (True, True, Severity.WARNING), (False, False, Severity.WARNING)],
)
def test_somebody(drops: bool, allow: bool, severity: Severity) -> None:
    found = _findings(
        [_operation("mmapp"), _operation("mmapp"), _operation()], [_deployment("mmapp-app", 2)], drops=drops, allow=allow
    )
    assert [each for each, _ in found] == [severity, severity]
    assert "mmapp-app" in found[0][1]
    assert "mmapp from 10.0.0.7 (2)" in found[1][1]
    assert "nodejs from 10.0.0.7" in found[1][1]


def test_who_says_its_name_comes_first() -> None:
    """A connection that is being opened has said nothing yet, and only some are shown."""
    unnamed = [{"client": f"10.0.1.{host}:40000"} for host in range(9)]
    (found,) = [message for _, message in _findings([*unnamed, _operation("mmapp"), *unnamed])]
    assert "connected to MongoDB: mmapp from 10.0.0.7, a client from 10.0.1.0 (2), " in found


def test_an_application_that_is_scaled_to_nothing_does_not_run() -> None:
    assert _findings(deployments=[_deployment("mmapp-app", 0)]) == []


@pytest.mark.parametrize("error", [DeniedError("no"), UnreachableError("away")])
def test_what_could_not_be_looked_at_is_said(error: Exception) -> None:
    found = _findings(error, error, drops=False)
    assert [each for each, _ in found] == [Severity.WARNING] * 2
    assert all("could not be looked at" in message for _, message in found)
    assert "not looked at" in _findings(kube=False)[0][1]


@pytest.mark.parametrize(
    ("operations", "deployments", "more", "refused"),
    [
        (DeniedError("no"), DeniedError("no"), {}, True),
        (DeniedError("no"), [], {}, True),  # none of the application's is there: it may run elsewhere
        (DeniedError("no"), [_deployment("mmapp-app", 0)], {}, False),
        ([], DeniedError("no"), {}, False),
        ([], DeniedError("no"), {"is_mongos": True}, True),  # clients of other routers
        (DeniedError("no"), [], {"kube": False}, True),
        (DeniedError("no"), DeniedError("no"), {"allow": True}, False),
        (DeniedError("no"), DeniedError("no"), {"drops": False}, False),
    ],
)
def test_not_to_know_is_not_to_know_that_nobody_is_there(
    operations: Any, deployments: Any, more: dict[str, bool], refused: bool
) -> None:
    found = _findings(operations, deployments, **more)
    assert any(severity is Severity.ERROR and "is not known" in message for severity, message in found) is refused
