"""A restore of several stores: in order, all planned before the first write, and the truth about what was not done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.model.errors import ExitCode, UnreachableError
from kubectl_lrs.model.plan import Action, ApplyOptions, Finding, Plan, Severity, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.render.restore import plan_view, report_view
from kubectl_lrs.render.view import as_json
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.usecases.restore import Restore

OPTIONS = ApplyOptions(workers=2, timeout=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MongoStep(Step):
    store: ClassVar[str] = "mongo"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImageStep(Step):
    store: ClassVar[str] = "images"


KINDS: dict[str, type[Step]] = {kind.store: kind for kind in (_MongoStep, _ImageStep)}


class _Store:
    """A store of three things in memory; `trouble` is asked before each write."""

    def __init__(self, name: str, log: list[str], trouble: Callable[[str], None] = lambda _name: None) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self._log = log
        self._trouble = trouble

    def plan(self, _progress: Progress) -> StorePlan:
        self._log.append(f"plan {self.name}")
        kind = KINDS[self.name]
        steps: Sequence[Step] = [
            kind(name=f"{self.name}-{n}", action=Action.CREATE if n else Action.REPLACE, bytes=2048 * n) for n in range(3)
        ]
        return StorePlan(
            store=self.name,
            target=f"{self.name}.example.com",
            steps=steps,
            findings=tuple(self.findings),
            effects=(f"replace 1 of {self.name}",),
        )

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, _progress: Progress) -> None:
        for step in plan.of(KINDS[self.name]):
            self._trouble(step.name)
            self._log.append(f"{'try' if options.dry_run else 'write'} {step.name}")
            report.add(Outcome.of(step, counts={"documents": 3}))


def _restore(*stores: _Store, stop: Cancel | None = None) -> tuple[Restore, Plan]:
    restore = Restore(
        stores,
        source="backup saved",
        target="https://127.0.0.1",
        from_another_cluster=False,
        progress=Silent(),
        stop=stop or Cancel(),
    )
    return restore, restore.plan()


def _results(report: Report) -> dict[str, Result]:
    return {outcome.name: outcome.result for outcome in report.outcomes}


def test_all_is_planned_before_the_first_write_and_written_in_order() -> None:
    log: list[str] = []
    restore, plan = _restore(_Store("mongo", log), _Store("images", log))
    assert log == ["plan mongo", "plan images"]
    assert plan.effects == ["replace 1 of mongo", "replace 1 of images"]
    report = restore.apply(plan, OPTIONS)
    assert log[2:] == [f"write {name}-{n}" for name in ("mongo", "images") for n in range(3)]
    assert report.exit_code() is ExitCode.DONE


def test_store_that_breaks_off_ends_the_run() -> None:
    def trouble(name: str) -> None:
        if name == "mongo-1":
            raise UnreachableError("the primary is gone", hint="wait for it")

    log: list[str] = []
    restore, plan = _restore(_Store("mongo", log, trouble), _Store("images", log))
    report = restore.apply(plan, OPTIONS)
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

    restore, plan = _restore(_Store("mongo", [], trouble))
    with pytest.raises(UnreachableError, match="refused"):
        restore.apply(plan, OPTIONS)
    restore, plan = _restore(_Store("mongo", [], trouble), _Store("images", []))
    assert restore.apply(plan, OPTIONS).exit_code() is ExitCode.UNREACHABLE


def test_step_that_was_taken_out_of_the_plan_is_not_done() -> None:
    log: list[str] = []
    restore, plan = _restore(_Store("mongo", log), _Store("images", log))
    parts = tuple(replace(part, steps=part.steps[::2]) for part in plan.parts)
    report = restore.apply(replace(plan, parts=parts), OPTIONS)
    assert [line for line in log if line.startswith("write")] == [f"write {s}-{n}" for s in KINDS for n in (0, 2)]
    assert len(report.outcomes) == 4
    other, _ = _restore(_Store("mongo", log), _Store("images", log))
    assert [o.name for o in other.apply(replace(plan, parts=parts[1:]), OPTIONS).outcomes] == ["images-0", "images-2"]


def test_step_of_another_store_is_a_bug() -> None:
    restore, plan = _restore(_Store("mongo", []))
    (part,) = plan.parts
    with pytest.raises(TypeError, match="is no _MongoStep"):
        restore.apply(replace(plan, parts=(replace(part, steps=[_ImageStep(name="x", action=Action.CREATE)]),)), OPTIONS)


def test_interruption_is_told_apart() -> None:
    stop = Cancel()
    log: list[str] = []
    restore, plan = _restore(
        _Store("mongo", log, lambda name: stop.set() if name == "mongo-2" else None), _Store("images", log), stop=stop
    )
    report = restore.apply(plan, OPTIONS)
    assert report.exit_code() is ExitCode.INTERRUPTED
    assert _results(report)["images-0"] is Result.NOT_TRIED


@pytest.mark.parametrize("store", [0, 1])
def test_error_of_any_store_keeps_the_plan_from_being_applied(store: int) -> None:
    stores = [_Store("mongo", []), _Store("images", [])]
    stores[store].findings.append(Finding(Severity.ERROR, "no right to write", "ask for it", ExitCode.UNREACHABLE))
    _, plan = _restore(*stores)
    assert [error.exit_code for error in plan.errors] == [ExitCode.UNREACHABLE]


def test_bug_in_a_store_is_not_hidden() -> None:
    def trouble(_name: str) -> None:
        raise ZeroDivisionError

    restore, plan = _restore(_Store("mongo", [], trouble))
    with pytest.raises(ZeroDivisionError):
        restore.apply(plan, OPTIONS)


def test_plan_tells_whose_backup_it_is() -> None:
    restore, plan = _restore(_Store("mongo", []))
    assert plan_view(plan).data["owner"] == ""
    restore._owner = "somebody (uid 7)"
    assert plan_view(restore.plan()).data["owner"] == "somebody (uid 7)"


def test_plan_and_report_show_every_step() -> None:
    restore, plan = _restore(_Store("mongo", []))
    view = plan_view(plan)
    assert view.columns == ("TIER", "NAME", "ACTION", "SIZE")
    assert ("mongo", "mongo-1", "create", "2.0 KiB") in view.rows
    assert "mongo: 2 create, 1 replace, on mongo.example.com" in view.after
    report = report_view(restore.apply(plan, OPTIONS), dry_run=False)
    assert report.columns == ("TIER", "NAME", "RESULT", "MESSAGE")
    assert ("mongo", "mongo-1", "created", "3 documents") in report.rows
    assert report.after[-1].startswith("backup saved: 2 created, 1 replaced in ")
    assert report.names == ["mongo/mongo-0", "mongo/mongo-1", "mongo/mongo-2"]
    assert json.loads(as_json(report.data))["outcomes"][0] == {
        "tier": "mongo",
        "namespace": "",
        "name": "mongo-0",
        "type": "",
        "result": "replaced",
        "message": "",
        "counts": {"documents": 3},
    }


def test_each_step_says_what_leads_to_it() -> None:
    """By its own name, where it goes elsewhere too; of a collection that is made, what leads to its documents."""
    only = Belongings(
        id="a1",
        things=(
            Belonging(tier="mongo", name="mongo-0", why="itself", others=("churn",)),
            Belonging(tier="mongo", name="mongo-1/b", why="named"),
            Belonging(tier="mongo", name="mongo-1/c", why="named"),
            Belonging(tier="mongo", name="mongo-10/d", why="another"),
        ),
    )
    restore = Restore(
        [_Store("mongo", [])],
        source="saved",
        target="https://127.0.0.1",
        from_another_cluster=False,
        only=only,
        progress=Silent(),
        stop=Cancel(),
    )
    plan = restore.plan()
    assert [step.because for step in plan.steps] == ["itself; shared with churn", "named", ""]
    assert [each["because"] for each in json.loads(as_json(plan_view(plan).data))["steps"]] == [
        step.because for step in plan.steps
    ]


def test_whose_things_are_is_looked_at_again_before_the_first_write() -> None:
    """Between the plan and the yes an hour may pass; what is new there is made all the same."""
    log: list[str] = []
    own = Belongings(id="a", things=tuple(Belonging(tier="mongo", name=f"mongo-{n}", why="w") for n in range(3)))
    theirs = replace(own, things=tuple(replace(each, others=("churn",)) for each in own.things))

    def restore(only: Belongings, answer: Belongings) -> tuple[Restore, Plan]:
        made = Restore(
            [_Store("mongo", log)],
            source="s",
            target="t",
            from_another_cluster=False,
            only=only,
            again=lambda: answer,
            progress=Silent(),
            stop=Cancel(),
        )
        return made, made.plan()

    made, plan = restore(own, theirs)
    assert [step.action for step in plan.steps] == [Action.REPLACE, Action.CREATE, Action.CREATE]
    report = made.apply(plan, OPTIONS)
    assert _results(report) == {"mongo-0": Result.CONFLICT, "mongo-1": Result.CREATED, "mongo-2": Result.CREATED}
    assert report.outcomes[0].message == "it differs, and is shared with churn: it is left alone"
    assert report.exit_code() is ExitCode.PARTIAL
    made, plan = restore(theirs, own)
    assert [step.action for step in plan.steps] == [Action.CONFLICT, Action.CREATE, Action.CREATE]
    made, plan = restore(own, own)
    assert _results(made.apply(plan, OPTIONS))["mongo-0"] is Result.REPLACED


def test_where_nobody_can_tell_whose_things_are_nothing_is_written() -> None:
    def away() -> Belongings:
        raise UnreachableError("away")

    log: list[str] = []
    own = Belongings(id="a", things=(Belonging(tier="mongo", name="mongo-0", why="w"),))
    made = Restore(
        [_Store("mongo", log), _Store("images", log)],
        source="s",
        target="t",
        from_another_cluster=False,
        only=own,
        again=away,
        progress=Silent(),
        stop=Cancel(),
    )
    plan = made.plan()
    with pytest.raises(UnreachableError):
        made.apply(plan, OPTIONS)
    assert log == ["plan mongo", "plan images"]
