"""Repositories, and what became of backups that were copied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from kubectl_lrs.backends.base import Versions
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.units import counted, size
from kubectl_lrs.render.backups import stored_line
from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.copy import CopyOutcome, CopyReport, CopyResult
from kubectl_lrs.usecases.repository import RepositoryCheck, Shown


def repository_made(location: str, identifier: str) -> View:
    """`repository init`."""
    return View(
        kind="Repository",
        data={"location": location, "form": "pooled", "id": identifier},
        before=(f"repository {identifier} made at {location}",),
        names=[location],
        after=("make a backup with: backup --backup-dir " + location,),
        done=f"the repository {location} is made",
    )


def repository_view(shown: Shown) -> View:
    """`repository show`."""
    facts = shown.pool
    data: dict[str, Any] = {
        "location": shown.location,
        "form": shown.form,
        "backups": shown.backups,
        "unreadable": shown.unreadable,
        "bytes": shown.bytes,
        "held": shown.held,
    }
    if facts:
        data |= {
            "id": facts.id,
            "graceHours": facts.grace / 3600,
            "objects": facts.pool.objects,
            "objectBytes": facts.pool.bytes,
            "condemned": facts.condemned,
            "forgotten": facts.forgotten,
            "unfinished": facts.unfinished,
            "reserve": facts.reserve,
        }
    return View(kind="Repository", data=data, before=tuple(_lines(shown)), names=[shown.location])


def _lines(shown: Shown) -> Iterable[str]:
    facts = shown.pool
    yield f"Location:      {shown.location}"
    yield f"Form:          {shown.form}"
    if facts:
        yield f"Id:            {facts.id}"
    unreadable = f" ({shown.unreadable} more cannot be read or do not count: see list)" if shown.unreadable else ""
    yield f"Backups:       {shown.backups}{unreadable}, {shown.held} held"
    if facts:
        yield f"Objects:       {facts.pool.objects}, {size(facts.pool.bytes)}"
        yield f"Condemned:     {facts.condemned} objects, deleted by prune {facts.grace / 3600:g} hours after that was noted"
        yield f"Forgotten:     {facts.forgotten} backups that unforget may bring back"
        yield f"Broken off:    {facts.unfinished} runs, whose objects the next one uses"
        yield f"Reserve:       {'given up, for want of room' if facts.reserve is None else size(facts.reserve)}"
    yield f"Size:          {size(shown.bytes)}"


def repository_check_view(check: RepositoryCheck) -> View:
    """`repository check`."""
    rights = check.rights
    wrong = len(check.damages)
    verdict = f"{wrong} thing{' is' if wrong == 1 else 's are'} wrong" if wrong else "all that they refer to is there"
    return View(
        kind="RepositoryCheck",
        data={
            "location": check.location,
            "backups": check.backups,
            "intact": not check.damages,
            "late": [*check.late],
            "adopted": [*check.adopted],
            "damages": [{"backup": each.path, "what": each.what} for each in check.damages],
            "storage": {
                "mayWrite": rights.may_write,
                "refusesAnother": rights.refuses_another,
                "mayOverwrite": rights.may_overwrite,
                "mayDelete": rights.may_delete,
                "versions": rights.versions.value,
                "appendOnly": rights.is_append_only,
                "why": rights.why,
                "left": rights.left,
            },
        },
        columns=("BACKUP", "DAMAGE"),
        rows=[(each.path, each.what) for each in check.damages],
        names=[each.path for each in check.damages],
        after=(
            *(f"storage: {each}" for each in _rights(check)),
            *_lateness(check),
            f"{check.location}: {counted(check.backups, 'backup')}: {verdict}; contents were not read: verify does that",
        ),
    )


def _rights(check: RepositoryCheck) -> Iterable[str]:
    """What these credentials may do, as it was tried."""
    rights = check.rights
    if not rights.may_write:
        yield f"these credentials cannot write: {rights.why}"
        return
    if not rights.refuses_another:
        yield "it puts one object over another although told not to (If-None-Match); no name is used twice, so nothing is lost"
    yield f"these credentials {'can' if rights.may_overwrite else 'cannot'} overwrite objects"
    yield f"these credentials {'can' if rights.may_delete else 'cannot'} delete objects{f': {rights.why}' if rights.why else ''}"
    if rights.left:
        yield f"the probe stays there: {rights.left}"
    yield _VERSIONS[rights.versions]
    if rights.is_append_only:
        yield "append-only: whoever has these credentials can destroy nothing that is there"
    else:
        yield (
            "not append-only: whoever has these credentials can destroy backups; versions under an object lock keep them from it,"
            " or a policy that enforces If-None-Match and refuses to delete"
        )


_VERSIONS = {
    Versions.GONE: "it keeps no versions: what is deleted or overwritten is gone",
    Versions.KEPT: "it keeps versions, without a lock for each new object: who may delete them can destroy them",
    Versions.LOCKED: "it keeps versions, and locks each new object for a time",
    Versions.UNKNOWN: "it does not tell whether it keeps versions of what is deleted or overwritten",
}


def _lateness(check: RepositoryCheck) -> Iterable[str]:
    """What was replicated, or sealed late, and what became of it."""
    if check.adopted:
        yield f"taken in, and sealed anew: {', '.join(check.adopted)}"
    if check.late:
        yield (
            f"sealed late, so that they count only as long as all is there: {', '.join(check.late)}; if the repository was"
            " replicated, repository check --adopt takes them in"
        )


def copy_view(report: CopyReport) -> View:
    """`copy`."""
    counts = Counter(each.result for each in report.outcomes)
    words = {each: each.value for each in CopyResult} | {CopyResult.THERE: "there already"}
    said = ", ".join(f"{counts[each]} {words[each]}" for each in CopyResult if counts[each]) or "nothing to copy"
    return View(
        kind="CopyReport",
        data={
            "from": report.source,
            "to": report.target,
            "backups": [_copied(each) for each in report.outcomes],
        },
        columns=("NAME", "RESULT", "NEW", "SHARED", "WHY"),
        rows=[_row(each) for each in report.outcomes],
        names=[each.name for each in report.outcomes if each.result in (CopyResult.COPIED, CopyResult.THERE)],
        after=(f"{report.target}: {said}",),
        done=f"{report.target}: {said}",
    )


def _row(each: CopyOutcome) -> tuple[str, ...]:
    new, shared = (size(each.stored.get(name, 0)) if each.stored else "" for name in ("newBytes", "linkedBytes"))
    return each.name, each.result.value, new, shared, str(each.error) if each.error else ""


def _copied(each: CopyOutcome) -> dict[str, Any]:
    return {
        "name": each.name,
        "result": each.result.value,
        "path": each.location,
        "stored": dict(each.stored),
        "why": str(each.error) if each.error else "",
    }


def exported(name: str, location: str, catalog: Catalog) -> View:
    """`export`."""
    return View(
        kind="Backup",
        data={**catalog.to_dict(), "path": location},
        before=(f"backup {name} exported as a plain folder of format {catalog.format_version}",),
        names=[location],
        after=(stored_line(catalog), location),
        done=f"the folder {location} is made",
    )
