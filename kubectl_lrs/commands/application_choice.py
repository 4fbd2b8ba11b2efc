"""Which backup a call with --app is about, and which application of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kubectl_lrs.commands.backup_choice import NEWEST, until
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import OneApplication
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.choice import Asked
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.stores import TIERS
from kubectl_lrs.repository import Backup, Repository
from kubectl_lrs.usecases.belonging import application_in, has_application

if TYPE_CHECKING:
    from kubectl_lrs.clients.kubernetes.client import KubeClient


def of_application(
    given: Given, repository: Repository, backup: str, cluster: Cluster | None = None, tiers: Sequence[str] = ()
) -> tuple[Backup, tuple[str, str]]:
    """(the backup, id and name of the application of --app in it): of those that are not named the newest that knows it.

    UsageError where it does not, which names another that does.
    """
    word = given.of(OneApplication).app
    instant = until(given, backup)
    asked = Asked(cluster=cluster, tiers=frozenset(tiers) & set(TIERS), until=instant)
    if backup not in NEWEST:
        chosen = repository.find(backup)
    else:
        try:
            chosen = repository.latest(asked, lambda each: has_application(each, word))
        except UsageError:  # none knows it: what the newest knows is said
            chosen = repository.latest(asked)
    try:
        return chosen, application_in(chosen, word)
    except UsageError as error:
        raise known_elsewhere(error, repository, chosen, (word,)) from error


def namespaces_now(backup: Backup, kube: KubeClient, maps: Mapping[str, str]) -> tuple[str | None, str]:
    """(the namespace in which the LRS of a backup are live, None for all; the one in which MongoDB is looked for)."""
    selected = backup.catalog.selection.get("namespace")
    saved = str(selected or kube.connection.namespace)
    home = maps.get(saved, saved)
    return home if selected else None, home


def known_elsewhere(error: UsageError, repository: Repository, backup: Backup, applications: Sequence[str]) -> UsageError:
    """The same error, with the newest other backup that knows the applications which this one does not."""
    lacking = [word for word in applications if not has_application(backup, word)]
    if not lacking:
        return error  # it is about something else, such as that several are called so
    with suppress(UsageError):
        asked = Asked(cluster=backup.catalog.cluster if backup.catalog.cluster.is_known else None)
        other = repository.latest(asked, lambda each: all(has_application(each, word) for word in lacking))
        return UsageError(str(error), hint=f"the newest backup that knows it is {other.name}; {error.hint}")
    return error
