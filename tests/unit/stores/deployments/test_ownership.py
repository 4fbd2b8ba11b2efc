"""Who brings an LRS back: `restore`, or `activate`; and where nothing tells, nobody does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.stores.deployments.inventory import Deployment
from kubectl_lrs.stores.deployments.journal import Journal, JournalledDeployment
from kubectl_lrs.stores.deployments.ownership import Ownership, Verdict, tokens
from kubectl_lrs.stores.deployments.statuses import OURS, State

A, B = "a" * 24, "b" * 24


def _lrs(text: str = "", kind: str = "deployment") -> dict[str, Any]:
    return {"metadata": {"name": "x", "labels": {"datarobot-lrs-type": kind}}, "spec": {"env": {"ID": text}}}


def _journal(**states: State) -> Journal:
    entries = {
        each: JournalledDeployment(
            id=each, label=f"label of {each[:1]}", organisation="o", model="m", before="active", state=state
        )
        for each, state in states.items()
    }
    return Journal(path=Path("j"), endpoint="e", created="c", entries=entries)


def _whose(*journals: Journal) -> Ownership:
    found = Ownership()
    for each in journals:
        found.add_journal(each)
    return found


@pytest.mark.parametrize("state", State)
def test_what_we_took_down_comes_back_with_activate(state: State) -> None:
    verdict, why = _whose(_journal(**{A: state, B: State.PLANNED})).judge(_lrs(A))
    assert verdict is (Verdict.ACTIVATE if state in OURS else Verdict.RESTORE)
    assert ("label of a" in why) is (state in OURS)


def test_without_a_deactivation_everything_is_restored() -> None:
    assert Ownership().judge(_lrs(A)) == (Verdict.RESTORE, "")
    assert _whose(_journal(**{A: State.ACTIVATED})).judge(_lrs(A))[0] is Verdict.RESTORE, "the journal is done"


def test_while_one_is_open_a_deployment_that_nobody_knows_may_be_one_of_its() -> None:
    ownership = _whose(_journal(**{A: State.DEACTIVATED}))
    assert ownership.judge(_lrs(B))[0] is Verdict.UNDECIDED
    assert ownership.judge(_lrs())[0] is Verdict.UNDECIDED
    assert ownership.judge(_lrs(B, "custom_application"))[0] is Verdict.RESTORE, "no deployment at all"
    ownership.add_saved([Deployment(id=B, label="", status="active")])
    assert ownership.judge(_lrs(B))[0] is Verdict.RESTORE


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("inactive", Verdict.ACTIVATE), ("stopping", Verdict.ACTIVATE), ("active", Verdict.RESTORE), ("launching", Verdict.RESTORE)],
)
def test_what_the_application_says_now(status: str, verdict: Verdict) -> None:
    ownership = Ownership()
    ownership.add_live([Deployment(id=A, label="l", status=status)])
    assert ownership.judge(_lrs(A))[0] is verdict
    assert ownership.judge(_lrs(B))[0] is Verdict.RESTORE


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(A, [A]), (f"x-{A}.{B}_", [A, B]), (f"{A}0", []), (f"g{A}", []), (A.upper(), []), (A[:-1], []), (f"/{A}/", [A]), ("", [])],
)
def test_ids_that_stand_by_themselves(text: str, wanted: list[str]) -> None:
    assert list(tokens({"metadata": {"name": text}})) == wanted
    assert list(tokens({"metadata": {"annotations": {"k": text}}, "spec": {"deep": [{"x": (text,)}]}})) == wanted * 2
    assert list(tokens({"metadata": {"uid": text}, "status": text})) == []
