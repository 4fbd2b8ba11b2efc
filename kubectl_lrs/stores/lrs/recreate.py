"""Deleting an object and creating it anew: the one write of a restore that destroys.

The journal has the manifest before anything is deleted. It is deleted only after the server has said that it would take
the very request that replaces it, and only as the object that the plan was made for.
"""

from __future__ import annotations

from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, LrsError, NoDryRunError, NotFoundError
from kubectl_lrs.model.manifest import comparable, fingerprint
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.runtime.retry import Settled, contend, is_any
from kubectl_lrs.stores.common.deleting import POLICY, delete_this
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.evidence import alterations
from kubectl_lrs.stores.lrs.journal import JournalledObject, RecreateJournal
from kubectl_lrs.stores.lrs.request import Requests, says_nothing
from kubectl_lrs.stores.lrs.saved import StoredLrs
from kubectl_lrs.stores.lrs.write import BY_SOMEBODY, WriteOptions, Writer, held_by

MADE_ANEW = "made anew by somebody else since it was planned; left alone; run again"
AGAIN = "the same command finishes it"


class Recreator:
    """Recreates objects. Safe to use from several threads; every failure of an object is its outcome, not an exception."""

    def __init__(self, requests: Requests, options: WriteOptions, writer: Writer, journal: RecreateJournal) -> None:
        self._requests = requests
        self._options = options
        self._kube = requests.kube
        self._writer = writer
        self._journal = journal

    def recreate(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        """Do it, or find out in a dry run whether it could be done."""
        return self._writer.guarded(step, lambda: self._recreate(step, stored))

    def _recreate(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        if self._requests.dry_run:
            return self._try(step, stored)
        if error := self._requests.refusal(stored):
            return Outcome.of(step, Result.FAILED, not_deleted(error), error)
        with self._journal.entry(step, stored) as entry:
            try:
                if left_alone := self._delete(step, stored, entry):
                    return left_alone
            except LrsError as error:
                message = f"perhaps deleted, not created: {error}; {AGAIN}" if entry.is_kept else str(error)
                return Outcome.of(step, Result.FAILED, message, error)
            try:
                self._wait_until_gone(step, stored)
                return self._writer.create(step, stored)
            except LrsError as error:
                entry.keep()
                return Outcome.of(step, Result.FAILED, f"deleted, not yet created: {error}; {AGAIN}", error)

    def _try(self, step: LrsStep, stored: StoredLrs) -> Outcome:
        """Both requests in a dry run."""
        manifest, note = self._requests.creation(stored)
        made = self._requests.try_creation(manifest)
        self._kube.delete(self._requests.resource, stored.namespace, stored.name, uid=step.uid, dry_run=True)
        found = alterations(manifest, made, self._options.normalise)
        return self._writer.finish(step, stored, note, found, (made, made))

    def _delete(self, step: LrsStep, stored: StoredLrs, entry: JournalledObject) -> Outcome | None:
        """Delete it as it was planned, by the version that was looked at a moment ago; the outcome where it is left alone."""
        return contend(
            lambda _failed: self._look(step, stored),
            lambda version: self._delete_version(step, version, entry),
            policy=POLICY,
            cancel=self._kube.stop,
            may_pass=is_any(ConflictError),  # its status was set meanwhile, perhaps
        )

    def _look(self, step: LrsStep, stored: StoredLrs) -> str | Settled[Outcome | None]:
        """The version that may be deleted; settled by None where it is gone or going, by the outcome where it is left alone."""
        try:
            live = self._kube.get(self._requests.resource, stored.name, stored.namespace)
        except NotFoundError:
            return Settled(None)
        metadata = live["metadata"]
        if metadata["uid"] != step.uid:
            return Settled(Outcome.of(step, Result.CONFLICT, MADE_ANEW))
        if "deletionTimestamp" in metadata:  # by our own attempt before this one, by its owner's end, or by somebody else
            return Settled(None)
        if fingerprint(comparable(live)) != step.live:
            return Settled(Outcome.of(step, Result.CONFLICT, BY_SOMEBODY))
        return str(metadata["resourceVersion"])

    def _delete_version(self, step: LrsStep, version: str, entry: JournalledObject) -> Outcome | None:
        """Where it may have been deleted although the request failed, it stays in the journal."""
        try:
            delete_this(self._kube, self._requests.resource, step.namespace, step.name, uid=step.uid, resource_version=version)
        except LrsError as error:
            if not _is_refused(error):
                entry.keep()
            raise
        return None

    def _wait_until_gone(self, step: LrsStep, stored: StoredLrs) -> None:
        left = self._writer.gone_or_live(stored, uid=step.uid)
        if left is not None and left["metadata"]["uid"] == step.uid:
            raise LrsError(f"still there; {held_by(left)}")


def _is_refused(error: LrsError) -> bool:
    """Whether a deletion that failed so was surely not done."""
    return isinstance(error, DeniedError) or (isinstance(error, ApiError) and error.status < 500)


def not_deleted(error: LrsError) -> str:
    """Why an object was left alone whose replacement the server did not take in a trial."""
    if isinstance(error, NoDryRunError):
        return f"not deleted: whether the server would take it again cannot be tried: {error}"
    if says_nothing(error):
        return f"not deleted: whether the server would take it again is not known: {error}"
    return f"not deleted: the server would not take it again: {error}"
