"""What is said of a rehearsal: what was proved, and never that more was."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ExitCode, UnreachableError
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.rehearsal import PartProof, Rehearsed
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.render.rehearsal import rehearsal_view


def outcome(name: str, result: Result, message: str = "") -> Outcome:
    return Outcome(store="mongo", name=name, result=result, message=message)


def proof(*outcomes: Outcome, seconds: float | None = 60.0, **more: object) -> Rehearsed:
    part = PartProof(store="mongo", how="restored", target="here", outcomes=list(outcomes), seconds=seconds)
    return Rehearsed(backup="b", parts=[part], **more)  # type: ignore[arg-type]


GOOD = outcome("a", Result.CREATED)


def test_all_was_proved() -> None:
    view = rehearsal_view(proof(GOOD, seconds=840.0))
    assert view.rows == []
    assert view.after == (
        "mongo: restored, on here: 1 proved, 14m",
        "backup b restores: everything was proved",
        "a full recovery would take about 14 minutes",
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.0, "half a minute"), (40.0, "a minute"), (61.0, "1 minute"), (3600.0, "60 minutes"), (9000.0, "2.5 hours")],
)
def test_how_long_in_words(seconds: float, said: str) -> None:
    assert rehearsal_view(proof(GOOD, seconds=seconds)).after[-1] == f"a full recovery would take about {said}"


def test_a_part_is_told_as_a_part() -> None:
    after = rehearsal_view(proof(GOOD, left_out=["files"])).after
    assert after[1:] == (
        "not rehearsed, as --tier leaves it out: files",
        "backup b restores, as far as was asked: mongo",
        "a recovery of mongo would take about 1 minute",
    )


def test_what_was_not_proved_is_said() -> None:
    view = rehearsal_view(proof(GOOD, outcome("b", Result.ALTERED, "2 of 3"), lacking=["the backup lacks x"], seconds=None))
    assert view.rows == [("mongo", "", "b", "", "differs", "2 of 3")]
    assert view.names == ["mongo/b"]
    assert view.after == (
        "mongo: restored, on here: 1 proved, 1 differs",
        "not proved: the backup lacks x",
        "backup b does NOT restore as it was saved",
    )


def test_a_store_that_is_away() -> None:
    part = PartProof(store="mongo", how="restored", error=UnreachableError("away"))
    view = rehearsal_view(Rehearsed(backup="b", parts=[part]))
    assert view.after[0] == "mongo: restored: nothing was tried"
    assert "not proved: mongo: away" in view.after
    assert "out of reach" in view.after[-1]
    assert view.done.endswith("or does not allow it: mongo: away")
    assert view.data["proved"] is False


def test_one_line_says_why() -> None:
    """It is all that an Event or a mail has room for."""
    lacks = [
        Finding(Severity.ERROR, f"you may not {verb} lrs in namespace dr", "", ExitCode.UNREACHABLE) for verb in ("create", "get")
    ]
    denied = Rehearsed(backup="b", parts=[PartProof(store="resources", how="asked", findings=tuple(lacks))])
    assert rehearsal_view(denied).done.endswith(
        "does not allow it: resources: you may not create lrs in namespace dr, and 1 more"
    )
    differs = proof(GOOD, outcome("b", Result.ALTERED, "2 of 3"), lacking=["the backup lacks x"], seconds=None)
    assert rehearsal_view(differs).done == "backup b does NOT restore as it was saved: mongo/b: 2 of 3, and 1 more"
    skipped = outcome("s", Result.SKIPPED, "left out by default")
    untried = outcome("c", Result.NOT_CHECKED, "no word")
    assert rehearsal_view(proof(skipped, untried)).done == "backup b was NOT proved to its end: mongo/c: no word"
    assert rehearsal_view(proof(skipped, GOOD)).done == "backup b restores: everything was proved"
