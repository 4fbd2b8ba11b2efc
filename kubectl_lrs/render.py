"""Everything that people and programs read: tables, JSON, YAML, names, progress. It decides nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from kubectl_lrs.backupdir import Unsealed
from kubectl_lrs.catalog import Catalog
from kubectl_lrs.folder import Damage, SealedFolder
from kubectl_lrs.plan import Plan, Step
from kubectl_lrs.report import NOT_DONE, Outcome, Report, Result
from kubectl_lrs.settings import age, size
from kubectl_lrs.workloads import WORKLOADS
from kubectl_lrs.yamltext import dump

if TYPE_CHECKING:
    import rich.progress

FORMATS = ("table", "wide", "json", "yaml", "name")
GAP = "   "


@dataclass(frozen=True)
class View:
    """One answer in every form: `data` for programs, `names` for scripts, a table with lines around it for people."""

    data: Any
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    wide_columns: tuple[str, ...] = ()
    wide_rows: Sequence[Sequence[str]] = ()
    names: Sequence[str] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = field(default=())


def show(view: View, output: str) -> None:
    """Print the view on stdout."""
    if output == "json":
        click.echo(json.dumps(view.data, indent=2, ensure_ascii=False))
    elif output == "yaml":
        click.echo(dump(view.data), nl=False)
    elif output == "name":
        for name in view.names:
            click.echo(name)
    else:
        wide = output == "wide" and view.wide_columns
        columns, rows = (view.wide_columns, view.wide_rows) if wide else (view.columns, view.rows)
        for line in (*view.before, *table(columns, rows), *view.after):
            click.echo(line)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Aligned lines under upper-case headings, as kubectl prints them; nothing where there is no row."""
    if not rows:
        return
    widths = [max(len(str(row[n])) for row in (columns, *rows)) for n in range(len(columns))]
    for row in (columns, *rows):
        yield GAP.join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# ---- backups


def listing(sealed: Sequence[SealedFolder], unsealed: Sequence[Unsealed]) -> View:
    """`list`: one row per backup."""
    catalogs = [(folder, folder.catalog) for folder in sealed]
    return View(
        data={
            "backups": [{**c.to_dict(), "path": str(f.path.resolve())} for f, c in catalogs],
            "unsealed": [{"path": str(u.path), "why": u.why} for u in unsealed],
        },
        columns=("NAME", "CREATED", "AGE", "OBJECTS", "PROFILE", "STATE"),
        rows=[_list_row(f, c) for f, c in catalogs],
        wide_columns=(
            "NAME",
            "CREATED",
            "AGE",
            "OBJECTS",
            "PROFILE",
            "STATE",
            "NAMESPACE",
            "SIZE",
            "CLUSTER",
            "CONTEXT",
        ),
        wide_rows=[
            (
                *_list_row(f, c),
                _scope(c),
                size(int(c.tiers["resources"].get("bytes", 0))),
                c.cluster.server,
                c.cluster.context,
            )
            for f, c in catalogs
        ],
        names=[f.path.name for f in sealed],
    )


def _list_row(folder: SealedFolder, catalog: Catalog) -> tuple[str, ...]:
    return (
        folder.path.name,
        local(catalog.instant),
        _age(catalog),
        str(catalog.objects),
        catalog.profile,
        catalog.state,
    )


def _scope(catalog: Catalog) -> str:
    return str(catalog.selection.get("namespace") or "<all>")


def _age(catalog: Catalog) -> str:
    return age((datetime.now(timezone.utc) - catalog.instant).total_seconds())


