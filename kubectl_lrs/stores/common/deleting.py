"""Writes of which it is not known whether they were done: when they are sent again. And deleting one very object so."""

from __future__ import annotations

from kubectl_lrs.clients.kubernetes.answers import UnansweredError
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ApiError, ConflictError, LrsError, NotFoundError
from kubectl_lrs.runtime.retry import Policy, insist

TRIES = 3
"""How often a write is sent when it is not known whether it was done, and it turns out that it was not."""

POLICY = Policy(attempts=TRIES, first=0.5)

MAY_BE_DONE = frozenset((500, 502, 504))
"""Statuses that a server or a load balancer gives to a write that may have been done all the same."""


def delete_this(kube: KubeClient, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str = "") -> bool:
    """Ask for the deletion of the object with this uid, in this version where one is given; whether it is gone by now.

    ConflictError: another one has its name, or it has changed, which the deletion itself may have done.
    """

    def act(_attempt: int) -> bool:
        try:
            return kube.delete(resource, namespace, name, uid=uid, resource_version=resource_version)
        except NotFoundError:
            return True

    return insist(act, policy=POLICY, cancel=kube.stop, may_pass=may_be_done, outage=kube.outage)


def may_be_done(error: Exception) -> bool:
    """Whether a write that failed so may have been done all the same."""
    return isinstance(error, UnansweredError) or (isinstance(error, ApiError) and error.status in MAY_BE_DONE)


class Doubt:
    """Whether a write that failed is worth another look: it may have been done, or somebody else was faster.

    `is_unsure`: one of the attempts so far may have been done, so that what failed since may have failed because of it.
    """

    def __init__(self) -> None:
        self.is_unsure = False

    def __call__(self, error: Exception) -> bool:
        """Judge the error of one attempt."""
        self.is_unsure = self.is_unsure or may_be_done(error)
        return isinstance(error, ConflictError) or (self.is_unsure and isinstance(error, LrsError))
