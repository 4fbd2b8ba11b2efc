"""What a rehearsal would do, and what it has shown, as people and programs read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import StorePlan
from kubectl_lrs.model.rehearsal import PartProof, Rehearsed, Verdict, verdict
from kubectl_lrs.model.report import Outcome
from kubectl_lrs.model.units import age, size
from kubectl_lrs.render.grouped import and_more, grouped
from kubectl_lrs.render.restore import finding_data, finding_lines
from kubectl_lrs.render.view import View
from kubectl_lrs.stores.base import Rehearsal

COLUMNS = ("TIER", "NAMESPACE", "NAME", "TYPE", "VERDICT", "WHY")
PLAN_COLUMNS = ("TIER", "WHAT IS DONE", "WHERE", "THINGS", "SIZE")

BROKEN = (Verdict.REFUSED, Verdict.DIFFERS)
"""What surely does not come back as it was."""

VERDICTS: dict[ExitCode, str] = {
    ExitCode.DONE: "restores: everything was proved",
    ExitCode.DIFFERENCE: "does NOT restore as it was saved",
    ExitCode.UNREACHABLE: "was NOT proved: what it is to be restored to is out of reach, or does not allow it",
    ExitCode.INTERRUPTED: "was NOT proved: interrupted",
    ExitCode.PARTIAL: "was NOT proved to its end",
}


def rehearsal_view(proof: Rehearsed) -> View:
    """What does not come back, or was not proved, part by part; the verdict; how long a recovery would take."""
    things = [each for part in proof.parts for each in part.outcomes]
    notable = [each for each in things if verdict(each) is not Verdict.PROVED]
    findings = tuple(line for part in proof.parts for line in finding_lines(part.findings))
    return View(
        kind="Rehearsal",
        data=_data(proof),
        before=(*proof.removed, *findings),
        columns=COLUMNS,
        rows=list(_rows(notable)),
        wide_columns=COLUMNS,
        wide_rows=[_row(each) for each in things],
        names=[_name(each) for each in things if verdict(each) in BROKEN],
        after=tuple(_after(proof)),
        done=f"backup {proof.backup} {_verdict(proof)}{_because(proof)}",
    )


def _after(proof: Rehearsed) -> Iterator[str]:
    for part in proof.parts:
        where = f", on {part.target}" if part.target else ""
        yield f"{part.store}: {part.how}{where}: {_counted(part)}{_time(part)}"
    yield from (f"not proved: {each}" for each in proof.why_not())
    if proof.left_out:
        yield f"not rehearsed, as --tier leaves it out: {', '.join(proof.left_out)}"
    yield f"backup {proof.backup} {_verdict(proof)}"
    if (seconds := proof.recovery) is not None:
        what = "a full recovery" if not proof.left_out else f"a recovery of {', '.join(part.store for part in proof.parts)}"
        more = f", beside {' and '.join(proof.untimed)}, of which this tells nothing" if proof.untimed else ""
        yield f"{what} would take about {_about(seconds)}{more}"


def _verdict(proof: Rehearsed) -> str:
    code = proof.exit_code()
    if code is ExitCode.DONE and proof.left_out:
        return f"restores, as far as was asked: {', '.join(part.store for part in proof.parts)}"
    return VERDICTS[code]


def _because(proof: Rehearsed) -> str:
    """The first reason, for whoever reads one line alone: what differs, a right that is lacking, a server that is away."""
    if proof.is_proved:
        return ""
    things = [each for part in proof.parts for each in part.outcomes if each.message]
    broken = (each for each in things if verdict(each) in BROKEN)
    others = (each for each in things if verdict(each) is Verdict.NOT_PROVED)
    told = [*map(_thing, broken), *proof.why_not(), *map(_thing, others)]
    more = f", and {len(told) - 1:,} more" if len(told) > 1 else ""
    return f": {told[0]}{more}" if told else ""


def _thing(outcome: Outcome) -> str:
    return f"{_name(outcome)}: {outcome.message}"


def _about(seconds: float) -> str:
    """As one would say it: nobody plans by the second."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return "a minute" if seconds > 30 else "half a minute"
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{seconds / 3600:.1f} hours"


def _time(part: PartProof) -> str:
    return f", {age(part.seconds)}" if part.seconds is not None else ""


def _counted(part: PartProof) -> str:
    counts = part.counts()
    return ", ".join(f"{counts[each]:,} {each.value}" for each in Verdict if counts[each]) or "nothing was tried"


def _rows(things: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    for thing, more in grouped(things, _alike):
        yield _row(thing)
        if more:
            yield tuple(and_more(more) if title == "NAME" else cell for title, cell in zip(COLUMNS, _row(thing), strict=True))


def _alike(thing: Outcome) -> Hashable:
    return thing.store, thing.namespace, thing.type, verdict(thing), thing.message.replace(thing.name, "")


def _row(thing: Outcome) -> tuple[str, ...]:
    return (thing.store, thing.namespace, thing.name, thing.type, verdict(thing).value, thing.message)


def _name(thing: Outcome) -> str:
    return f"{thing.store}/{thing.key}"


def _data(proof: Rehearsed) -> dict[str, Any]:
    counts: Counter[Verdict] = Counter()
    for part in proof.parts:
        counts += part.counts()
    return {
        "backup": proof.backup,
        "verdict": _verdict(proof),
        "proved": proof.is_proved,
        "interrupted": proof.interrupted,
        "seconds": round(proof.seconds, 3),
        "recoverySeconds": None if proof.recovery is None else round(proof.recovery, 3),
        "notTimed": proof.untimed,
        "damages": proof.damages,
        "notProved": list(proof.why_not()),
        "notAsked": proof.left_out,
        "earlierRuns": proof.removed,
        "counts": {each.value: counts[each] for each in Verdict},
        "tiers": [_part_data(part) for part in proof.parts],
    }


def _part_data(part: PartProof) -> dict[str, Any]:
    counts = part.counts()
    return {
        "tier": part.store,
        "how": part.how,
        "target": part.target,
        "proved": part.is_proved,
        "seconds": None if part.seconds is None else round(part.seconds, 3),
        "findings": [finding_data(each) for each in part.findings],
        "counts": {each.value: counts[each] for each in Verdict},
        "things": [
            {
                "namespace": each.namespace,
                "name": each.name,
                "type": each.type,
                "verdict": verdict(each).value,
                "message": each.message,
                "counts": dict(each.counts),
            }
            for each in part.outcomes
        ],
    }


# ---- the plan


def rehearsal_plan_view(backup: str, plans: Sequence[tuple[Rehearsal, StorePlan]]) -> View:
    """What would be rehearsed, and where."""
    return View(
        kind="RehearsalPlan",
        data={"backup": backup, "tiers": [_plan_data(store, plan) for store, plan in plans]},
        columns=PLAN_COLUMNS,
        rows=[
            (plan.store, store.how, plan.target, f"{len(plan.steps):,}", size(sum(step.bytes for step in plan.steps)))
            for store, plan in plans
        ],
        names=[plan.store for _, plan in plans],
        after=(f"backup {backup}: nothing was rehearsed, and nothing was written",),
    )


def _plan_data(store: Rehearsal, plan: StorePlan) -> dict[str, Any]:
    return {
        "tier": plan.store,
        "how": store.how,
        "target": plan.target,
        "bytes": sum(step.bytes for step in plan.steps),
        "counts": {action.value: count for action, count in sorted(plan.counts().items())},
        "findings": [finding_data(each) for each in plan.findings],
    }
