"""Dump: the chosen collections at one instant, raw from the wire into mongodump's own files."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bson.timestamp import Timestamp

from kubectl_lrs import __version__
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import DeniedError, LrsError
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.repository import Sink, Writer
from kubectl_lrs.runtime import blocks
from kubectl_lrs.runtime.parallel import prefetch, run_all
from kubectl_lrs.runtime.progress import BYTES, Progress
from kubectl_lrs.runtime.retry import Policy, insist, is_any
from kubectl_lrs.stores.mongo import metadata, names
from kubectl_lrs.stores.mongo.find import DumpOptions, choose, find_database, named_database
from kubectl_lrs.stores.mongo.levels import LEVELS, NOT_COVERED
from kubectl_lrs.stores.mongo.saved import TIER
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import (
    CollectionChangedError,
    CursorLostError,
    MongoError,
    MongoUnreachableError,
    SnapshotTooOldError,
)
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server

BATCH_BYTES = 1 << 19
"""About so much is read at once: with larger batches it takes longer, and more memory."""

MOST_IN_BATCH = 50_000
AT_ONCE = 4
"""Collections that are read at once."""

SNAPSHOTS = Policy(attempts=2, first=0.0)
"""How often all is read before it is given up that a snapshot lives long enough, or that collections stay what they are."""

READINGS = Policy(attempts=3, first=0.0)
"""How often a collection is read from its beginning when the connection, the primary or the cursor is lost."""


Moment = dict[str, Any]
"""A time of the server's, as the catalog holds it: `time`, and `t` and `i` where it is one of the cluster's."""

Instant = dict[str, Moment]
"""`from` and `until`: the same where all was read as it was at one instant."""


@dataclass
class _Written:
    """What became of one collection; `instant`: at which it was read, by the server's clock."""

    documents: int = 0
    bytes: int = 0
    instant: Instant = field(default_factory=dict)


