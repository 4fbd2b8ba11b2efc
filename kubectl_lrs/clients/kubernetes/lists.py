"""Lists that are read page by page: begun anew when the server has given up their snapshot, and what to do without the right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.errors import DeniedError, ExpiredError, UnreachableError
from kubectl_lrs.runtime.retry import Policy, insist, is_any

R = TypeVar("R")

LISTS = Policy(attempts=3, first=0.0)
"""How often a list is begun; the server answers, so nothing is gained by a pause."""


def whole(
    kube: KubeClient,
    read: Callable[[], R],
    *,
    what: str = "the list was whole",
    before_again: Callable[[Exception], object] = lambda _error: None,
) -> R:
    """What `read` returns, which goes through all pages of lists; UnreachableError where their snapshot is lost again and again.

    `before_again`: what takes back what the broken reading has left. `what`: what was not reached, for the message.
    """
    try:
        return insist(
            lambda _attempt: read(), policy=LISTS, cancel=kube.stop, may_pass=is_any(ExpiredError), before_again=before_again
        )
    except ExpiredError as error:
        raise given_up(what) from error


def given_up(what: str) -> UnreachableError:
    """The snapshots of lists were lost as often as they were begun."""
    return UnreachableError(
        f"the API server gave up its snapshot {LISTS.attempts} times before {what}",
        hint="the server or the network is slow; try again, or by namespace with -n",
    )


@contextmanager
def everywhere(namespace: str | None) -> Iterator[None]:
    """While the block reads pages: whoever may not list all namespaces (None) is told that one is enough."""
    try:
        yield
    except DeniedError as error:
        if namespace is None and not error.hint:
            raise DeniedError(str(error), hint="name one namespace with -n; a Role in it is enough for that") from error
        raise
