"""A rehearsal of several stores: each by itself, nothing where the backup is damaged, and the truth about what was not done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kubectl_lrs.model.errors import ExitCode, LrsError, UnreachableError, UsageError
from kubectl_lrs.model.plan import Action, ApplyOptions, Finding, Severity, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.usecases.rehearse import Rehearse
from tests.builders.sealing import sealed

OPTIONS = ApplyOptions(workers=1, timeout=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thing(Step):
    store: ClassVar[str] = "toy"


@dataclass
class _Store:
    """Two things in memory. `refusals`: what each of its plans ends with; `trouble`: its part, after the first."""

    name: str = "toy"
    how: str = "looked at"
    is_timed: bool = True
    aside: float = 0.0
    findings: tuple[Finding, ...] = ()
    refusals: Iterator[LrsError | None] = field(default_factory=lambda: iter(()))
    trouble: LrsError | None = None
    left: LrsError | str = ""
    done: list[str] = field(default_factory=list)

    def sweep(self, _progress: Progress) -> Iterator[str]:
        self.done.append("sweep")
        if isinstance(self.left, LrsError):
            raise self.left
        yield from [self.left] if self.left else []

    def plan(self, _progress: Progress) -> StorePlan:
        self.done.append("plan")
        if error := next(self.refusals, None):
            raise error
        steps = [_Thing(name=each, action=Action.CREATE) for each in ("a", "b")]
        return StorePlan(store="toy", target="here", steps=steps, findings=self.findings)

    def apply(self, plan: StorePlan, _options: ApplyOptions, report: Report, _progress: Progress) -> None:
        self.done.append("apply")
        for step in plan.steps:
            report.add(Outcome.of(step))
            if self.trouble:
                raise self.trouble


@pytest.fixture
def backup(folder: Path) -> SealedFolder:
    return sealed(folder, lambda writer: writer.write("a.txt", b"abc"))


def rehearse(backup: SealedFolder, *stores: _Store, stop: Cancel | None = None) -> Rehearse:
    return Rehearse(backup, stores, progress=Silent(), stop=stop or Cancel())


def test_all_of_it(backup: SealedFolder) -> None:
    one, two = _Store(left="removed x"), _Store(name="other", is_timed=False)
    proof = rehearse(backup, one, two).prove(OPTIONS)
    assert proof.exit_code() is ExitCode.DONE
    assert proof.removed == ["toy: removed x"]
    assert (one.done, two.done) == (["plan", "sweep", "plan", "apply"],) * 2
    assert proof.untimed == ["other"]


def test_a_store_that_fails_leaves_the_others_alone(backup: SealedFolder) -> None:
    proof = rehearse(backup, _Store(trouble=UnreachableError("gone")), _Store(name="other")).prove(OPTIONS)
    first, second = proof.parts
    assert second.is_proved
    assert str(first.error) == "gone"
    assert [each.result.value for each in first.outcomes] == ["created"]
    assert proof.exit_code() is ExitCode.PARTIAL


def test_what_stands_against_it_is_found_before_anything_is_written(backup: SealedFolder) -> None:
    store = _Store(findings=(Finding(Severity.ERROR, "no room"),))
    proof = rehearse(backup, store).prove(OPTIONS)
    assert store.done == ["plan", "sweep", "plan"]
    assert list(proof.why_not()) == ["toy: no room"]


def test_nothing_is_rehearsed_of_a_damaged_backup(backup: SealedFolder) -> None:
    path = backup.path / "a.txt"
    path.chmod(0o600)
    path.write_bytes(b"abd")
    store = _Store()
    proof = rehearse(backup, store).prove(OPTIONS)
    assert (proof.exit_code(), proof.parts, store.done) == (ExitCode.DIFFERENCE, [], ["plan", "sweep"])
    assert "a.txt" in proof.damages[0]


def test_earlier_ones_that_cannot_be_looked_for_keep_nothing_from_being_proved(backup: SealedFolder) -> None:
    proof = rehearse(backup, _Store(left=UnreachableError("away"))).prove(OPTIONS)
    assert "could not be looked at: away" in proof.removed[0]
    assert proof.exit_code() is ExitCode.DONE


def test_interrupted(backup: SealedFolder) -> None:
    stop = Cancel()
    stop.set()
    proof = rehearse(backup, _Store(), stop=stop).prove(OPTIONS)
    assert (proof.exit_code(), proof.parts) == (ExitCode.INTERRUPTED, [])


def test_what_the_call_says_wrongly_ends_it_before_anything_is_done(backup: SealedFolder) -> None:
    first, second = _Store(refusals=iter([UnreachableError("away")])), _Store(refusals=iter([UsageError("two of them")]))
    with pytest.raises(UsageError):
        rehearse(backup, first, second).prove(OPTIONS)
    assert (first.done, second.done) == (["plan"], ["plan"])


@pytest.mark.parametrize("late", [{"trouble": UsageError("two of them")}, {"refusals": iter([None, UsageError("two of them")])}])
def test_what_turns_out_to_be_wrong_later_throws_no_proof_away(backup: SealedFolder, late: dict[str, Any]) -> None:
    proof = rehearse(backup, _Store(name="first"), _Store(**late), _Store(name="last")).prove(OPTIONS)
    assert [part.is_proved for part in proof.parts] == [True, False, True]
    assert list(proof.why_not()) == ["toy: two of them"]
    assert proof.exit_code() is ExitCode.PARTIAL


def test_the_plan_touches_nothing(backup: SealedFolder) -> None:
    store = _Store()
    ((planned, plan),) = rehearse(backup, store).plan()
    assert (planned, len(plan.steps), store.done) == (store, 2, ["plan"])
