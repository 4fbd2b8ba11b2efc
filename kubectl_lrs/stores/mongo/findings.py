"""What the user should know of a restore before it begins. Nothing is looked at here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import WRITES, Action, Finding, Severity
from kubectl_lrs.stores.mongo import temporary
from kubectl_lrs.stores.mongo.definition import left_out
from kubectl_lrs.stores.mongo.losses import Losses
from kubectl_lrs.stores.mongo.plan import MongoStep, options_differ
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.server.info import Server
from kubectl_lrs.stores.mongo.temporary import Abandoned, Owner

SHOWN = 10
KEEP = "a backup made now keeps them; --mongo-existing merge leaves them there"


def of_dump(dump: StoredDump, steps: Sequence[MongoStep], database: str, server: Server) -> Iterator[Finding]:
    """What the dump is, and what of it does not go back."""
    when = f", as they were at {dump.instant}" if dump.instant else ""
    listed = ", ".join(step.name for step in steps)
    if dump.only is not None:
        yield _goes_back(
            f"only {len(dump.only)} documents of {database} go back{when}: of {listed}; every other one stays as it is"
        )
        return
    note = f"only these collections of {database} go back{when}: {listed}; every other one stays as it is"
    yield _goes_back(f"{note}; collections that are made anew get a UUID of their own")
    if dump.left_out:
        yield _goes_back(f"left alone in {dump.folder.name}: {_few(dump.left_out)}")
    if dump.unknown:
        yield _goes_back(f"not restored from {dump.folder.name}: {_few(dump.unknown)}")
    if not dump.facts:
        why = "a plain dump: there are no sums, so nothing tells whether it is as it was written"
        yield Finding(Severity.NOTE, why, note=Note.MONGO_NO_SUMS)
    if dump.server and _major(dump.server) > server.numbers[:1]:
        why = f"the dump is of MongoDB {dump.server}, and the server is {server.version}"
        message = f"{why}: what only the newer one has is refused, or named as altered"
        yield Finding(Severity.WARNING, message, note=Note.MONGO_OLDER_SERVER)


def _goes_back(message: str) -> Finding:
    return Finding(Severity.NOTE, message, note=Note.MONGO_WHAT_GOES_BACK)


def of_newer(step: MongoStep, count: int) -> Iterator[Finding]:
    """What is lost by replacing a collection, as far as ids tell when a document was made."""
    if count:
        these = "document that was" if count == 1 else "documents that were"
        yield Finding(
            Severity.WARNING,
            f"{step.name}: at least {count} {these} made since the backup would be lost with what is replaced",
            hint=f"it is too large to be compared whole; {KEEP}",
        )


def of_definition_lost(step: MongoStep, indexes: Iterable[str]) -> Iterator[Finding]:
    """Indexes and options that go with a collection that is replaced, as the backup lacks them. `indexes`: the live ones."""
    about = step.stored.metadata
    saved = {str(each.get("name")) for each in about.indexes}
    lost = [f"index {name}" for name in sorted(set(indexes) - saved)]
    options = step.there.info.decoded() if step.there else {}
    lost += [f"option {name}" for name in sorted(set(options) - set(about.options))]
    if lost:
        why = f"{step.name}: what it has and the backup lacks would be lost with what is replaced: {_few(lost)}"
        yield Finding(Severity.WARNING, why, hint=KEEP)


def of_losses(found: Losses) -> Iterator[Finding]:
    """What is lost by replacing collections that were compared whole, by application."""
    said = [f"{found.gone:,} that the backup does not hold"] if found.gone else []
    said += [f"{found.changed:,} that changed since"] if found.changed else []
    if said:
        details = tuple(map(str, found.sorted))
        yield Finding(Severity.WARNING, f"documents would be lost: {', '.join(said)}", hint=KEEP, details=details)


def of_steps(steps: Iterable[MongoStep], present: Iterable[str]) -> Iterator[Finding]:
    """What is odd about single collections."""
    there = set(present)
    writing = [step for step in steps if step.action in WRITES]
    coming = there | {step.name for step in writing}
    for step in writing:
        yield from _of_definition(step, coming)
        yield from _of_content(step)


def _of_definition(step: MongoStep, coming: set[str]) -> Iterator[Finding]:
    about = step.stored.metadata
    if step.action is Action.MERGE and options_differ(step):
        yield Finding(Severity.WARNING, f"{step.name}: its options differ from the backup's, and stay as they are")
    elif ignored := left_out(about):
        why = f"{step.name}: made without {', '.join(ignored)}, which means nothing any more"
        yield Finding(Severity.NOTE, why, note=Note.MONGO_OLD_OPTIONS)
    if about.is_view and about.options.get("viewOn") not in coming:
        yield Finding(Severity.WARNING, f"{step.name}: what it is a view on, {about.options['viewOn']}, is not there")
    for name, why in step.refused.items():
        yield Finding(Severity.WARNING, f"{step.name}: index {name} is not built, the server does not take it: {why}")
    if step.action is Action.REPLACE and about.is_timeseries:
        why = "a time series cannot be loaded beside the old one: it is dropped first"
        yield Finding(Severity.WARNING, f"{step.name}: {why}", hint="if the run breaks off, run it again")


def _of_content(step: MongoStep) -> Iterator[Finding]:
    stored, limit = step.stored, step.stored.metadata.options.get("max")
    if not stored.has_metadata:
        yield Finding(Severity.WARNING, f"{step.name}: the dump has no metadata of it: no options, no indexes")
    if not stored.data and not stored.metadata.is_view:
        yield Finding(Severity.WARNING, f"{step.name}: the dump has no file with its documents")
    if step.action is not Action.MERGE and isinstance(limit, (int, float)) and 0 < limit < step.documents:
        yield Finding(Severity.WARNING, f"{step.name}: it is capped: of {step.documents} documents the server keeps {int(limit)}")
    if step.there and step.action is Action.MERGE and step.there.info.is_capped:
        why = "it is capped, and new documents may push out those that are there: where they do not fit, none is added"
        yield Finding(Severity.NOTE, f"{step.name}: {why}")


def of_runs(runs: Iterable[Abandoned], *, sweeps: bool) -> Iterator[Finding]:
    """What other restores have left, or are at work with. `sweeps`: this one removes what is nobody's any more."""
    for run in runs:
        if run.owner is Owner.DEAD:
            what = "it is removed" if sweeps else "the next restore that replaces collections removes it"
            yield Finding(Severity.NOTE, f"an interrupted restore has left {run.listed}: {what}")
        elif run.owner is Owner.ALIVE:
            said = f"a sign of life {run.age:.0f} s ago"
            yield Finding(
                Severity.WARNING,
                f"another restore ({run.who}, {said}) is at work here, with {run.listed}",
                hint=f"wait for it; {temporary.DEAD:.0f} s after the last sign it is taken for over, and what it has left goes",
            )
        else:
            yield Finding(
                Severity.WARNING,
                f"{run.listed} may belong to another restore, or to one of an earlier version: it stays",
                hint="where no restore is running, drop it yourself",
            )


def effects(steps: Iterable[MongoStep], database: str) -> tuple[str, ...]:
    """What is lost if it goes on, in words."""
    replaced = [step for step in steps if step.action is Action.REPLACE]
    if not replaced:
        return ()
    listed = ", ".join(f"{step.name} ({step.before} documents)" for step in replaced)
    return (f"replace {len(replaced)} collections of {database}: {listed}",)


def remains(dump: StoredDump) -> tuple[str, ...]:
    """What the dump holds that is needed for what it stands for, and is not restored."""
    if not dump.oplog:
        return ()
    why = "the writes that came while it was made are not replayed, so its collections may be of different instants"
    return (f"{dump.oplog}: {why}; the real mongorestore can replay it",)


def _major(version: str) -> tuple[int, ...]:
    first = version.split(".")[0]
    return (int(first),) if first.isdigit() else ()


def _few(found: Sequence[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