class MongoCollector:
    """The Mongo part of a backup. `keys`: facts about the keys that parts of the data are encrypted with."""

    def __init__(self, mongo: Mongo, options: DumpOptions, keys: Callable[[], dict[str, Any]] | None = None) -> None:
        self._mongo = mongo
        self._options = options
        self._keys = keys

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write every chosen collection into the folder; the facts for the catalog."""
        blocks.keep()
        try:
            return self._collect(writer, progress)
        finally:
            self._mongo.close()

    def _collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        progress.begin("looking at MongoDB")
        server = self._mongo.server()
        database = named_database(self._mongo, self._options.database) or find_database(self._mongo)
        if not names.is_database(database):
            raise LrsError(f"database {database!r}: mongorestore does not take such a name")
        notes = [Remark(why, Note.MONGO_NOT_OF_ONE_INSTANT) for why in self._not_of_one_instant(server)]
        mark = writer.checkpoint()

        def begun_anew(error: Exception) -> None:
            writer.rollback(mark)
            progress.note(f"warning: {error}: beginning anew, as of another instant")

        try:
            facts = insist(
                lambda _attempt: _Dump(self._mongo, self._options, server, database, writer, progress).run(),
                policy=SNAPSHOTS,
                may_pass=is_any(SnapshotTooOldError, CollectionChangedError),
                before_again=begun_anew,
            )
        except SnapshotTooOldError as error:
            raise _history_too_short(error) from error
        if facts["outsideSnapshot"]:
            listed = ", ".join(facts["outsideSnapshot"])
            why = f"capped collections refuse to be read at an instant; read by themselves: {listed}"
            notes.append(Remark(why, Note.MONGO_CAPPED_BY_THEMSELVES))
        notes += [Remark(each.sentence) for each in facts.pop("beside")]
        if self._options.level == "complete" and not self._options.added:
            notes.append(Remark(NOT_COVERED, Note.CUSTOM_TEMPLATES_NOT_COVERED))
        if self._keys:
            facts["keys"] = self._keys()
            if why := facts["keys"].get("note"):
                notes.append(Remark(why, Note.MONGO_KEYS_UNKNOWN))
        return {
            "level": self._options.level,
            "server": _server_facts(server, self._mongo),
            **facts,
            "notes": [each.to_dict() for each in notes],
        }

    def _not_of_one_instant(self, server: Server) -> Iterator[str]:
        """Why the dump is not of one instant, where it is not."""
        if not self._options.consistent:
            yield "collections were read one after the other (--mongo-consistency=none): together they may be of no one instant"
        elif not server.has_snapshots:
            kind = "a standalone" if not (server.set_name or server.is_mongos) else f"version {server.version}"
            yield (
                f"the server is {kind} and cannot be read at one instant: "
                "collections were read one after the other, and may not agree with each other"
            )


class _Dump:
    """One try: all collections at the same instant, or one after the other."""

    def __init__(
        self, mongo: Mongo, options: DumpOptions, server: Server, database: str, writer: Writer, progress: Progress
    ) -> None:
        self._mongo = mongo
        self._options = options
        self._database = database
        self._writer = writer
        self._progress = progress
        self._has_snapshots = options.consistent and server.has_snapshots
        self._is_pushed = not server.is_mongos
        self._guard = threading.Lock()

    def run(self) -> dict[str, Any]:
        """The metadata of all, then the documents of all, last the prelude, whose presence hints at a finished dump."""
        present = self._mongo.collections(self._database)
        selected, lacking = choose(present, self._options, self._database)
        at = self._instant(selected) if self._has_snapshots else None
        began = self._now()
        for info in selected:
            if not info.name.startswith(names.BUCKETS):
                self._write_metadata(info)
        counts = self._write_all([info for info in selected if info.kind not in ("view", "timeseries")], at)
        self._require_same(selected)
        server = self._mongo.server()
        instant = _snapshot(at) if at else {"from": began, "until": _moment(server)}
        prelude = {"ServerVersion": server.version, "ToolVersion": f"kubectl-lrs {__version__}"}
        self._writer.write(f"mongo/{names.PRELUDE}", json.dumps(prelude, separators=(",", ":")).encode())
        return {
            "database": self._database,
            "consistency": "snapshot" if at else "none",
            "instant": instant,
            "atClusterTime": _time_facts((at.time, at.inc)) if at else None,
            "operationTime": _time_facts(server.operation_time) if server.operation_time else None,
            "collections": [_facts(info, counts.get(info.name)) for info in selected],
            "documents": sum(each.documents for each in counts.values()),
            "bytes": sum(each.bytes for each in counts.values()),
            "missing": list(_behind_views(selected, LEVELS[self._options.level])),
            "beside": list(_behind_views(selected, self._options.added)),
            "outsideSnapshot": [info.name for info in selected if at and info.is_capped],
            "allowedMissing": lacking,
        }

    def _require_same(self, selected: list[CollectionInfo]) -> None:
        """CollectionChangedError where one is not the one that was read: a dropped one reads as if it had been empty."""
        present = self._mongo.collections(self._database)
        for info in selected:
            now = present.get(info.name)
            if now is None or (now.kind, now.uuid) != (info.kind, info.uuid):
                what = "dropped" if now is None else "dropped, and another has taken its place,"
                message = f"{self._database}.{info.name} was {what} while the collections were read"
                raise CollectionChangedError(message, hint="let nobody restore or rename collections meanwhile, and run it again")

    def _instant(self, selected: list[CollectionInfo]) -> Timestamp | None:
        readable = [info for info in selected if info.kind not in ("view", "timeseries") and not info.is_capped]
        return self._mongo.instant(self._database, readable[0].name) if readable else None

    def _write_metadata(self, info: CollectionInfo) -> None:
        indexes = [] if info.kind == "view" else self._mongo.indexes(self._database, info.name)
        content = metadata.written(name=info.name, kind=info.kind, uuid=info.uuid, options=info.options, indexes=indexes)
        self._writer.write(names.metadata_path(self._database, info.name), content)

    def _write_all(self, selected: list[CollectionInfo], at: Timestamp | None) -> dict[str, _Written]:
        """The documents of each, some collections at once; the first error, after all of them have stopped."""
        totals = {info.name: self._mongo.count(self._database, info.name) for info in selected}
        what = f"{self._database}: {len(selected)} collections, {sum(totals.values())} documents"
        self._progress.begin(what, self._bytes(selected), unit=BYTES)
        halt, done = threading.Event(), dict[str, _Written]()

        def work(info: CollectionInfo) -> None:
            done[info.name] = self._write_documents(info, None if info.is_capped else at, halt)

        largest_first = sorted(selected, key=lambda info: -totals[info.name])
        run_all(largest_first, work, workers=min(AT_ONCE, len(selected)), halt=halt)
        return done

    def _bytes(self, selected: list[CollectionInfo]) -> int | None:
        """What all of them have; None where the server does not tell."""
        try:
            return sum(self._mongo.measure(self._database, info.name).bytes for info in selected)
        except (DeniedError, MongoError):
            return None

    def _write_documents(self, info: CollectionInfo, at: Timestamp | None, halt: threading.Event) -> _Written:
        """The documents of one collection; from the beginning again when the way to the server is lost, at the same instant."""
        instant = _snapshot(at) if at else {"from": self._now()}
        generation, done = 0, _Written(instant=instant)

        def read(_attempt: int) -> _Written:
            nonlocal generation, done
            generation, done = self._mongo.generation, _Written(instant=instant)
            with self._writer.stream(names.data_path(self._database, info.name)) as sink:
                self._copy(info, at, sink, done, halt)
            return done

        def begun_anew(error: Exception) -> None:
            with self._guard:
                self._progress.note(f"warning: {error}; reading {info.name} from its beginning")
                self._progress.advance(-done.bytes)
            self._mongo.reopen(generation)

        is_lost = is_any(MongoUnreachableError, CursorLostError)
        insist(read, policy=READINGS, may_pass=lambda error: is_lost(error) and not halt.is_set(), before_again=begun_anew)
        if not at:
            done.instant["until"] = self._now()
        return done

    def _now(self) -> Moment:
        """The server's time."""
        return _moment(self._mongo.server())

    def _copy(self, info: CollectionInfo, at: Timestamp | None, sink: Sink, done: _Written, halt: threading.Event) -> None:
        few, length = self._mongo.sample(self._database, info.name, at=at)
        in_batch = max(2, min(MOST_IN_BATCH, BATCH_BYTES * few // length)) if length else 0
        for documents in prefetch(self._mongo.batches(self._database, info.name, at=at, size=in_batch, pushed=self._is_pushed)):
            if halt.is_set():
                raise LrsError(f"reading {self._database}.{info.name}: stopped")
            batch = b"".join(documents)
            sink.write(batch)
            done.documents += len(documents)
            done.bytes += len(batch)
            with self._guard:
                self._progress.advance(len(batch))


def _behind_views(selected: list[CollectionInfo], names: Collection[str]) -> Iterator[Missing]:
    """What views of these names are views of, where that is not taken itself: of a view there is a definition alone."""
    taken = {info.name for info in selected}
    for info in selected:
        source = info.option("viewOn") if info.kind == "view" and info.name in names else None
        if source is not None and source not in taken:
            why = f"{info.name} is a view of it, and its documents are not saved: --mongo-collection {source} takes them"
            yield Missing(store=TIER, kind="collection", name=str(source), reason=why)


def _facts(info: CollectionInfo, done: _Written | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": info.name, "type": info.kind, "uuid": info.uuid}
    if done:
        facts |= {"documents": done.documents, "bytes": done.bytes, "instant": done.instant}
    return facts


def _server_facts(server: Server, mongo: Mongo) -> dict[str, Any]:
    return {"address": mongo.describe(), "version": server.version, "replicaSet": server.set_name}


def _snapshot(at: Timestamp) -> Instant:
    moment = _time_facts((at.time, at.inc))
    return {"from": moment, "until": moment}


def _moment(server: Server) -> Moment:
    """The time of the cluster; a standalone has a clock alone."""
    return _time_facts(server.operation_time) if server.operation_time else {"time": _shown(server.clock)}


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time_facts(at: tuple[int, int]) -> dict[str, Any]:
    """A cluster time as MongoDB writes it, and for people."""
    return {"t": at[0], "i": at[1], "time": _shown(at[0])}


def _history_too_short(error: SnapshotTooOldError) -> LrsError:
    return LrsError(
        f"{error}: the server forgets its past before the dump is over, twice",
        hint="raise minSnapshotHistoryWindowInSeconds on the server (db.adminCommand({setParameter: 1, ...}), 300 by default), "
        "or give up one instant for all collections with --mongo-consistency=none",
    )
