"""Why what was deleted is still there: whoever set a finalizer must take it off. Looked up, not guessed.

Mostly that is the LRS operator, which does so only while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.stores.common.operator import Operator, find_operators
from kubectl_lrs.stores.spark.sessions import Session

KUBERNETES_OWN = {
    "foregroundDeletion": "it waits until what it owns is deleted (foreground deletion)",
    "orphan": "it waits until what it owns is released (orphaning)",
}
"""Finalizers that the garbage collector of Kubernetes sets and takes off."""


def causes(kube: KubeClient, stuck: Sequence[Session], operator: str = "") -> Iterator[Finding]:
    """What most likely holds them, one finding for each cause. `operator`: NAMESPACE/NAME, where it is not found by itself."""
    for finalizer, why in KUBERNETES_OWN.items():
        if held := [session for session in stuck if finalizer in session.finalizers]:
            yield Finding(
                Severity.WARNING, f"{_some(held)}: {why}", "see what holds that: kubectl get all -n " + held[0].namespace
            )
    if others := [session for session in stuck if set(session.finalizers) - KUBERNETES_OWN.keys()]:
        yield from _operators(kube, others, operator)


def asleep(kube: KubeClient, sessions: Sequence[Session], operator: str = "") -> Iterator[Finding]:
    """A warning before anything is deleted, where something holds sessions and no operator is awake to let them go."""
    held = [session for session in sessions if set(session.finalizers) - KUBERNETES_OWN.keys()]
    if not held:
        return
    try:
        found = find_operators(kube, sorted({session.namespace for session in held}), operator)
    except LrsError:
        return
    if found and not any(each.ready for each in found):
        number = f"{len(held)} session{'' if len(held) == 1 else 's'} with finalizers"
        names = " and ".join(each.key for each in found)
        yield Finding(Severity.WARNING, f"{number} will be stuck: operator {names} is not running", "scale it up first")


def _operators(kube: KubeClient, held: Sequence[Session], wanted: str) -> Iterator[Finding]:
    namespaces = sorted({session.namespace for session in held})
    try:
        found = find_operators(kube, namespaces, wanted)
    except LrsError as error:
        message = f"whether the operator runs, which would take the finalizers off, could not be looked up: {error}"
        yield Finding(Severity.WARNING, message, error.hint or "look at its Deployment")
        return
    if not found:
        yield Finding(
            Severity.WARNING,
            f"no LRS operator was found in {', '.join(namespaces)} that would take the finalizers off",
            "name its Deployment with --operator NAMESPACE/NAME",
        )
    yield from map(_state, found)


def _state(operator: Operator) -> Finding:
    """What the user should know of an operator whose finalizers are still there."""
    where = f"-n {operator.namespace} deployment/{operator.name}"
    if operator.replicas == 0:
        return Finding(
            Severity.WARNING,
            f"operator {operator.key} is at 0 replicas, so nobody takes the finalizers off",
            f"scale it up, and run this again: kubectl scale {where} --replicas=1",
        )
    if operator.ready == 0:
        return Finding(
            Severity.WARNING,
            f"operator {operator.key} has none of its {operator.replicas} replicas ready, so nobody takes the finalizers off",
            f"see why: kubectl describe {where}",
        )
    return Finding(
        Severity.WARNING,
        f"operator {operator.key} is running ({operator.ready} of {operator.replicas} ready), and yet the finalizers are there",
        f"wait longer with --timeout, or see what it says: kubectl logs {where}",
    )


def _some(sessions: Sequence[Session]) -> str:
    more = f" and {len(sessions) - 1} more" if len(sessions) > 1 else ""
    return f"{sessions[0].key}{more}"
