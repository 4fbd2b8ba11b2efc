"""What a rehearsal has shown: never more than was proved, whatever else went well."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import DamageError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.rehearsal import PartProof, Rehearsed, Verdict, verdict
from kubectl_lrs.model.report import Outcome, Result

AWAY = UnreachableError("away")


def outcome(result: Result, error: LrsError | None = None) -> Outcome:
    return Outcome(store="mongo", name="a", result=result, error=error)


def part(*results: Result, **more: object) -> PartProof:
    return PartProof(store="mongo", how="", outcomes=[outcome(each) for each in results], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("result", Result)
def test_only_what_was_made_and_compared_is_proved(result: Result) -> None:
    assert (verdict(outcome(result)) is Verdict.PROVED) == (result is Result.CREATED)


def test_a_server_that_is_away_refuses_nothing() -> None:
    assert verdict(outcome(Result.FAILED, AWAY)) is Verdict.NOT_PROVED
    assert verdict(outcome(Result.FAILED, LrsError("no"))) is Verdict.REFUSED


GOOD = part(Result.CREATED, Result.SKIPPED)
ERROR = Finding(Severity.ERROR, "no room")

CASES: dict[str, tuple[list[PartProof], ExitCode]] = {
    "all": ([GOOD, GOOD], ExitCode.DONE),
    "nothing to restore": ([part()], ExitCode.DONE),
    "no part": ([], ExitCode.PARTIAL),
    "one not tried": ([GOOD, part(Result.CREATED, Result.NOT_TRIED)], ExitCode.PARTIAL),
    "one in conflict": ([part(Result.CONFLICT)], ExitCode.PARTIAL),
    "one unchanged, which was not compared": ([part(Result.UNCHANGED)], ExitCode.PARTIAL),
    "one refused": ([GOOD, part(Result.FAILED)], ExitCode.DIFFERENCE),
    "one that differs, and others not tried": ([part(Result.ALTERED, Result.NOT_TRIED)], ExitCode.DIFFERENCE),
    "what could not be removed": ([part(Result.CREATED, incomplete=["left"])], ExitCode.PARTIAL),
    "no room": ([GOOD, part(findings=(ERROR,))], ExitCode.PARTIAL),
    "damage on the way": ([GOOD, part(error=DamageError("x"))], ExitCode.DIFFERENCE),
    "one store away": ([GOOD, part(error=AWAY)], ExitCode.PARTIAL),
    "all away": ([part(error=AWAY), part(error=AWAY)], ExitCode.UNREACHABLE),
    "no right to any of it": (
        [part(findings=(Finding(Severity.ERROR, "no", exit_code=ExitCode.UNREACHABLE),))],
        ExitCode.UNREACHABLE,
    ),
    "away when half was done": ([part(Result.CREATED, error=AWAY)], ExitCode.PARTIAL),
}


@pytest.mark.parametrize(("parts", "code"), CASES.values(), ids=CASES)
def test_exit_status(parts: list[PartProof], code: ExitCode) -> None:
    proof = Rehearsed(backup="b", parts=parts)
    assert proof.exit_code() is code
    assert proof.is_proved == (code is ExitCode.DONE)


def test_what_the_backup_itself_lacks_is_not_proved() -> None:
    assert Rehearsed(backup="b", parts=[GOOD], lacking=["a file"]).exit_code() is ExitCode.PARTIAL
    assert Rehearsed(backup="b", damages=["x: altered"]).exit_code() is ExitCode.DIFFERENCE
    assert Rehearsed(backup="b", parts=[GOOD], interrupted=True).exit_code() is ExitCode.INTERRUPTED


def test_how_long_a_recovery_takes() -> None:
    timed, other = part(Result.CREATED, seconds=60.0), part(Result.CREATED)
    assert Rehearsed(backup="b", parts=[timed, timed], reading=5.0).recovery == 125.0
    half = Rehearsed(backup="b", parts=[timed, other], reading=5.0)
    assert (half.recovery, half.untimed) == (65.0, ["mongo"])
    assert Rehearsed(backup="b", parts=[other]).recovery is None
    assert Rehearsed(backup="b", parts=[timed], lacking=["a file"]).recovery is None


def test_everything_that_keeps_it_from_being_proved_is_said() -> None:
    broken = part(findings=(ERROR,), incomplete=["left"], error=AWAY)
    said = list(Rehearsed(backup="b", parts=[broken], lacking=["lacks"], damages=["damaged"]).why_not())
    assert said == ["damaged", "lacks", "mongo: no room", "mongo: left", "mongo: away"]
