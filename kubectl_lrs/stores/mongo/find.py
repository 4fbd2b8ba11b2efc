"""Which database is meant, and which of its collections: found by what applications need, never guessed between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubectl_lrs.model.errors import DeniedError, LrsError, UsageError
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.levels import LEVELS, MINIMUM
from kubectl_lrs.stores.mongo.server.access import SERVERS_OWN
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.info import CollectionInfo


@dataclass(frozen=True, kw_only=True)
class DumpOptions:
    """What of MongoDB is backed up. `database`: empty to look for it. `added`: collections besides those of the level."""

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
    """(the databases that hold all of what applications need, those that hold some of it); those of rehearsals are nobody's."""
    whole: list[str] = []
    part: list[str] = []
    for database in mongo.databases():
        if database in SERVERS_OWN or names.rehearsal_of(database):
            continue
        try:
            found = set(MINIMUM) & set(mongo.names(database))
        except DeniedError:
            continue
        if found:
            (whole if len(found) == len(MINIMUM) else part).append(database)
    return whole, part


IS_NOT_THERE = "does not exist, or is empty"
LOOK = "look at --mongo-db"


def named_database(mongo: Mongo, named: str) -> str:
    """The database that the user names, by flag or in the URI; empty where it is to be found. UsageError: two of them."""
    in_uri = mongo.access.database
    if named and in_uri and named != in_uri:
        raise UsageError(
            f"--mongo-db names {named}, and the MongoDB URI {in_uri}",
            hint="leave out one of the two; the database that knows the user is named by authSource=",
        )
    if (found := named or in_uri) and not names.is_database(found):
        raise UsageError(f"{found!r} is no name of a database that mongorestore takes", hint="look at --mongo-db and the URI")
    return found


def restored_database(mongo: Mongo, saved: str, named: str) -> str:
    """Where a restore goes to; UsageError where the application's database has another name here and none was named."""
    if named:
        return named
    whole, part = candidates(mongo)
    found = [*whole, *part]
    if found and saved not in found:
        raise UsageError(
            f"the backup is of database {saved}; here the application's collections are in {', '.join(found)}",
            hint=f"say where they are to go: --mongo-db {found[0]}, or --mongo-db {saved}",
        )
    return saved


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


def require_application(mongo: Mongo, database: str) -> int:
    """How many collections it has; UsageError where those that every application has are not among them."""
    present = mongo.names(database)
    if lacking := sorted(set(MINIMUM) - set(present)):
        raise UsageError(
            f"database {database} of {mongo.describe()} " + (f"has no {' and no '.join(lacking)}" if present else IS_NOT_THERE),
            hint=f"is it the application's? {LOOK}",
        )
    return len(present)


def choose(present: Mapping[str, CollectionInfo], options: DumpOptions, database: str) -> tuple[list[CollectionInfo], list[str]]:
    """(what is to be dumped, with the data of time series; what may lack and does). LrsError where something else lacks."""
    selected: list[CollectionInfo] = []
    lacking: list[str] = []
    for name in options.collections:
        if name not in present:
            lacking.append(name)
            continue
        selected.append(present[name])
        if present[name].kind == "timeseries":
            selected.append(_buckets(present, name, database))
    _require(set(lacking) - set(options.may_lack), present, options, database)
    names.require_distinct(info.name for info in selected)
    return selected, lacking


def _buckets(present: Mapping[str, CollectionInfo], name: str, database: str) -> CollectionInfo:
    try:
        return present[names.BUCKETS + name]
    except KeyError:
        raise LrsError(
            f"{database}.{name} is a time series whose data is not in {names.BUCKETS}{name}",
            hint="this version of MongoDB keeps it in a way that is not known here; leave the collection out",
        ) from None


def _require(lacking: set[str], present: Mapping[str, CollectionInfo], options: DumpOptions, database: str) -> None:
    if not lacking:
        return
    listed = ", ".join(sorted(lacking))
    if not present:
        raise UsageError(f"database {database!r} {IS_NOT_THERE}", hint=LOOK)
    if lacking <= set(options.added):
        raise UsageError(
            f"database {database} has no collection {listed}, which --mongo-collection names",
            hint=f"there are: {', '.join(_shown(present))}",
        )
    allow = " ".join(f"--mongo-allow-missing {name}" for name in sorted(lacking))
    raise LrsError(
        f"database {database} has no collection {listed}, which --mongo {options.level} needs",
        hint=f"is it the right database? {allow} says that it has none; --mongo none leaves this tier out",
    )


def _shown(present: Mapping[str, CollectionInfo]) -> Sequence[str]:
    return [name for name in sorted(present) if names.is_collection(name)][:20]
