"""A nightly run: its steps one after the other, each whatever became of the others unless it builds on one of them.

What a step does is its own business; here it is decided whether it is done, and what a failure means for those after it.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.choice import group_of
from kubectl_lrs.model.errors import ExitCode, InterruptedRunError, LrsError, UsageError
from kubectl_lrs.model.nightly import ALL, ENDS, GOOD, WITHOUT_WHOLE, NightlyReport, Outcome, State, Step
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import Backup, Repository
from kubectl_lrs.repository.base import is_of_future
from kubectl_lrs.runtime.cancel import Cancel

DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENOENT, errno.EACCES))
"""What a disk fails with; a step that it befalls has failed, and the others are still done."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A step that is to be done. `needs`: the one that must have been done well; `why_not`: why it is not here."""

    name: str
    part: str
    do: Callable[[], Outcome] | None = None
    needs: str = ""
    why_not: str = ""


@dataclass
class Night:
    """Does the steps. `bug`: what no step may raise; the run ends with it, once everybody was told.

    `failed` is told what an act came to that has not said it itself.
    """

    report: NightlyReport
    cancel: Cancel
    failed: Callable[[ExitCode, str], None] = lambda _code, _why: None
    bug: BaseException | None = None

    def run(self, tasks: Sequence[Task]) -> None:
        """All of them, in their order."""
        for task in tasks:
            began = time.monotonic()
            outcome = self._outcome(task)
            if outcome.state in (State.FAILED, State.INTERRUPTED):
                self.failed(outcome.status, outcome.message)
            step = Step(name=task.name, part=task.part, outcome=outcome, seconds=time.monotonic() - began)
            self.report.steps.append(step)
        self.report.ended = datetime.now(timezone.utc)

    def close(self, act: Callable[[], None]) -> None:
        """What is to be done when all is over, and fails nothing but by a bug."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  it is raised again when everybody was told
            self.bug = self.bug or error

    def interrupted(self) -> None:
        """A signal came while no step was at work."""
        self.report.steps.append(Step(name="run", part=ALL, outcome=_interrupted("")))
        self.report.ended = datetime.now(timezone.utc)

    def _outcome(self, task: Task) -> Outcome:
        if task.do is None:
            return Outcome(state=State.NOT_HERE, message=task.why_not)
        if self.report.exit_code() in ENDS or self.bug:
            return Outcome(state=State.LEFT_OUT, message="the run has ended before it")
        if task.needs and self._state(task.needs) not in GOOD:
            return Outcome(state=State.LEFT_OUT, message=f"{task.needs} was not done")
        return self._tried(task.do)

    def _state(self, name: str) -> State | None:
        return next((each.outcome.state for each in self.report.steps if each.name == name), None)

    def _tried(self, do: Callable[[], Outcome]) -> Outcome:
        try:
            outcome = do()
        except (KeyboardInterrupt, InterruptedRunError) as error:
            return _interrupted(str(error))
        except LrsError as error:
            outcome = Outcome(state=State.FAILED, status=error.exit_code, message=str(error), hint=error.hint)
        except OSError as error:
            if error.errno not in DISK:
                self.bug = error
            where = error.filename or "the disk"
            outcome = Outcome(state=State.FAILED, status=ExitCode.FAILED, message=f"{where}: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001  it is raised again when everybody was told
            self.bug = error
            outcome = Outcome(
                state=State.FAILED, status=ExitCode.FAILED, message=f"this is a bug in kubectl lrs ({type(error).__name__})"
            )
        return _interrupted(outcome.message) if self.cancel.is_set() and outcome.status is not ExitCode.DONE else outcome


def _interrupted(why: str) -> Outcome:
    return Outcome(state=State.INTERRUPTED, status=ExitCode.INTERRUPTED, message=why or "interrupted")


# ---- which backups are of an installation


@dataclass(frozen=True, kw_only=True)
class Own:
    """Tells the backups that the nightly runs of an installation make: one that was made by hand of less is none of them.

    `uids`: of its cluster. `any_namespace`: it was that of whoever made the backup, which is not known here.
    """

    uids: frozenset[str]
    profile: str
    selection: Selection
    any_namespace: bool = False

    def has(self, catalog: Catalog) -> bool:
        """Whether a backup is one. Where it could not read the uid of its cluster, its namespace tells."""
        mine, wanted = dict(catalog.selection), self.selection.as_dict()
        if self.any_namespace:
            mine.pop("namespace", None)
            wanted.pop("namespace", None)
        is_here = catalog.cluster.uid in self.uids if catalog.cluster.uid else not self.any_namespace
        is_alike = json.dumps(mine, sort_keys=True) == json.dumps(wanted, sort_keys=True)
        return is_here and is_alike and catalog.profile == self.profile


def newest_of(repository: Repository, own: Own) -> Backup:
    """The newest sealed backup of an installation. UsageError where there is none; LrsError where nothing tells which it is,
    UnreachableError where the storage does not give one that may be newer."""
    meant = [each for each in repository.newest_first() if own.has(each.catalog)]
    if not meant:
        raise UsageError(
            f"{repository.location}: no sealed backup is of this installation, and of what its file says",
            hint="has the backup part ever run?",
        )
    newest = meant[0]
    repository.doubts(newest.catalog, repository.scan()[1])
    if is_of_future(newest.catalog):
        raise LrsError(
            f"{newest.name} is dated later than now, so nothing tells when the newest backup was made",
            hint="is a clock wrong?",
            exit_code=ExitCode.PARTIAL,
        )
    return newest.in_use()


def stale(newest: Backup, *, within: timedelta, now: datetime) -> str:
    """What is to be said where the newest backup is older than that, as tonight's has failed then; empty where it is not."""
    age = now - newest.catalog.instant
    return f"{newest.name} is the newest of this installation: nothing was made for {_days(age)}" if age > within else ""


def _days(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


def gone_since(told: int, found: int) -> str:
    """What is to be said where fewer than half of the backups are there that the run before has told of; empty where not.

    No night removes so many: it is another place, such as a share that is not mounted, or somebody has removed them.
    """
    return f"{found} backups of this installation are there, and {told} were after the run before" if 2 * found < told else ""


def no_whole_since(mine: Catalog, all_of_them: Sequence[Catalog], now: datetime) -> datetime | None:
    """Since when none of the group of a backup was whole, where that is too long; None else. One of the future is none."""
    group = [each for each in all_of_them if group_of(each) == group_of(mine) and not each.is_after(now)]
    whole = [each.instant for each in group if each.state == "whole" and not each.is_empty]
    since = max(whole) if whole else min((each.instant for each in group), default=now)
    return since if now - since > WITHOUT_WHOLE else None
