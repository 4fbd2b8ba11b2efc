"""A restore of several stores: in order, all planned before the first write, and the truth about what was not done."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from kubectl_lrs.model.errors import ExitCode, UnreachableError
from kubectl_lrs.model.plan import Action, Effort, Finding, Item, Plan, Severity, TierPlan
from kubectl_lrs.model.report import ItemOutcome, Report, Result
from kubectl_lrs.render.restore import plan_view, report_view
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.usecases.restore import Recovery

EFFORT = Effort(workers=2, timeout=1)


class _Store:
    """A store of three things in memory; `trouble` is asked before each write."""

    def __init__(self, name: str, log: list[str], trouble: Callable[[str], None] = lambda _name: None) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self._log = log
        self._trouble = trouble

    def plan(self, _progress: Progress) -> TierPlan:
        self._log.append(f"plan {self.name}")
        items = [Item(self.name, f"{self.name}-{n}", Action.CREATE if n else Action.REPLACE, bytes=2048 * n) for n in range(3)]
        return TierPlan(
            tier=self.name,
            target=f"{self.name}.example.com",
            items=items,
            findings=self.findings,
            stakes=(f"replace 1 of {self.name}",),
        )

    def apply(self, plan: TierPlan, effort: Effort, _progress: Progress) -> Iterator[ItemOutcome]:
        for item in plan.items:
            self._trouble(item.name)
            self._log.append(f"{'try' if effort.dry_run else 'write'} {item.name}")
            yield ItemOutcome.of(item, counts={"documents": 3})


def _recovery(*stores: _Store, stop: threading.Event | None = None) -> tuple[Recovery, Plan]:
    recovery = Recovery(
        stores,
        None,
        source="backup saved",
        target="https://127.0.0.1",
        from_another_cluster=False,
        progress=Silent(),
        stop=stop or threading.Event(),
    )
    return recovery, recovery.plan()


def _results(report: Report) -> dict[str, Result]:
    return {item.name: item.result for item in report.items}


def test_all_is_planned_before_the_first_write_and_written_in_order() -> None:
    log: list[str] = []
    recovery, plan = _recovery(_Store("mongo", log), _Store("images", log))
    assert log == ["plan mongo", "plan images"]
    assert plan.stakes == ["replace 1 of mongo", "replace 1 of images"]
    report = recovery.apply(plan, EFFORT)
    assert log[2:] == [f"write {name}-{n}" for name in ("mongo", "images") for n in range(3)]
    assert report.exit_code() is ExitCode.DONE


def test_store_that_breaks_off_ends_the_run() -> None:
    def trouble(name: str) -> None:
        if name == "mongo-1":
            raise UnreachableError("the primary is gone", hint="wait for it")

    log: list[str] = []
    recovery, plan = _recovery(_Store("mongo", log, trouble), _Store("images", log))
    report = recovery.apply(plan, EFFORT)
    assert _results(report) == {
        "mongo-0": Result.REPLACED,
        "mongo.example.com": Result.FAILED,
        "mongo-1": Result.NOT_TRIED,
        "mongo-2": Result.NOT_TRIED,
        **{f"images-{n}": Result.NOT_TRIED for n in range(3)},
    }
    assert report.exit_code() is ExitCode.PARTIAL
    assert "write images-0" not in log


def test_store_that_is_not_there_at_all_is_out_of_reach() -> None:
    def trouble(_name: str) -> None:
        raise UnreachableError("refused")

    recovery, plan = _recovery(_Store("mongo", [], trouble))
    assert recovery.apply(plan, EFFORT).exit_code() is ExitCode.UNREACHABLE


def test_interruption_is_told_apart() -> None:
    stop = threading.Event()
    log: list[str] = []
    recovery, plan = _recovery(
        _Store("mongo", log, lambda name: stop.set() if name == "mongo-2" else None), _Store("images", log), stop=stop
    )
    report = recovery.apply(plan, EFFORT)
    assert report.exit_code() is ExitCode.INTERRUPTED
    assert _results(report)["images-0"] is Result.NOT_TRIED


@pytest.mark.parametrize("store", [0, 1])
def test_error_of_any_store_keeps_the_plan_from_being_applied(store: int) -> None:
    stores = [_Store("mongo", []), _Store("images", [])]
    stores[store].findings.append(Finding(Severity.ERROR, "no right to write", "ask for it", ExitCode.UNREACHABLE))
    _, plan = _recovery(*stores)
    assert [error.exit_code for error in plan.errors] == [ExitCode.UNREACHABLE]


def test_bug_in_a_store_is_not_hidden() -> None:
    def trouble(_name: str) -> None:
        raise ZeroDivisionError

    recovery, plan = _recovery(_Store("mongo", [], trouble))
    with pytest.raises(ZeroDivisionError):
        recovery.apply(plan, EFFORT)


def test_plan_and_report_show_every_item() -> None:
    recovery, plan = _recovery(_Store("mongo", []))
    shown = "\n".join(plan_view(plan).before)
    assert "mongo   mongo-1   create    2.0 KiB" in shown
    assert "mongo: 2 create, 1 replace, on mongo.example.com" in plan_view(plan).after
    view = report_view(recovery.apply(plan, EFFORT), dry_run=False)
    assert "mongo   mongo-1   created    3 documents" in "\n".join(view.before)
    assert "mongo: 2 created, 1 replaced" in view.after
    assert view.names == ["mongo/mongo-0", "mongo/mongo-1", "mongo/mongo-2"]
    assert json.loads(json.dumps(view.data))["items"][0] == {
        "tier": "mongo",
        "name": "mongo-0",
        "result": "replaced",
        "message": "",
        "counts": {"documents": 3},
    }
