"""What `backup` has made, or why it has made nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.notes import Note, Remark, remark_of
from kubectl_lrs.model.selection import Selection, near_labels, near_types
from kubectl_lrs.model.stores import NONE, lacking
from kubectl_lrs.model.units import counted, size
from kubectl_lrs.model.workloads import SPARK, WORKLOADS
from kubectl_lrs.render.backups import said, store_line, stored_line
from kubectl_lrs.render.meanwhile import NAMED, happened
from kubectl_lrs.render.output import unknown_yet
from kubectl_lrs.render.view import View

if TYPE_CHECKING:
    from kubectl_lrs.stores.files.segments import Done
    from kubectl_lrs.stores.lrs.instead import Instead
    from kubectl_lrs.usecases.shrunk import Shrunk


def where(selection: Selection, *, is_named: bool) -> str:
    """Where a selection looks, and for what; `is_named`: the user has said which namespace."""
    parts = [f"namespace {selection.namespace}" if selection.namespace else "all namespaces"]
    if selection.namespace and not is_named:
        parts = [f"{parts[0]} (the context's; -n names another, -A all)"]
    parts += [f"--type {each}" for each in selection.types]
    parts += [f"--exclude-type {each}" for each in selection.excluded_types]
    parts += [f"-l {selection.selector}"] if selection.selector else []
    return ", ".join(parts)


def instead(selection: Selection, there: Instead) -> Iterable[str]:
    """What there is where a selection found nothing, and what may have been meant."""
    for near in (*near_types(selection.types, there.types), *near_labels(selection.selector, there.labels)):
        yield f"did you mean {near}?"
    if there.types:
        yield f"there is: {', '.join(_with_count(kind, count, selection) for kind, count in sorted(there.types.items()))}"
    elif there.namespaces:
        most = ", ".join(f"{name} ({count})" for name, count in there.namespaces.most_common(5))
        yield f"there is no LRS at all in {selection.namespace}; there are LRS in: {most}"
    else:
        yield "no LRS was found elsewhere either"
    yield "--allow-empty makes a backup without any"


def _with_count(kind: str, count: int, selection: Selection) -> str:
    default = f", left out by default, --type {kind} takes it" if kind in selection.left_out else ""
    return f"{kind} ({count}{default})"


def made(path: str, catalog: Catalog, shrunk: Shrunk | None = None) -> View:
    """`backup`: what was just sealed. `shrunk`: what it has less than the one before."""
    facts = catalog.tiers["resources"]
    namespaces = len(facts["namespaces"])
    lines = [
        f"backup {catalog.name} sealed: {catalog.objects} LRS in {namespaces} namespace{'' if namespaces == 1 else 's'}, "
        f"{size(int(facts['bytes']))}, {f'from {catalog.origin}' if catalog.origin else _as_of(facts)}"
    ]
    return View(
        kind="Backup",
        data={**catalog.to_dict(), "path": path, **({"fewer": _fewer(shrunk)} if shrunk else {})},
        before=tuple(lines),
        columns=("TYPE", "OBJECTS"),
        rows=[(kind, str(count)) for kind, count in facts["types"].items()],
        names=[catalog.name],
        after=(*_stores_made(catalog), stored_line(catalog), path),
        done=f"the backup {path} is sealed",
    )


def _fewer(shrunk: Shrunk) -> list[dict[str, Any]]:
    return [
        {"tier": each.tier, "what": each.what, "now": each.now, "before": each.then, "backup": shrunk.before}
        for each in shrunk.counts
    ]


def holds_less(shrunk: Shrunk) -> Iterable[str]:
    """What a backup has less than the one before it, where that is to be said."""
    if shrunk.counts:
        yield f"it holds less than {shrunk.before}, the one before it; {'; '.join(map(str, shrunk.counts))}"


def shrunk(found: Shrunk) -> Iterable[str]:
    """The same as warnings, and that nobody could tell."""
    yield from (f"warning: {line}" for line in holds_less(found))
    if found.why_not:
        yield f"warning: whether the backup before it held more is not known: {found.why_not}"


def _as_of(facts: Mapping[str, Any]) -> str:
    return f"as of resourceVersion {facts['resourceVersion']}"


def _stores_made(catalog: Catalog) -> Iterable[str]:
    """A line for each store that was taken."""
    for name, level in catalog.levels.items():
        if level != NONE:
            yield f"{name}: {store_line(catalog, name, level)}"


def segments_line(names: Sequence[str]) -> str:
    """What others are to do."""
    run = names[0].rpartition("-")[0]
    which = f"N is 0 to {len(names) - 1}" if len(names) > 1 else "N is 0"
    return f"segments to be copied: {len(names)}; each, on any machine, by: kubectl lrs run segment --segment {run}-N ({which})"


def segment_line(name: str, done: Done) -> str:
    """What became of one."""
    if done.is_old:
        return f"segment {name} was done before: {counted(done.files, 'file')}"
    lost = f"; {done.lost} could not be copied as listed" if done.lost else ""
    return f"segment {name} is done: {counted(done.files - done.lost, 'file')}, {size(done.size)}{lost}"


def remarks(catalog: Catalog, *, quiet: bool = False) -> Iterable[str]:
    """What the user should know of a backup beyond what it holds; with `quiet`, what is as it is every night is not said."""
    return (str(each) for each in unknown_yet(_remarks(catalog)) if each.is_warning or not quiet)


def _remarks(catalog: Catalog) -> Iterable[Remark]:
    facts = catalog.tiers["resources"]
    if not catalog.objects:
        yield _warning(f"no LRS matched{'; the backup is empty, and never latest' if catalog.is_empty else ''}")
    for skipped in facts["skipped"]:
        yield _warning(f"{skipped['namespace']}/{skipped['name']} was being deleted and is not in the backup")
    for kind in catalog.selection["leftOutByDefault"]:
        why = f"{kind} is left out by default ({WORKLOADS[kind].why}); --type {kind} takes it"
        yield Remark(why, Note.SPARK_LEFT_OUT if kind == SPARK else None)
    yield from (_warning(f"not in the backup: {said(missing)}") for missing in catalog.missing)
    yield from map(Remark, happened(catalog, most=NAMED))
    for facts_of_tier in catalog.tiers.values():
        yield from map(remark_of, facts_of_tier.get("notes", ()))
    if needed := lacking(catalog.profile, catalog.levels):
        why = f"a recovery also needs the {' and '.join(needed)}, of which this backup holds less than its profile means"
        yield Remark(why, Note.RECOVERY_NEEDS_MORE)
    if facts["crdNote"]:
        yield Remark(f"the CRD is not in the backup: {facts['crdNote']}", Note.CRD_NOT_SAVED)


def _warning(message: str) -> Remark:
    return Remark(message, is_warning=True)
