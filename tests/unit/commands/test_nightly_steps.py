"""Which backups a night may remove, and what is said of those that no rule can judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.commands import nightly_steps
from kubectl_lrs.commands.nightly_steps import Steps, _with_doubts
from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.nightly import NightlyReport, Outcome, State
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.pruning import LeftAlone
from kubectl_lrs.usecases.nightly import Own

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)
OWN = Own(uids=frozenset("u"), profile="lrs", selection=Selection(namespace="n"))


def _catalog(*, uid: str = "u", server: str = "https://c", namespace: str = "n") -> Catalog:
    return Catalog(
        name="b",
        instant=NOW,
        finished=NOW,
        tool="t",
        cluster=Cluster(server=server, uid=uid),
        selection=Selection(namespace=namespace).as_dict(),
        profile="lrs",
        tiers={"resources": {"objects": 1}},
    )


def _steps(monkeypatch: pytest.MonkeyPatch, made: Catalog | None) -> Steps:
    monkeypatch.setattr(nightly_steps, "own_backups", lambda *_: OWN)
    report = NightlyReport(cluster="u", profile="lrs", parts=(), began=NOW, backup=made)
    nothing: Any = None
    return Steps(given=nothing, installation=nothing, report=report, asked=())


def test_what_is_removed_is_surely_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = _steps(monkeypatch, _catalog())
    assert steps._is_meant(_catalog())
    assert not steps._is_meant(_catalog(uid="other"))
    assert not steps._is_meant(_catalog(namespace="m"))
    assert OWN.has(_catalog(uid=""))
    assert not steps._is_meant(_catalog(uid="")), "another cluster may have a namespace of that name"
    untold = _steps(monkeypatch, _catalog(uid=""))
    assert untold._is_meant(_catalog(uid="")), "of one group with the one that was made"
    assert not untold._is_meant(_catalog(uid="", server="https://d"))
    assert not _steps(monkeypatch, None)._is_meant(_catalog(uid=""))


def _plan(*unread: LeftAlone, **doubts: str) -> Any:
    steps = [SimpleNamespace(name=name, found=SimpleNamespace(doubt=doubt), catalog=name) for name, doubt in doubts.items()]
    lacking = {name: doubt for name, doubt in doubts.items() if "damaged" in doubt}
    alone = [LeftAlone(name="foreign", why="it belongs to bob"), *unread]
    return SimpleNamespace(steps=steps, prepared=SimpleNamespace(lacking=lacking), left_alone=alone)


DONE = Outcome(message="1 removed")
LEFT = Outcome(state=State.LEFT_OUT, status=ExitCode.PARTIAL, message="half", hint="h")


@pytest.mark.parametrize(
    ("plan", "outcome", "wanted"),
    [
        (_plan(a=""), DONE, DONE),
        (_plan(others="damaged: 1"), DONE, DONE),
        (
            _plan(a="dated later than now", b="damaged: 2", c="damaged: 3"),
            DONE,
            (State.FOUND, ExitCode.DIFFERENCE, "1 removed; b is damaged: 2; of 1 more it is alike"),
        ),
        (_plan(a="dated later than now"), DONE, (State.FOUND, ExitCode.PARTIAL, "1 removed; a is dated later than now")),
        (
            _plan(LeftAlone(name="x", why="no sums", is_unread=True), a="dated later than now"),
            DONE,
            (State.FOUND, ExitCode.DIFFERENCE, "1 removed; x cannot be read as a backup: no sums"),
        ),
        (_plan(a="damaged: 1"), LEFT, (State.LEFT_OUT, ExitCode.DIFFERENCE, "half; a is damaged: 1")),
        (
            _plan(a="damaged: 1"),
            replace(DONE, state=State.FAILED, status=ExitCode.FAILED),
            (State.FAILED, ExitCode.FAILED, "1 removed; a is damaged: 1"),
        ),
    ],
)
def test_what_no_rule_can_judge_is_no_good_night(plan: Any, outcome: Outcome, wanted: Any) -> None:
    found = _with_doubts(outcome, plan, lambda name: name != "others")
    assert found == wanted or (found.state, found.status, found.message) == wanted