def local(instant: datetime) -> str:
    """An instant in the user's own time zone."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def catalog_view(path: str, catalog: Catalog, objects: Sequence[dict[str, Any]]) -> View:
    """`show`: what one backup is and holds."""
    facts = catalog.tiers["resources"]
    skipped = [f"  skipped {s['namespace']}/{s['name']}: {s['reason']}" for s in facts.get("skipped", ())]
    return View(
        data={**catalog.to_dict(), "path": path, "objects": objects},
        before=(*_headline(path, catalog), *_selection_lines(catalog), ""),
        columns=("NAMESPACE", "TYPE", "OBJECTS"),
        rows=_count_rows(objects),
        wide_columns=("NAMESPACE", "NAME", "TYPE", "CREATED", "OWNERS"),
        wide_rows=[(o["namespace"], o["name"], o["type"], o["created"], _owners(o)) for o in objects],
        names=[f"{o['namespace']}/{o['name']}" for o in objects],
        after=tuple(["", "Being deleted at the time, so not in the backup:", *skipped] if skipped else []),
    )


def _owners(entry: dict[str, Any]) -> str:
    return ",".join(f"{o.get('kind')}/{o.get('name')}" for o in entry["owners"]) or "<none>"


def _headline(path: str, catalog: Catalog) -> tuple[str, ...]:
    cluster = catalog.cluster
    facts = catalog.tiers["resources"]
    return (
        f"Name:              {catalog.name}",
        f"Path:              {path}",
        f"Instant:           {local(catalog.instant)} ({_age(catalog)} ago)",
        f"Cluster:           {cluster.server}{f' (context {cluster.context})' if cluster.context else ''}, {cluster.version}",
        f"Resource:          {facts['plural']}.{facts['group']}/{facts['version']} ({facts['kind']})",
        f"Resource version:  {facts['resourceVersion']}",
        f"Profile:           {catalog.profile}",
        f"State:             {catalog.state}",
        f"Objects:           {catalog.objects} ({size(int(facts['bytes']))} of manifests)",
        f"CRD:               {'saved' if facts.get('crd') else 'not saved: ' + str(facts.get('crdNote'))}",
    )


def _selection_lines(catalog: Catalog) -> tuple[str, ...]:
    selection = catalog.selection
    parts = [f"namespace {selection['namespace']}" if selection["namespace"] else "all namespaces"]
    parts += [f"types {', '.join(selection['types'])}"] if selection["types"] else []
    without = [*selection["leftOutByDefault"], *selection["excludedTypes"]]
    parts += [f"without {', '.join(without)}"] if without else []
    parts += [f"labels {selection['selector']}"] if selection["selector"] else []
    return (f"Selection:         {'; '.join(parts)}",)


def _count_rows(objects: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    counts: dict[tuple[str, str], int] = {}
    for entry in objects:
        key = (entry["namespace"], entry["type"])
        counts[key] = counts.get(key, 0) + 1
    return [(namespace, kind, str(count)) for (namespace, kind), count in sorted(counts.items())]


def made(path: str, catalog: Catalog) -> View:
    """`backup`: what was just sealed."""
    facts = catalog.tiers["resources"]
    namespaces = len(facts["namespaces"])
    lines = [
        f"backup {catalog.name} sealed: {catalog.objects} LRS in {namespaces} namespace{'' if namespaces == 1 else 's'}, "
        f"{size(int(facts['bytes']))}, as of resourceVersion {facts['resourceVersion']}"
    ]
    return View(
        data={**catalog.to_dict(), "path": path},
        before=tuple(lines),
        columns=("TYPE", "OBJECTS"),
        rows=[(kind, str(count)) for kind, count in facts["types"].items()],
        names=[catalog.name],
        after=(path,),
    )


def remarks(catalog: Catalog) -> Iterable[str]:
    """What the user should know of a backup beyond what it holds."""
    facts = catalog.tiers["resources"]
    if not catalog.objects:
        yield "warning: no LRS matched; the backup is valid and empty"
    for skipped in facts["skipped"]:
        yield f"warning: {skipped['namespace']}/{skipped['name']} was being deleted and is not in the backup"
    for kind in catalog.selection["leftOutByDefault"]:
        yield f"note: {kind} is left out by default ({WORKLOADS[kind].why}); --type {kind} takes it"
    if facts["crdNote"]:
        yield f"note: the CRD is not in the backup: {facts['crdNote']}"


def damage_report(name: str, damages: Sequence[Damage], files: int, seconds: float) -> View:
    """`verify`: what is damaged, or that nothing is."""
    verdict = f"{len(damages)} of {files} files damaged" if damages else f"{files} files checked, all as sealed"
    return View(
        data={
            "backup": name,
            "files": files,
            "intact": not damages,
            "damages": [{"path": d.path, "what": d.what} for d in damages],
        },
        columns=("FILE", "DAMAGE"),
        rows=[(d.path, d.what) for d in damages],
        names=[d.path for d in damages],
        after=(f"backup {name}: {verdict} ({seconds:.1f}s)",),
    )


# ---- restore


def plan_view(plan: Plan) -> View:
    """`restore --dry-run=client`: every step, those that write or need attention first in mind."""
    counts = ", ".join(f"{count} {action.value}" for action, count in sorted(plan.counts().items())) or "nothing to do"
    namespaces = [f"namespace/{name}: create" for name in plan.namespaces_to_create]
    return View(
        data={
            "source": plan.source,
            "target": plan.target,
            "namespacesToCreate": list(plan.namespaces_to_create),
            "warnings": list(plan.warnings),
            "steps": [_step_data(step) for step in plan.steps],
            "counts": {action.value: count for action, count in plan.counts().items()},
        },
        before=tuple(namespaces),
        columns=("NAMESPACE", "NAME", "TYPE", "ACTION", "REASON"),
        rows=[(s.namespace, s.name, s.type, s.action.value, s.reason) for s in plan.steps],
        names=[f"{s.namespace}/{s.name}" for s in plan.steps],
        after=(f"plan: {counts} (nothing was written)",),
    )


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "namespace": step.namespace,
        "name": step.name,
        "type": step.type,
        "action": step.action.value,
        "reason": step.reason,
    }


def report_view(report: Report, *, dry_run: bool) -> View:
    """The end of a restore: what is not as asked for, then the counts."""
    columns = ("NAMESPACE", "NAME", "TYPE", "RESULT", "MESSAGE")
    notable = [o for o in report.outcomes if o.result in NOT_DONE or o.message]
    counts = ", ".join(f"{count} {result.value}" for result, count in sorted(report.counts().items())) or "nothing to do"
    dry = " (server dry run: nothing was written)" if dry_run else ""
    return View(
        data={
            "source": report.source,
            "target": report.target,
            "dryRun": dry_run,
            "interrupted": report.interrupted,
            "seconds": round(report.seconds, 3),
            "counts": {result.value: count for result, count in report.counts().items()},
            "warnings": report.warnings,
            "outcomes": [_outcome_data(outcome) for outcome in report.outcomes],
        },
        columns=columns,
        rows=[_outcome_row(outcome) for outcome in notable],
        wide_columns=columns,
        wide_rows=[_outcome_row(outcome) for outcome in report.outcomes],
        names=[f"{o.namespace}/{o.name}" for o in report.outcomes if o.result not in NOT_DONE and o.result is not Result.SKIPPED],
        after=(f"restore from {report.source}: {counts} in {report.seconds:.1f}s{dry}",),
    )


def _outcome_row(outcome: Outcome) -> tuple[str, ...]:
    return (outcome.namespace, outcome.name, outcome.type, outcome.result.value, outcome.message)


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "namespace": outcome.namespace,
        "name": outcome.name,
        "type": outcome.type,
        "result": outcome.result.value,
        "message": outcome.message,
    }


# ---- progress and messages, all on stderr


def say(message: str) -> None:
    """A line for the person at the terminal."""
    click.echo(message, err=True)


class LiveProgress:
    """A live display on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress: rich.progress.Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: rich.progress.TaskID | None = None
        self._began = 0.0

    def begin(self, what: str, total: int | None = None) -> None:
        """A new piece of work."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._progress.start()
        self._task = self._progress.add_task(what, total=total, rate="")
        self._began = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        if self._task is None:
            return
        done = self._progress.tasks[-1].completed + count
        rate = done / max(0.001, time.monotonic() - self._began)
        self._progress.update(self._task, advance=count, rate=f"{rate:,.0f}/s")

    def note(self, message: str) -> None:
        """A line that stays."""
        self._progress.console.print(message, markup=False, highlight=False)

    def end(self) -> None:
        """The display goes away."""
        self._progress.stop()


class PlainProgress:
    """A line when a piece of work begins and every few seconds, for logs."""

    EVERY = 5.0

    def __init__(self) -> None:
        self._what = ""
        self._total: int | None = None
        self._done = 0
        self._last = 0.0

    def begin(self, what: str, total: int | None = None) -> None:
        """A new piece of work."""
        self._what, self._total, self._done, self._last = what, total, 0, time.monotonic()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        if time.monotonic() - self._last >= self.EVERY:
            self._last = time.monotonic()
            say(f"{self._what}: {self._done}{f' of {self._total}' if self._total else ''}")

    def note(self, message: str) -> None:
        """A line that stays."""
        say(message)

    def end(self) -> None:
        """Nothing stays open."""


class QuietProgress(PlainProgress):
    """Warnings only."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""


def progress(*, quiet: bool) -> LiveProgress | PlainProgress:
    """What fits the terminal, or its absence."""
    if quiet:
        return QuietProgress()
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()
