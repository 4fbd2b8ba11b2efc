"""What a restore would do to each collection, and what stands against it. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import bson

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.plan import Action, Existing, Finding, Severity, Step
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.find import candidates
from kubectl_lrs.stores.mongo.saved import StoredCollection, StoredDump
from kubectl_lrs.stores.mongo.server.client import CollectionInfo, Mongo

TIER = "mongo"
BESIDE = "lrs_restore."
"""What the collections that are loaded beside the old ones are called, before their name."""


@dataclass(frozen=True, kw_only=True)
class RestoreWish:
    """What the user asked for. `database`: empty for the one of the backup; `only`: empty for all collections that go back."""

    existing: Existing = Existing.MERGE
    database: str = ""
    only: tuple[str, ...] = ()
    allow_running_app: bool = False
    ignore_keys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoStep(Step):
    """One collection, of which database, and what is to happen to it.

    `documents`: how many the backup holds; `there` is what the database has under its name, with `before` documents.
    """

    store: ClassVar[str] = TIER

    database: str
    stored: StoredCollection
    documents: int
    there: CollectionInfo | None = None
    before: int = 0


def beside(name: str) -> str:
    """The name under which a collection is loaded before it takes the place of the old one."""
    return f"{BESIDE}{name}" if len(name.encode()) <= 180 else f"{BESIDE}{names.stem(name)[-60:]}"


def target_database(mongo: Mongo, dump: StoredDump, wish: RestoreWish) -> str:
    """Where to; UsageError where the application's database has another name here and none was named."""
    if wish.database:
        if not names.is_database(wish.database):
            raise UsageError(f"--mongo-db {wish.database!r} is no name of a database")
        return wish.database
    whole, part = candidates(mongo)
    found = [*whole, *part]
    if found and dump.database not in found:
        raise UsageError(
            f"the backup is of database {dump.database}; here the application's collections are in {', '.join(found)}",
            hint=f"say where they are to go: --mongo-db {found[0]}, or --mongo-db {dump.database}",
        )
    return dump.database


def decide(
    stored: StoredCollection,
    there: CollectionInfo | None,
    *,
    database: str,
    size: tuple[int, int],
    before: int,
    existing: Existing,
) -> MongoStep:
    """What is to happen to one collection; `size`: (documents, bytes) of the stored one."""
    documents, length = size
    about = stored.metadata
    if there is None:
        action, reason = Action.CREATE, f"{documents} documents" if not about.is_view else "a view"
    elif _kind(there) != ("view" if about.is_view else "timeseries" if about.is_timeseries else "collection"):
        action, reason = Action.CONFLICT, f"there is a {_kind(there)} of this name"
    elif about.is_view:
        same = bson.encode(dict(about.options)) == there.options
        action = Action.UNCHANGED if same else Action.REPLACE if existing is Existing.DROP else Action.CONFLICT
        reason = "" if same else "the view is defined differently"
    elif existing is Existing.DROP:
        action, reason = Action.REPLACE, f"{before} documents are replaced by {documents}"
    else:
        action, reason = Action.MERGE, f"{documents} documents into {before}; those that are there stay as they are"
    return MongoStep(
        name=stored.name,
        action=action,
        reason=reason,
        bytes=length,
        database=database,
        stored=stored,
        documents=documents,
        there=there,
        before=before,
    )


def warnings(dump: StoredDump, steps: list[MongoStep], present: Mapping[str, CollectionInfo], database: str) -> Iterator[Finding]:
    """What the user should know before."""
    when = f", as they were at {dump.instant}" if dump.instant else ""
    listed = ", ".join(step.name for step in steps)
    note = f"only these collections of {database} go back{when}: {listed}; every other one stays as it is"
    yield Finding(Severity.NOTE, f"{note}; collections that are made anew get a UUID of their own")
    if dump.left_out:
        yield Finding(Severity.NOTE, f"left alone in {dump.folder.path.name}: {', '.join(dump.left_out)}")
    if not dump.facts:
        yield Finding(Severity.NOTE, "a plain dump: there are no sums, so nothing tells whether it is as it was written")
    for step in steps:
        if step.action is Action.MERGE and step.there and not _has_same_options(step):
            yield Finding(Severity.WARNING, f"{step.name}: its options differ from the backup's, and stay as they are")
        if step.action is Action.REPLACE and step.stored.metadata.is_timeseries:
            why = "a time series cannot be loaded beside the old one: it is dropped first"
            yield Finding(Severity.WARNING, f"{step.name}: {why}", hint="if the run breaks off, run it again")
    if remains := sorted(name for name in present if name.startswith(BESIDE)):
        yield Finding(Severity.NOTE, f"an interrupted restore has left {', '.join(remains)}: removed before the same is loaded")


def effects(steps: list[MongoStep], database: str) -> tuple[str, ...]:
    """What is lost if it goes on, in words."""
    replaced = [step for step in steps if step.action is Action.REPLACE]
    if not replaced:
        return ()
    listed = ", ".join(f"{step.name} ({step.before} documents)" for step in replaced)
    return (f"replace {len(replaced)} collections of {database}: {listed}",)


def _kind(info: CollectionInfo) -> str:
    return info.kind or "collection"


def _has_same_options(step: MongoStep) -> bool:
    assert step.there
    return bson.encode(dict(step.stored.metadata.options)) == step.there.options
