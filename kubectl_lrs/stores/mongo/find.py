"""Which database is meant, and which of its collections: found by what applications need, never guessed between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubectl_lrs.model.errors import DeniedError, LrsError, UsageError
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.levels import LEVELS, MINIMUM
from kubectl_lrs.stores.mongo.server.client import CollectionInfo, Mongo

_SERVERS_OWN = frozenset(("admin", "config", "local"))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asked to be backed up. `database`: empty to look for it. `added`: collections besides those of the level."""

    level: str
    database: str = ""
    added: tuple[str, ...] = ()
    may_lack: tuple[str, ...] = ()
    consistent: bool = True

    @property
    def collections(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*LEVELS[self.level], *self.added)))


def candidates(mongo: Mongo) -> tuple[list[str], list[str]]:
    """(the databases that hold all of what applications need, those that hold some of it)."""
    whole: list[str] = []
    part: list[str] = []
    for database in mongo.databases():
        if database in _SERVERS_OWN:
            continue
        try:
            found = set(MINIMUM) & set(mongo.names(database))
        except DeniedError:
            continue
        if found:
            (whole if len(found) == len(MINIMUM) else part).append(database)
    return whole, part


def find_database(mongo: Mongo) -> str:
    """The one database that holds applications; UsageError where there is none, or more than one."""
    whole, part = candidates(mongo)
    found = whole or part
    if len(found) == 1:
        return found[0]
    looked_for = " and ".join(MINIMUM)
    if not found:
        raise UsageError(
            f"no database of {mongo.describe()} that this user may see holds {looked_for}",
            hint="is it the right MongoDB, and may the user list the collections? --mongo-db names the database",
        )
    raise UsageError(f"{looked_for} are in more than one database: {', '.join(found)}", hint="say which is meant with --mongo-db")


def choose(present: Mapping[str, CollectionInfo], wish: Wish, database: str) -> tuple[list[CollectionInfo], list[str]]:
    """(what is to be dumped, with the data of time series; what may lack and does). LrsError where something else lacks."""
    chosen: list[CollectionInfo] = []
    lacking: list[str] = []
    for name in wish.collections:
        if name not in present:
            lacking.append(name)
            continue
        chosen.append(present[name])
        if present[name].kind == "timeseries":
            chosen.append(_buckets(present, name, database))
    _require(set(lacking) - set(wish.may_lack), present, wish, database)
    names.require_distinct(info.name for info in chosen)
    return chosen, lacking


def _buckets(present: Mapping[str, CollectionInfo], name: str, database: str) -> CollectionInfo:
    try:
        return present[names.BUCKETS + name]
    except KeyError:
        raise LrsError(
            f"{database}.{name} is a time series whose data is not in {names.BUCKETS}{name}",
            hint="this version of MongoDB keeps it in a way that is not known here; leave the collection out",
        ) from None


def _require(lacking: set[str], present: Mapping[str, CollectionInfo], wish: Wish, database: str) -> None:
    if not lacking:
        return
    listed = ", ".join(sorted(lacking))
    if not present:
        raise UsageError(f"database {database!r} does not exist, or is empty", hint="look at --mongo-db")
    if lacking <= set(wish.added):
        raise UsageError(
            f"database {database} has no collection {listed}, which --mongo-collection names",
            hint=f"there are: {', '.join(_shown(present))}",
        )
    allow = " ".join(f"--mongo-allow-missing {name}" for name in sorted(lacking))
    raise LrsError(
        f"database {database} has no collection {listed}, which --mongo {wish.level} needs",
        hint=f"is it the right database? {allow} says that it has none; --mongo none leaves this tier out",
    )


def _shown(present: Mapping[str, CollectionInfo]) -> Sequence[str]:
    return [name for name in sorted(present) if names.is_collection(name)][:20]
