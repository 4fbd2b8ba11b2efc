"""Whether a cluster would take a backup, as people and programs read it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import errors_of
from kubectl_lrs.render.backups import partial, sound
from kubectl_lrs.render.grouped import and_more, grouped
from kubectl_lrs.render.meanwhile import not_of_one_instant
from kubectl_lrs.render.restore import finding_data, finding_lines
from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.verify import Answer, Checked, Trial, Tried

NOTABLE = frozenset((Answer.ALTERED, Answer.REFUSED, Answer.NOT_CHECKED))
NOT_AS_SAVED = frozenset((Answer.ALTERED, Answer.REFUSED))
COLUMNS = ("NAMESPACE", "NAME", "TYPE", "ANSWER", "WHY")

VERDICTS: dict[ExitCode, str] = {
    ExitCode.DONE: "would restore",
    ExitCode.DIFFERENCE: "would NOT restore",
    ExitCode.UNREACHABLE: "cannot tell whether it would restore",
    ExitCode.INTERRUPTED: "interrupted before it was known whether it would restore",
}


def trial_view(name: str, catalog: Catalog, checked: Checked, trial: Trial) -> View:
    """`verify --against-cluster`: what was found, the objects that would not be accepted or not be tried, the verdict."""
    notable = [each for each in trial.tried if each.answer in NOTABLE]
    findings = tuple(finding_lines(trial.findings))
    gap = ("",) if notable else ()
    return View(
        kind="Verification",
        data=_data(name, catalog, checked, trial),
        before=(*findings, *(gap if findings else ())),
        columns=COLUMNS,
        rows=list(_rows(notable)),
        wide_columns=COLUMNS,
        wide_rows=[_row(each) for each in trial.tried],
        names=[f"{each.namespace}/{each.name}" for each in trial.tried if each.answer in NOT_AS_SAVED],
        after=(
            *gap,
            *partial(name, catalog),
            *not_of_one_instant(name, catalog),
            f"backup {name}: {sound(checked)}",
            *_others(name, catalog),
            f"backup {name}: {_verdict(trial)} on {trial.target}: {_counted(trial)} (nothing was written)",
        ),
    )


def _others(name: str, catalog: Catalog) -> Iterable[str]:
    """What the backup holds beside the LRS: the verdict says nothing of it."""
    if others := _not_asked(catalog):
        yield f"backup {name}: not asked about: {', '.join(others)}; their stores are looked at by: restore --dry-run=client"


def _not_asked(catalog: Catalog) -> list[str]:
    return [tier for tier in catalog.tiers if tier not in ("resources", "deployments")]


def _verdict(trial: Trial) -> str:
    code = trial.exit_code()
    if code is ExitCode.DIFFERENCE and not (trial.counts()[Answer.REFUSED] or errors_of(trial.findings)):
        return f"{VERDICTS[code]} as saved"
    partly = code is ExitCode.DONE and trial.counts()[Answer.NOT_CHECKED]
    return f"{VERDICTS[code]}{', as far as could be checked,' if partly else ''}"


def _rows(notable: Sequence[Tried]) -> Iterator[tuple[str, ...]]:
    """Of many that say the same, the first few stand for all."""
    for each, more in grouped(notable, _alike):
        yield _row(each)
        if more:
            yield (each.namespace, and_more(more), each.type, each.answer.value, each.why)


def _alike(each: Tried) -> Hashable:
    return each.namespace, each.type, each.answer, each.why.replace(each.name, "")


def _row(each: Tried) -> tuple[str, ...]:
    return (each.namespace, each.name, each.type, each.answer.value, each.why)


def _counted(trial: Trial) -> str:
    counts = trial.counts()
    return ", ".join(f"{counts[answer]} {answer.value}" for answer in Answer if counts[answer]) or "it holds no such LRS"


def _data(name: str, catalog: Catalog, checked: Checked, trial: Trial) -> dict[str, Any]:
    counts = trial.counts()
    return {
        "backup": name,
        "files": checked.files,
        "intact": checked.is_intact,
        "unread": checked.unread,
        "state": catalog.state,
        "missing": [each.to_dict() for each in catalog.missing],
        "meanwhile": catalog.meanwhile.to_dict() if catalog.meanwhile else None,
        "notAsked": _not_asked(catalog),
        "damages": [],
        "target": trial.target,
        "verdict": _verdict(trial),
        "restorable": {ExitCode.DONE: True, ExitCode.DIFFERENCE: False}.get(trial.exit_code()),
        "interrupted": trial.interrupted,
        "findings": [finding_data(each) for each in trial.findings],
        "counts": {answer.value: counts[answer] for answer in Answer},
        "objects": [
            {"namespace": t.namespace, "name": t.name, "type": t.type, "answer": t.answer.value, "why": t.why}
            for t in trial.tried
        ],
    }
