"""A collection that takes the place of the old one: loaded beside it, looked at, and put there in one act of the server's.

Right before the act everything that it rests on is looked at again: that what was loaded is what we made, with all of its
documents and indexes, that the old one is what the user agreed to lose, and that nobody else is there. Views and time series
cannot be renamed: the old one goes first, after the server has taken the new one on trial.
"""

from __future__ import annotations

from contextlib import suppress

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import errors_of
from kubectl_lrs.model.report import Outcome
from kubectl_lrs.stores.mongo import indexes
from kubectl_lrs.stores.mongo.apply import RefusedError, Work
from kubectl_lrs.stores.mongo.definition import altered
from kubectl_lrs.stores.mongo.evidence import Standing, content_changed, counted, identity_changed, standing
from kubectl_lrs.stores.mongo.load import Tally
from kubectl_lrs.stores.mongo.server.errors import OTHER_COLLECTION, MongoError
from kubectl_lrs.stores.mongo.server.info import CollectionInfo

TRIAL_BYTES = 1 << 16
"""Documents of a time series that are loaded on trial before the old one goes."""


class Replacement(Work):
    """What both ways share: the look before the act."""

    def require_as_agreed(self) -> Standing:
        """What is to be replaced, as it is now; RefusedError where it must not go: not all is as when the user agreed to it."""
        before, tools = self.step.there, self.tools
        assert before, "nothing can be replaced that is not there"
        now = self.persist(lambda _attempt: standing(self.mongo, self.database, self.name))
        why = identity_changed(before, now)
        if now is None or why:
            raise RefusedError(why)
        if not tools.allow_running_app:
            others = errors_of(tools.presence.findings(drops=True, allow=False))
            if why := content_changed(before, now) or "; ".join(finding.message for finding in others):
                raise RefusedError(why)
        return now


class Replace(Replacement):
    """A plain collection, by loading beside and one rename."""

    _is_done = False
    _is_sent = False

    def state(self) -> str:
        """Until the act the old one is untouched."""
        if self._is_done:
            return f"the new {self.name} is in its place"
        if self._is_sent:
            return f"whether the new {self.name} has taken the place of the old one is not known"
        return f"the old {self.name} is as it was"

    def do(self) -> Outcome:
        """All of it; what was loaded and has not taken the place is removed."""
        self.require_as_agreed()
        temporary = self.tools.workplace.beside(self.name)
        made: CollectionInfo | None = None
        try:
            made = self.create(temporary)
            return self._replace(made)
        except MongoError as error:
            if made and not self._is_done and (why := self._not_ours(made)):  # the reason of whatever was refused
                raise RefusedError(why) from error
            raise
        finally:
            if not self._is_done:
                self._clear(temporary)

    def _replace(self, made: CollectionInfo) -> Outcome:
        tally = self.load(made.name, is_empty=True)
        if self.is_interrupted and tally.total < self.step.documents:
            return self.interrupted(tally)
        if self.account.failed:
            return self.failed(self.account.failed)
        built = self.build(made.name, expiring=False)
        if why := self._incomplete(made, built):
            return self.failed([why])
        ageing = self.build(made.name, expiring=True)  # from here on the server may remove documents
        if why := self._lacking(ageing):
            return self.failed([why])
        self.tell_refused({**built.refused, **ageing.refused})
        if why := self._not_ours(made):
            raise RefusedError(why)
        return self._put_in_place(made, self.require_as_agreed(), tally)

    def _incomplete(self, made: CollectionInfo, built: indexes.Built) -> str:
        """Why what was loaded must not take the place of what is there."""
        if why := self._not_ours(made) or self._lacking(built):
            return why
        found = self.persist(lambda _attempt: counted(self.mongo, self.database, made.name, self.step.documents))
        return f"{found} documents arrived of {self.step.documents}" if found != self.step.documents else ""

    def _not_ours(self, made: CollectionInfo) -> str:
        now = self.persist(lambda _attempt: self.mongo.collection(self.database, made.name))
        if now is None or now.uuid != made.uuid:
            return "what was loaded beside it was removed by somebody else"
        return ""

    def _lacking(self, built: indexes.Built) -> str:
        """Indexes whose lack is a loss: the old collection has them, or the documents stand against them."""
        if not built.refused:
            return ""
        there = self.persist(lambda _attempt: indexes.listed(self.mongo, self.database, self.name))
        lost = set(indexes.lost(there, built.refused, self.about.indexes)) | (set(built.refused) - built.by_specification)
        return "; ".join(
            f"index {name} cannot be built: {built.refused[name]}" + (" (the old one has it)" if name in there else "")
            for name in sorted(lost)
        )

    def _put_in_place(self, made: CollectionInfo, old: Standing, tally: Tally) -> Outcome:
        try:
            self.persist(lambda _attempt: self._rename(made, old))
        except MongoError as error:
            if error.code != OTHER_COLLECTION:
                raise
            raise RefusedError("another has come in its place in the last moment") from error
        self._is_done = True
        now = self.persist(lambda _attempt: self.mongo.collection(self.database, self.name))
        if now is None or now.uuid != made.uuid:
            self.account.altered.append("it was put in its place, and somebody else has replaced or dropped it since")
            return self.outcome()
        self.check_count(self.name, tally.new, came=tally.new)
        return self.outcome(message=f"{old.documents} documents were replaced by {tally.new}")

    def _rename(self, made: CollectionInfo, old: Standing) -> None:
        self._is_sent = True
        try:
            self.mongo.rename(self.database, made.name, self.name, uuid=made.uuid, target_uuid=old.info.uuid)
        except MongoError:  # an answer may have been lost, and it was done all the same: what is there tells
            now = self.mongo.collection(self.database, self.name)
            if now is None or not made.uuid or now.uuid != made.uuid:
                self._is_sent = False
                raise

    def _clear(self, temporary: str) -> None:
        """What was loaded beside and did not take the place; where that fails a later run does it."""
        try:
            self.mongo.drop(self.database, temporary)
        except LrsError as error:
            self.tools.progress.note(f"warning: {temporary} is left: {error}; a later restore removes it")


