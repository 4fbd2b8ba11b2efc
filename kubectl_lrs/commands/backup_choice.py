"""Which backup a call is about: the one that it names, else the newest that holds what it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import At, Selecting
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.choice import Asked
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.stores import TIERS
from kubectl_lrs.model.when import instant_of
from kubectl_lrs.repository import Backup, Repository

NEWEST = ("", LATEST)
"""How a call names no backup of its own."""


def until(given: Given, *backups: str) -> datetime | None:
    """What --at says; UsageError where each backup of the call is named, or there is none."""
    at = given.of(At).at
    if not at:
        return None
    if not set(backups) & set(NEWEST):
        named = " and ".join(map(repr, backups))
        why = f"beside {named}, which {'is a backup' if len(backups) == 1 else 'are backups'}" if backups else "without a backup"
        raise UsageError(f"--at says nothing {why}", hint="it says of which time latest is")
    return instant_of(at, what="--at", now=datetime.now().astimezone())


def found(
    given: Given,
    repository: Repository,
    backup: str,
    cluster: Cluster | None = None,
    *,
    named: Sequence[str] = (),
    applications: Sequence[str] = (),
) -> Backup:
    """The backup of this name, else the newest of the cluster, at the time that --at names, that knows these applications.

    `named`: all backups of the call, where there are others, of one of which --at may speak.
    """
    instant = until(given, *(named or (backup,)))
    if backup not in NEWEST:
        return repository.find(backup)
    asked = Asked(cluster=cluster, until=instant)
    if applications:
        from kubectl_lrs.usecases.belonging import has_application  # with all clients, of which list needs none

        with suppress(UsageError):  # where none knows them, that is said of the newest
            return repository.latest(asked, lambda each: all(has_application(each, word) for word in applications))
    return repository.latest(asked)


def to_restore(
    given: Given, repository: Repository, cluster: Cluster, backup: str, tiers: Sequence[str], objects: Sequence[str]
) -> tuple[Backup, tuple[str, ...]]:
    """(the backup, the LRS of it that are meant): of those that are not named the newest that holds what is asked for."""
    if backup:
        until(given, backup)
        chosen = repository.find(backup)
        _require_held(repository, chosen, tiers, objects)
    else:
        chosen = _newest(given, repository, cluster, tiers, objects)
    return chosen, _objects(chosen, objects)


def _newest(given: Given, repository: Repository, cluster: Cluster, tiers: Sequence[str], objects: Sequence[str]) -> Backup:
    selecting = given.of(Selecting)
    known = frozenset(tiers) & set(TIERS)
    asked = Asked(cluster=cluster, tiers=known, until=until(given, ""))
    narrow = replace(
        asked,
        namespace="" if selecting.all_namespaces or not given.kube.namespace else str(given.kube.namespace),
        types=frozenset(selecting.types),
    )
    with suppress(UsageError):  # where none holds it, what the newest holds is said by whoever looks into it
        return repository.latest(narrow, lambda each: _holds(each, objects))
    return repository.latest(asked)


def _objects(backup: Backup, objects: Sequence[str]) -> tuple[str, ...]:
    """The LRS that the words mean, and that is said where they are called otherwise."""
    if not objects:
        return ()
    from kubectl_lrs.usecases.holding import resolved

    made = resolved(backup, objects)
    for word, key in made:
        if word != key:
            render.say(f"{word} is LRS {key}")
    return tuple(key for _, key in made)


def _require_held(repository: Repository, backup: Backup, tiers: Sequence[str], objects: Sequence[str]) -> None:
    """UsageError for a part or an LRS that a named backup does not hold and another does, which the error names."""
    missing = [name for name in tiers if name in TIERS and name not in backup.catalog.tiers]
    absent = _lacking(backup, objects)
    if not missing and not absent:
        return
    asked = Asked(cluster=backup.catalog.cluster, tiers=frozenset(missing))
    try:
        other = repository.latest(asked, lambda each: _holds(each, absent))
    except UsageError:
        return  # nobody holds it: whoever looks for it says so, with near names
    what = f"no {missing[0]}" if missing else f"no LRS {absent[0]!r}"
    raise UsageError(f"{backup.name} holds {what}", hint=f"the newest that does is {other.name}")


def _lacking(backup: Backup, objects: Sequence[str]) -> list[str]:
    """The LRS of these that it does not hold."""
    if not objects:
        return []
    from kubectl_lrs.usecases.holding import lacking

    return lacking(backup, objects)


def _holds(backup: Backup, objects: Sequence[str]) -> bool:
    """Whether it holds these LRS; where none is named, it is not looked into."""
    if not objects:
        return True
    from kubectl_lrs.usecases.holding import holds

    return holds(backup, objects)
