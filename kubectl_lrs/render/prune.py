"""What `prune` and `forget` would remove and have removed, and why the rest stays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.units import counted, size
from kubectl_lrs.render.backups import age_of, local, scope
from kubectl_lrs.render.grouped import Next, next_lines
from kubectl_lrs.render.view import View
from kubectl_lrs.repository.count import Count
from kubectl_lrs.repository.pruning import Found, PoolFacts, PruneResult, Weight
from kubectl_lrs.usecases.prune import PrunePlan, PruneReport, PruneStep

_COLUMNS = ("NAME", "CREATED", "AGE", "STATE")
_WIDE = ("CLUSTER", "SELECTION", "PROFILE")


def prune_plan_view(plan: PrunePlan, weight: Weight, then: Sequence[Next] = ()) -> View:
    """What goes, what stays, and by which rule. `weight`: what that frees."""
    columns = (*_COLUMNS, "ACTION", "KEPT BY")
    steps = [step for step in plan.steps if not (plan.is_named and step.is_kept)]
    return View(
        kind="PrunePlan",
        data={
            **_facts(plan),
            "freedBytes": weight.bytes,
            **_pool_data(weight.swept, weight.condemned),
            "backups": [{**_data(step.found), "action": _action(step), "reasons": list(step.decision.reasons)} for step in steps],
        },
        columns=columns,
        rows=[(*_row(step.found), *_end(step)) for step in steps],
        wide_columns=(*columns, *_WIDE),
        wide_rows=[(*_row(step.found), *_end(step), *_group(step.catalog)) for step in steps],
        names=[step.name for step in plan.to_remove],
        after=(*_pool_plan(weight), _summary(plan, weight), *next_lines(then)),
    )


def prune_remarks(plan: PrunePlan) -> Iterable[str]:
    """What the user should know of a plan beside what goes."""
    yield from (f"warning: left alone: {each.name}: {each.why}" for each in plan.left_alone)
    for begun in plan.unfinished:
        if begun.why:
            yield f"warning: left alone: {begun.where}: {begun.why}; remove it if nobody needs it"
        else:
            yield f"note: the removal of {begun.name} was broken off, and is finished first"
    yield from (f"warning: a hold is not believed: {error}; {error.hint}" for error in plan.unbelieved)
    for step in plan.steps:
        if step.found.doubt and step.is_kept:
            yield f"warning: {step.name} is {step.found.doubt}; it is kept, and counts for nothing"
    for step in plan.without_whole:
        yield f"warning: with {step.name} goes the last whole backup of {_described(step.catalog)}"
    for step, words in plan.last_holding:
        said = ", ".join(words)
        yield f"warning: {step.name} goes, and holds {said}; those that stay of {_described(step.catalog)} hold none at all"


def prune_question(plan: PrunePlan, weight: Weight) -> str:
    """What the user must agree to."""
    gone = plan.to_remove
    room = f", {size(weight.bytes)}" if weight.bytes is not None and weight.swept is None else ""
    if plan.is_named:
        return f"Remove {', '.join(step.name for step in gone)} from {plan.location}{room}?"
    of_most = sum(step.decision.candidate.group in plan.thinned for step in gone)
    which = "" if of_most == len(gone) else f"{of_most} of them "
    why = f" ({which}more than half of their group)" if of_most else ""
    return f"Remove {counted(len(gone), 'backup')} from {plan.location}{room}?{why}"


def _pool_plan(weight: Weight) -> Iterable[str]:
    """What becomes of the objects that backups share."""
    if weight.swept is not None and weight.condemned is not None:
        later = f"{weight.grace / 3600:g} hours later, if nothing refers to it by then"
        yield f"deleted at once, as its time has come: {_room(weight.swept)}"
        yield f"condemned, and deleted by a prune {later}: {_room(weight.condemned)}"


def _room(count: Count) -> str:
    return f"{counted(count.objects, 'object')}, {size(count.bytes)}"


def _pool_data(swept: Count | None, condemned: Count | None) -> dict[str, Any]:
    named = {"swept": swept, "condemned": condemned}
    return {name: {"objects": each.objects, "bytes": each.bytes} for name, each in named.items() if each is not None}


def prune_report_remarks(report: PruneReport) -> Iterable[str]:
    """What was not done to the objects that backups share, and what else is to be known of them."""
    if report.pool:
        yield from (f"warning: {each}" for each in report.pool.remarks)
        yield from (f"note: {each}" for each in _notes(report.pool))


def _notes(pool: PoolFacts) -> list[str]:
    """Where the storage keeps what was deleted: what frees its room."""
    scheme, _, rest = pool.kept_at.partition("://")
    if not scheme:
        return []
    if scheme != "s3":  # there versions are not all that keeps, and a rule is written in other words
        until = "until a lifecycle rule or the end of that time removes it"
        return [f"{pool.kept_at}: the storage keeps what was deleted, as versions or for a time: it takes up room {until}"]
    bucket, _, prefix = rest.partition("/")
    rule = {
        "ID": "lrs-noncurrent",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{prefix}/" if prefix else ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    }
    until = f"until a lifecycle rule for noncurrent versions removes it, such as {json.dumps({'Rules': [rule]})}"
    return [f"bucket {bucket} keeps versions: what was deleted takes up room {until}"]


def _pool_done(report: PruneReport) -> Iterable[str]:
    if pool := report.pool:
        when = f"; a prune after {local(pool.matures)} deletes it" if pool.matures else ""
        yield f"deleted now: {_room(pool.swept)}"
        yield f"condemned now: {_room(pool.condemned)}{when}"


def prune_report_view(report: PruneReport) -> View:
    """What became of each."""
    counts = Counter(each.result for each in report.outcomes)
    said = ", ".join(f"{counts[result]} {result.value}" for result in PruneResult if counts[result]) or "nothing to remove"
    kept = sum(step.is_kept for step in report.plan.steps)
    line = f"{report.plan.location}: {said}; {kept} stay{'; interrupted' if report.interrupted else ''}"
    rows = [
        (each.name, *(_row(each.found)[1:] if each.found else ("", "", "")), each.result.value, each.message)
        for each in report.outcomes
    ]
    return View(
        kind="PruneReport",
        data={
            **_facts(report.plan),
            "interrupted": report.interrupted,
            "counts": {result.value: counts[result] for result in PruneResult},
            "backups": [
                {
                    **(_data(each.found) if each.found else {"name": each.name}),
                    "result": each.result.value,
                    "message": each.message,
                }
                for each in report.outcomes
            ],
            **_pool_facts(report),
        },
        columns=(*_COLUMNS, "RESULT", "MESSAGE"),
        rows=rows,
        names=[each.name for each in report.outcomes if each.result is PruneResult.REMOVED],
        after=(*_pool_done(report), line),
        done=line if counts[PruneResult.REMOVED] else "",
    )


def _pool_facts(report: PruneReport) -> dict[str, Any]:
    if (pool := report.pool) is None:
        return {}
    matures = f"{pool.matures:%Y-%m-%dT%H:%M:%SZ}" if pool.matures else None
    return {**_pool_data(pool.swept, pool.condemned), "matures": matures, "remarks": [*pool.remarks], "notes": _notes(pool)}


def _facts(plan: PrunePlan) -> dict[str, Any]:
    return {
        "directory": plan.resolved,
        "leftAlone": [{"name": each.name, "why": each.why} for each in plan.left_alone],
        "unfinished": [{"name": each.name, "path": each.where, "why": each.why} for each in plan.unfinished],
        "holdsNotBelieved": [str(error) for error in plan.unbelieved],
    }


def _summary(plan: PrunePlan, weight: Weight) -> str:
    gone = len(plan.to_remove)
    room = f", which frees {size(weight.bytes)}" if weight.bytes and weight.swept is None else ""
    return f"plan: {gone} to remove{room}, {len(plan.steps) - gone} to keep (nothing was removed)"


def _row(found: Found) -> tuple[str, ...]:
    state = "empty" if found.catalog.is_empty else found.catalog.state
    return (found.name, local(found.catalog.instant), age_of(found.catalog), state)


def _action(step: PruneStep) -> str:
    return "keep" if step.is_kept else "remove"


def _end(step: PruneStep) -> tuple[str, str]:
    return _action(step), ", ".join(step.decision.reasons)


def _group(catalog: Catalog) -> tuple[str, ...]:
    return catalog.cluster.title, scope(catalog), catalog.profile


def _described(catalog: Catalog) -> str:
    return f"{catalog.cluster.title}, {scope(catalog)}, profile {catalog.profile}"


def _data(found: Found) -> dict[str, Any]:
    catalog = found.catalog
    return {
        "name": found.name,
        "instant": catalog.to_dict()["instant"],
        "state": catalog.state,
        "empty": catalog.is_empty,
        "group": {
            "cluster": catalog.cluster.uid,
            "server": catalog.cluster.server,
            "selection": dict(catalog.selection),
            "levels": dict(catalog.levels),
            "profile": catalog.profile,
        },
    }