class ReplaceInPlace(Replacement):
    """A view or a time series: the old one goes first."""

    _is_dropped = False
    _is_sent = False

    def state(self) -> str:
        """Whether the old one has gone."""
        if self._is_sent:
            return f"whether the old {self.name} is gone is not known; the same command goes on"
        if not self._is_dropped:
            return f"the old {self.name} is as it was"
        return f"the old {self.name} is gone, and the new one is not whole; the same command goes on"

    def do(self) -> Outcome:
        """Try it beside, look again, and only then drop and make."""
        self._try()
        old = self.require_as_agreed()
        self.account.altered.clear()  # said on trial, and again when it is made
        self._is_sent = True
        try:
            self.persist(lambda _attempt: self.mongo.drop(self.database, self.name))
        except MongoError:  # its word
            self._is_sent = False
            raise
        self._is_sent, self._is_dropped = False, True
        try:
            made = self.create(self.name)
        except LrsError:
            self._bring_back(old)
            raise
        if made.kind == "view":
            return self.outcome()
        return self._fill(old)

    def _try(self) -> None:
        """Have the server make what is to come, with its indexes and some documents, beside the old one."""
        trial = self.tools.workplace.beside(self.name)
        try:
            self.create(trial)
            if self.about.is_timeseries:
                self.load(self.data_name(trial), is_empty=True, most=TRIAL_BYTES)
                if self.account.failed:
                    raise MongoError("; ".join(self.account.failed))
                if why := self.build(trial).refused:
                    self.account.altered.clear()
                    raise MongoError("; ".join(f"index {name} cannot be built: {said}" for name, said in why.items()))
        finally:
            with suppress(LrsError):
                self.mongo.drop(self.database, trial)

    def _fill(self, old: Standing) -> Outcome:
        tally = self.load(self.data_name(self.name), is_empty=True)
        if self.is_interrupted and tally.total < self.step.documents:
            return self.interrupted(tally)
        self.tell_refused(self.build(self.name).refused)
        self.check_count(self.data_name(self.name), tally.new, came=tally.new)
        return self.outcome(message=f"{old.documents} documents were replaced by {tally.new} buckets of them")

    def _bring_back(self, old: Standing) -> None:
        """A view is nothing but its definition: it can be made again as it was."""
        if old.info.kind != "view":
            return
        with suppress(LrsError):
            self.mongo.create(self.database, self.name, old.info.decoded())
            now = self.mongo.collection(self.database, self.name)
            self._is_dropped = now is None or bool(altered(old.info.decoded(), now.decoded()))
