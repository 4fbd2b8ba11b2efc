"""A collection that is made anew under its own name, or merged into: documents that it lacks come in, none is overwritten."""

from __future__ import annotations

from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.stores.mongo import indexes
from kubectl_lrs.stores.mongo.apply import RefusedError, Work
from kubectl_lrs.stores.mongo.evidence import identity_changed, standing
from kubectl_lrs.stores.mongo.load import Tally
from kubectl_lrs.stores.mongo.server.errors import NAMESPACE_EXISTS, MongoError


class Fill(Work):
    """What is there only gains."""

    _has_begun = False

    def state(self) -> str:
        """Documents that have come stay."""
        if not self._has_begun:
            return f"{self.name} is as it was"
        return f"{self.name} holds a part of the documents at most; the same command goes on"

    def _fill(self, before: int, *, is_empty: bool) -> Outcome:
        """Documents, then indexes, then a look at what is there."""
        self._has_begun = True
        tally = self.load(self.data_name(self.name), is_empty=is_empty)
        if self.is_interrupted and tally.total < self.step.documents:
            return self.interrupted(tally)
        built = self.build(self.name, expiring=False)
        ageing = self.build(self.name, expiring=True)
        self.tell_refused({**built.refused, **ageing.refused})
        if not self.about.is_timeseries:
            self.check_count(self.name, before + tally.new, came=tally.new)
        elif self.step.stored.data:
            self.check_count(self.data_name(self.name), before + tally.new, came=tally.new)
        has_changed = tally.new or self._built_any
        return self.outcome(None if self.step.action is Action.CREATE or has_changed else Result.UNCHANGED)

    _built_any = False

    def build(self, name: str, *, expiring: bool | None = None) -> indexes.Built:
        """As for every collection; an index that came is a change too."""
        built = super().build(name, expiring=expiring)
        self._built_any = self._built_any or bool(built.made)
        return built


class Create(Fill):
    """Nothing is there yet."""

    def do(self) -> Outcome:
        """Make it and fill it."""
        self._has_begun = True
        try:
            self.create(self.name)
        except MongoError as error:
            self._has_begun = False
            if error.code != NAMESPACE_EXISTS:
                raise
            raise RefusedError("it came to be there after the plan was made") from error
        if self.about.is_view:
            return self.outcome()
        return self._fill(0, is_empty=True)


class Merge(Fill):
    """Some documents are there."""

    def do(self) -> Outcome:
        """Look whether it is what the plan was made for, and whether there is room, then fill it."""
        before = self.step.there
        assert before, "nothing can be merged into what is not there"
        now = self.persist(lambda _attempt: standing(self.mongo, self.database, self.name))
        if why := identity_changed(before, now):
            raise RefusedError(why)
        if before.info.is_capped:
            self.require_room()
            if self.is_interrupted:
                return self.interrupted(Tally())
        count = self.persist(lambda _attempt: self.mongo.count(self.database, self.data_name(self.name)))
        return self._fill(count, is_empty=False)
