"""Documents of a plan into collections that are there: those that lack come in, those that differ are replaced one by one.

What each is afterwards decides what is said of it: it is read back, and held against what was sent, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from kubectl_lrs.formats.bson_batches import by_ids, has_empty_timestamp, id_of
from kubectl_lrs.formats.bson_documents import shown_id
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import BEGUN, Outcome, Result
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.mongo.differing import DocumentStep
from kubectl_lrs.stores.mongo.evidence import TIME_LIMIT, doomed
from kubectl_lrs.stores.mongo.load import Loader, LoadOptions
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.errors import MongoError, UnansweredError
from kubectl_lrs.stores.mongo.server.persist import Persist

BATCH = 500
"""Documents that are inserted, and then looked at, together."""

CHANGED = "it was changed since the plan was made, and is left alone"


class Rewriter:
    """Writes the documents of one plan."""

    def __init__(self, mongo: Mongo, persist: Persist, *, stop: Cancel, progress: Progress) -> None:
        self._mongo = mongo
        self._persist = persist
        self._stop = stop
        self._progress = progress
        self._time_limits: dict[tuple[str, str], dict[str, Any] | None] = {}

    def outcomes(self, steps: Sequence[DocumentStep]) -> Iterator[Outcome]:
        """One for each that was begun. LrsError where the server is lost: the one that was in work has none."""
        self._progress.begin("writing documents", len(steps))
        for _, same in groupby(steps, key=lambda step: (step.collection, step.action)):
            for batch in _batches(list(same)):
                if self._stop.is_set():
                    return
                yield from self._written(batch)
                self._progress.advance(len(batch))

    def _written(self, steps: Sequence[DocumentStep]) -> Iterator[Outcome]:
        action = steps[0].action
        if action is Action.CREATE:
            yield from self._created(steps)
        elif action is Action.REPLACE:
            for step in steps:
                if self._stop.is_set():
                    return
                yield self._replaced(step)
        else:
            yield from map(Outcome.of, steps)

    # ---- those that lack

    def _created(self, steps: Sequence[DocumentStep]) -> Iterator[Outcome]:
        first = steps[0]
        options = LoadOptions(
            is_empty=False,
            validate=not first.has_validator,
            has_empty_timestamps=any(has_empty_timestamp(step.saved) for step in steps),
        )
        loader = Loader(self._mongo, self._persist, first.database, first.collection, options, stop=self._stop)
        try:
            tally = loader.load([b"".join(step.saved for step in steps)], Silent())  # each step counts once, here
        except UnansweredError as error:
            if not self._stop.is_set():
                raise
            yield from (_unanswered(step, error) for step in steps)
            return
        refused = dict(tally.refused)
        there = self.there(first.database, first.collection, (step.saved for step in steps))
        old = self._too_old(first, there)
        for step in steps:
            key = id_of(step.saved) or b""
            now, why = there.get(key, b""), refused.get(shown_id(step.saved), "")
            if now or why or not self._stop.is_set():  # else it was not sent any more
                yield _too_old(step) if key in old and now == step.saved else _of_created(step, now, why)

    # ---- those that differ

    def _replaced(self, step: DocumentStep) -> Outcome:
        """The filter is the document as the plan saw it; after a lost answer, what is there tells."""
        try:
            is_done = self._persist(lambda _attempt: self._replace(step))
        except MongoError as error:
            return Outcome.failed(step, error)
        except UnansweredError as error:
            if not self._stop.is_set():
                raise
            return _unanswered(step, error)
        now = self._now(step)
        if now == step.saved:
            if is_done and self._too_old(step, {id_of(now) or b"": now}):
                return _too_old(step)
            return Outcome.of(step) if is_done else Outcome.of(step, Result.CONFLICT, f"{CHANGED}: it is as in the backup by now")
        if is_done:
            return Outcome.of(
                step, Result.ALTERED, "what is there is not what was sent: changed by the server, or by others since"
            )
        return Outcome.of(step, Result.CONFLICT, CHANGED if now else "it was deleted since the plan was made")

    def _replace(self, step: DocumentStep) -> bool:
        now = self._now(step)
        if now == step.saved:
            return True  # an earlier attempt, whose answer was lost
        if now != step.there:
            return False
        validate = not step.has_validator
        return self._mongo.replace(step.database, step.collection, step.there, step.saved, validate=validate)

    def _now(self, step: DocumentStep) -> bytes:
        there = self.there(step.database, step.collection, [step.saved])
        return there.get(id_of(step.saved) or b"", b"")

    def _too_old(self, step: DocumentStep, there: Mapping[bytes, bytes]) -> Collection[bytes]:
        """The `_id`s of those of these documents that the server removes by itself."""
        place = step.database, step.collection
        if place not in self._time_limits:
            self._time_limits[place] = self._persist(lambda _attempt: doomed(self._mongo, *place))
        if not there or not (limit := self._time_limits[place]):
            return ()
        query = bson.encode({"$and": [RawBSONDocument(by_ids([*there])), limit]})

        def look(_attempt: int) -> set[bytes]:
            return {id_of(each) or b"" for batch in self._mongo.matching(*place, query) for each in batch}

        return self._persist(look)

    def there(self, database: str, collection: str, documents: Iterable[bytes]) -> dict[bytes, bytes]:
        """`_id` → what the collection has under it now, of these documents."""
        query = by_ids([each for each in map(id_of, documents) if each is not None])

        def look(_attempt: int) -> dict[bytes, bytes]:
            found = self._mongo.matching(database, collection, query)
            return {id_of(each) or b"": each for batch in found for each in batch}

        return self._persist(look)


def _unanswered(step: DocumentStep, error: LrsError) -> Outcome:
    return Outcome.of(step, Result.NOT_TRIED, f"{BEGUN}{error}", error)


def _too_old(step: DocumentStep) -> Outcome:
    why = f"it is past the time that {TIME_LIMIT} gives it: the server removes it"
    return Outcome.of(step, Result.ALTERED, why)


def _of_created(step: DocumentStep, now: bytes, refused: str) -> Outcome:
    if now == step.saved:
        return Outcome.of(step)
    if refused:
        return Outcome.failed(step, MongoError(f"the server refused it: {refused}"))
    if not now:
        return Outcome.failed(step, LrsError("it was sent, and is not there"))
    return Outcome.of(step, Result.CONFLICT, "another is there under its _id, which came after the plan was made")


def _batches(steps: list[DocumentStep]) -> Iterator[list[DocumentStep]]:
    for begin in range(0, len(steps), BATCH):
        yield steps[begin : begin + BATCH]
