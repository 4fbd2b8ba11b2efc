"""Which errors of `check` the runs before have seen: only new ones wake somebody up.

They are kept beside the backup that the run has made, where the repository keeps such notes: a pod has no other place that lasts,
and whichever machine makes the next one finds them. Else they are in the state of this user. Where they cannot be kept or read,
nobody can tell which are new, and that is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from kubectl_lrs.consistency import RULES, Examination, Found
from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.nightly import NightlyReport, Outcome, State, worst
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.repository import Repository
from kubectl_lrs.repository.base import Notes
from kubectl_lrs.runtime import state
from kubectl_lrs.runtime.journal import read_journal, write_journal
from kubectl_lrs.usecases.nightly import Own

LOOKS = 14
"""So many backups are asked for what was found beside them: one that was made by hand has nothing."""

ERRORS = "errors"


def key_of(found: Found) -> str:
    """What tells one from another, whatever the words are."""
    return f"{found.rule.code} {found.application} {found.object}"


def errors_of(examination: Examination) -> list[Found]:
    """What is wrong, warnings aside."""
    return [each for each in examination.findings if each.severity is Severity.ERROR]


def to_keep(examination: Examination, before: frozenset[str] | None, *, is_told: bool = True) -> frozenset[str]:
    """What the next run is to know: what is wrong now, and what was wrong and could not be looked at this time.

    `is_told`: whether this run says by its exit status that something is new. Where another one hides that, as that of a storage
    that was away, it is new to the next run too: Kubernetes begins that at once, and nobody has heard of it by then.
    """
    untold = {title for gap in examination.gaps for title in gap.titles}
    codes = {rule.code for rule in RULES if rule.title in untold}
    wrong = frozenset(map(key_of, errors_of(examination)))
    known = wrong if is_told or before is None else wrong & before
    return known | {each for each in before or () if each.partition(" ")[0] in codes}


# ---- where they are kept


class Memory(Protocol):
    """Keeps them from run to run."""

    def recalled(self) -> frozenset[str] | None:
        """Those of the run before, none where there was no such run; None where that cannot be told."""

    def keep(self, errors: Collection[str]) -> None:
        """For the next run. OSError, LrsError."""


def memory_of(report: NightlyReport, repository: Repository, own: Own, made: str) -> Memory:
    """The one of an installation. `made`: where the backup of this run is, empty where there is none."""
    if (notes := repository.notes) is not None:
        return BesideBackups(repository, notes, own, made)
    return InState(report)


@dataclass(frozen=True)
class BesideBackups:
    """Beside the backup of this run, which is where `made` says; where it has made none, the next one is told nothing new."""

    repository: Repository
    notes: Notes
    own: Own
    made: str

    def recalled(self) -> frozenset[str] | None:
        """Of the newest backup of this installation that has any."""
        try:
            for backup in islice(self._own(), LOOKS):
                if (found := self.notes.read(backup)) is not None:
                    return _errors(found)
        except LrsError:
            return None
        return frozenset()

    def _own(self) -> Iterator[Any]:
        return (each for each in self.repository.newest_first() if self.own.has(each.catalog))

    def keep(self, errors: Collection[str]) -> None:
        """One object."""
        if self.made:
            self.notes.write(self.repository.find(self.made), _body(errors))


@dataclass(frozen=True)
class InState:
    """A file of this user's state, for each installation of a cluster."""

    report: NightlyReport

    @property
    def _file(self) -> str:
        named = (self.report.namespace, self.report.profile, self.report.repository)
        return f"nightly-check-{hashlib.sha256(repr(named).encode()).hexdigest()[:16]}.json"

    def _path(self) -> Path:
        return state.folder_of(self.report.cluster) / self._file

    def recalled(self) -> frozenset[str] | None:
        """What the file says."""
        try:
            is_there = state.made_or_why(self.report.cluster)[0] is not None
            return _errors(read_journal(self._path())) if is_there else None
        except LrsError:
            return None

    def keep(self, errors: Collection[str]) -> None:
        """Put in its place."""
        if state.made_or_why(self.report.cluster)[0] is not None:
            write_journal(self._path(), _body(errors))


def _errors(document: Any) -> frozenset[str]:
    return frozenset(map(str, document.get(ERRORS) or ()))


def _body(errors: Collection[str]) -> dict[str, Any]:
    return {ERRORS: sorted(errors)}


# ---- what they mean


def judge(examination: Examination, before: frozenset[str] | None, *, every: bool, said: str) -> Outcome:
    """What a check comes to. `every`: all errors count, and not new ones alone; `said`: its verdict."""
    errors = errors_of(examination)
    fresh = [each for each in errors if before is not None and key_of(each) not in before]
    statuses = [ExitCode.DIFFERENCE] if fresh or (every and errors) else []
    statuses += [ExitCode.UNREACHABLE] if any(gap.failed for gap in examination.gaps) else []
    hint = f"new: {', '.join(sorted({each.object for each in fresh})[:5])}" if fresh else ""
    if errors and before is None and not every:
        statuses.append(ExitCode.PARTIAL)
        hint = "which are new cannot be told, as nothing is known of the run before; --check-fails has all of them count"
    kind = State.FOUND if errors else State.FAILED if statuses else State.DONE
    return Outcome(state=kind, status=worst(statuses), message=said, hint=hint)
