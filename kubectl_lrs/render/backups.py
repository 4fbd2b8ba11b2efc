"""Backups, as people and programs read them: `backup`, `list`, `show`, `verify`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from kubectl_lrs.model.catalog import Catalog, Missing
from kubectl_lrs.model.stores import NONE, lacking
from kubectl_lrs.model.units import age, counted, size
from kubectl_lrs.render.meanwhile import happened, not_of_one_instant
from kubectl_lrs.render.output import say
from kubectl_lrs.render.view import View
from kubectl_lrs.repository import Backup, Unsealed
from kubectl_lrs.repository.base import is_of_future
from kubectl_lrs.repository.holds import NO_HOLDS, Hold, Holds

if TYPE_CHECKING:
    from kubectl_lrs.usecases.open_journals import OpenJournal
    from kubectl_lrs.usecases.verify import Checked


UNKNOWN = "<unknown>"
SHORT = 12
"""Digits of an identity that a table shows."""

COLUMNS = ("NAME", "CREATED", "AGE", "OBJECTS", "PROFILE", "STATE")
WIDE_COLUMNS = (*COLUMNS, "NAMESPACE", "SIZE", "UNIQUE", "CLUSTER", "CONTEXT", "IDENTITY", "HELD", "OWNER")


def listing(
    sealed: Sequence[Backup],
    unsealed: Sequence[Unsealed],
    output: str,
    holds: Holds = NO_HOLDS,
    journals: Sequence[OpenJournal] = (),
) -> View:
    """`list`: one row per backup, in this form alone: there may be hundreds, and all forms of them take their time.

    For programs and wide tables each is looked through for what no other one shares.
    """
    names = [folder.name for folder in sealed]
    if output in ("json", "yaml"):
        data = [{**_data(folder, holds), "uniqueBytes": folder.unique_bytes} for folder in sealed]
        unfit = [{"path": each.location, "why": each.why} for each in unsealed]
        is_open = [_open(each) for each in journals]
        return View(kind="BackupList", data={"backups": data, "unsealed": unfit, "openJournals": is_open}, names=names)
    if output == "wide":
        return View(
            kind="BackupList",
            data=None,
            columns=WIDE_COLUMNS,
            rows=[(*_list_row(f), *_wide(f, holds)) for f in sealed],
            names=names,
        )
    return View(
        kind="BackupList",
        data=None,
        columns=COLUMNS,
        rows=[_list_row(folder) for folder in sealed],
        names=names,
        spare=("AGE", "PROFILE"),
    )


def _open(journal: OpenJournal) -> dict[str, Any]:
    return {
        "path": str(journal.path),
        "verb": journal.kind,
        "of": journal.of,
        "left": journal.left,
        "message": journal.what,
        "waitsFor": journal.waits_for,
        "created": journal.created,
    }


def _data(folder: Backup, holds: Holds) -> dict[str, Any]:
    held = holds.of(folder.catalog)
    return {
        **folder.catalog.to_dict(),
        "path": folder.location,
        "owner": folder.owner,
        "identity": folder.identity,
        "hold": {"reason": held.reason, "since": held.since} if held else None,
    }


def _wide(folder: Backup, holds: Holds) -> tuple[str, ...]:
    catalog, held, unique = folder.catalog, holds.of(folder.catalog), folder.unique_bytes
    return (
        _scope(catalog),
        size(catalog.size),
        UNKNOWN if unique is None else size(unique),
        catalog.cluster.server or UNKNOWN,
        catalog.cluster.context,
        folder.identity[:SHORT] or UNKNOWN,
        held.reason if held else "",
        folder.owner,
    )


def _list_row(folder: Backup) -> tuple[str, ...]:
    catalog = folder.catalog
    return (
        folder.name,
        local(catalog.instant),
        age_of(catalog),
        str(catalog.objects),
        catalog.profile,
        catalog.state,
    )


def _scope(catalog: Catalog) -> str:
    return UNKNOWN if catalog.origin else str(catalog.selection.get("namespace") or "<all>")


def age_of(catalog: Catalog) -> str:
    """How old it is; `in 3d4h` where it is of the future."""
    seconds = (datetime.now(timezone.utc) - catalog.instant).total_seconds()
    return f"in {age(-seconds)}" if is_of_future(catalog) else age(seconds)


def local(instant: datetime) -> str:
    """An instant in the user's own time zone, with its name."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def catalog_view(folder: Backup, entries: Iterable[dict[str, Any]], holds: Holds = NO_HOLDS, output: str = "table") -> View:
    """`show`: what one backup is and holds, in this form alone: where objects are only counted, none of them is kept."""
    catalog, path = folder.catalog, folder.location
    objects = [] if output == "table" else list(entries)
    facts = catalog.tiers["resources"]
    skipped = [f"  skipped {s['namespace']}/{s['name']}: {s['reason']}" for s in facts.get("skipped", ())]
    return View(
        kind="Backup",
        data={**_data(folder, holds), "objects": objects},
        before=(*_headline(path, folder), *_held(holds.of(catalog)), f"Selection:         {scope(catalog)}", ""),
        columns=("NAMESPACE", "TYPE", "OBJECTS"),
        rows=_count_rows(entries if output == "table" else objects),
        wide_columns=("NAMESPACE", "NAME", "TYPE", "CREATED", "OWNERS", "APPLICATION"),
        wide_rows=[(o["namespace"], o["name"], o["type"], o["created"], _owners(o), _application(o)) for o in objects],
        names=[f"{o['namespace']}/{o['name']}" for o in objects],
        after=tuple(["", "Being deleted at the time, so not in the backup:", *skipped] if skipped else []),
    )


def changed_view(folder: Backup, holds: Holds, done: str) -> View:
    """`hold`, `unhold`, `unforget`: the backup as it is now. `done`: what was changed, which is all that a person reads."""
    return View(kind="Backup", data=_data(folder, holds), names=[folder.name], done=done)


def _held(held: Hold | None) -> tuple[str, ...]:
    return (f"Held:              {held.reason}{f' (since {held.since})' if held.since else ''}",) if held else ()


def _application(entry: dict[str, Any]) -> str:
    found = entry.get("application")
    return f"{found['name']} ({found['id']})" if found else UNKNOWN


def _owners(entry: dict[str, Any]) -> str:
    return ",".join(f"{o.get('kind')}/{o.get('name')}" for o in entry["owners"]) or "<none>"


def _headline(path: str, folder: Backup) -> tuple[str, ...]:
    catalog, cluster = folder.catalog, folder.catalog.cluster
    facts, origin = catalog.tiers["resources"], catalog.origin
    when = f"{age_of(catalog)}{', later than now' if is_of_future(catalog) else ' ago'}"
    return (
        f"Name:              {catalog.name}",
        f"Path:              {path}",
        *((f"Owner:             {folder.owner}",) if folder.is_foreign else ()),
        *((f"Comes from:        {origin}",) if origin else ()),
        f"Instant:           {local(catalog.instant)} ({when}{f', {origin.dated}' if origin else ''})",
        f"Cluster:           {f'{cluster.title}, {cluster.version}' if cluster.is_known else UNKNOWN}",
        f"Resource:          {_resource(facts)}",
        f"Resource version:  {facts['resourceVersion'] or UNKNOWN}",
        f"Identity:          {(folder.identity or UNKNOWN) if folder.has_sums else 'none: there are no sums'}",
        f"Profile:           {catalog.profile}",
        *_stores(catalog),
        f"State:             {catalog.state}",
        *(f"Missing:           {said(each)}" for each in catalog.missing),
        *(f"Meanwhile:         {each}" for each in happened(catalog)),
        f"Objects:           {catalog.objects} ({size(int(facts['bytes']))} of manifests)",
        *_deployments(catalog),
        *((f"Stored:            {stored_line(catalog)}",) if catalog.stored else ()),
        f"CRD:               {'saved' if facts.get('crd') else 'not saved: ' + str(facts.get('crdNote'))}",
    )


def _resource(facts: Mapping[str, Any]) -> str:
    return f"{facts['plural']}.{facts['group']}/{facts['version']} ({facts['kind']})" if facts["kind"] else "none"


def said(missing: Missing) -> str:
    """What a source no longer had, in a sentence."""
    return missing.sentence


def _stores(catalog: Catalog) -> Iterable[str]:
    """How much of each store it holds, and what a recovery still needs from elsewhere."""
    for name, level in catalog.levels.items():
        if level != NONE:
            yield f"{name.capitalize() + ':':18} {store_line(catalog, name, level)}"
    if needed := lacking(catalog.profile, catalog.levels):
        yield f"Still needed:      {', '.join(needed)}, of which it holds less than the profile {catalog.profile} means"


COUNTED = {"mongo": "documents", "images": "images", "files": "files"}
"""Store → what of it is counted in its facts."""


def store_line(catalog: Catalog, name: str, level: str) -> str:
    """`copy (12 images, 3.4 MiB)`."""
    facts = catalog.tiers.get(name) or {}
    what = COUNTED.get(name, "")
    counted = [f"{facts[what]} {what}"] if type(facts.get(what)) is int else []
    counted += [size(facts["bytes"])] if type(facts.get("bytes")) is int else []
    return f"{level} ({', '.join(counted)})" if counted else level


def stored_line(catalog: Catalog) -> str:
    """`new: 2 files, 1.2 KiB; linked to earlier backups: 31,000 files, 88.4 MiB`; nothing where it does not say.

    Of a pooled backup how many objects that made, and how many bytes of them.
    """
    stored = catalog.stored
    if not stored:
        return ""
    new, linked = (
        f"{counted(stored.get(f'{kind}Files', 0), 'file')}, {size(stored.get(f'{kind}Bytes', 0))}" for kind in ("new", "linked")
    )
    objects = stored.get("newObjects")
    made = "" if objects is None else f", stored as {size(stored.get('storedBytes', 0))} in {counted(objects, 'object')}"
    shared = "linked to" if objects is None else "reused from"
    return f"new: {new}{made}; {shared} earlier backups: {linked}"


def _deployments(catalog: Catalog) -> tuple[str, ...]:
    facts = catalog.tiers.get("deployments")
    if facts is None:
        return ()
    statuses = facts.get("statuses")
    said = ", ".join(f"{count} {status}" for status, count in statuses.items()) if isinstance(statuses, dict) else ""
    return (f"Deployments:       {facts.get('deployments')}{f' ({said})' if said else ''} of {facts.get('endpoint')}",)


def scope(catalog: Catalog) -> str:
    """What a backup was asked for, in a few words."""
    if catalog.origin:
        return f"what others saved as {catalog.origin.program}"
    selection = catalog.selection
    parts = [f"namespace {selection['namespace']}" if selection["namespace"] else "all namespaces"]
    parts += [f"types {', '.join(selection['types'])}"] if selection["types"] else []
    without = [*selection["leftOutByDefault"], *selection["excludedTypes"]]
    parts += [f"without {', '.join(without)}"] if without else []
    parts += [f"labels {selection['selector']}"] if selection["selector"] else []
    return "; ".join(parts)


def _count_rows(objects: Iterable[dict[str, Any]]) -> list[tuple[str, str, str]]:
    counts: dict[tuple[str, str], int] = {}
    for entry in objects:
        key = (entry["namespace"], entry["type"])
        counts[key] = counts.get(key, 0) + 1
    return [(namespace, kind, str(count)) for (namespace, kind), count in sorted(counts.items())]


def say_latest(folder: Backup, *, quiet: bool = False) -> None:
    """Which backup `latest` is; a warning where more than the time decided."""
    if not quiet:
        say(f"latest is {folder.name}")
    if folder.warning:
        say(f"warning: {folder.warning}")


def backup_warnings(folder: Backup) -> Iterable[str]:
    """What whoever restores a backup should know of it first."""
    catalog = folder.catalog
    if folder.warning and folder.has_sums:
        yield folder.warning
    elif is_of_future(catalog):
        yield f"{folder.name} is dated later than now; is a clock wrong?"
    if folder.is_foreign:
        yield f"{folder.name} was written by {folder.owner}, who can have put anything into it, sums and all"
    if catalog.missing and folder.has_sums:
        yield f"{folder.name} is partial: {_lost(catalog)}; see them with: show"


def of_others(folder: Backup) -> Iterable[str]:
    """What whoever reads what others saved should know of it; nothing of a backup of ours."""
    if folder.has_sums:
        return
    yield f"warning: {folder.catalog.origin}: {folder.unread()}, nor of which cluster it is"
    if folder.warning:
        yield f"warning: {folder.warning}"
    yield from partial(folder.name, folder.catalog)


def _lost(catalog: Catalog) -> str:
    """How much it lacks."""
    counts = Counter(each.kind or each.store or "thing" for each in catalog.missing)
    listed = ", ".join(f"{count} {what}{'s' if count > 1 and what[-1:] != 's' else ''}" for what, count in sorted(counts.items()))
    return f"lacking {listed}"


NAMED = 10
"""So many of the things that were missing are named; `show` names all."""


def partial(name: str, catalog: Catalog) -> Iterable[str]:
    """What a backup does not hold though it should."""
    if not catalog.missing:
        return
    yield f"backup {name}: partial: {_lost(catalog)}"
    yield from (f"  {said(each)}" for each in catalog.missing[:NAMED])
    if len(catalog.missing) > NAMED:
        yield f"  and {len(catalog.missing) - NAMED} more; see them with: show {name}"


def sound(checked: Checked) -> str:
    """What was looked at, and what was not, where all that was is as it was sealed."""
    if not checked.has_sums:
        return f"not checked: {checked.unread}"
    if not checked.unread:
        return f"{counted(checked.files, 'file')} checked, all as sealed"
    read = f"{checked.files} of its files read, all as sealed" if checked.files else "as sealed, as far as was looked"
    return f"{read}; {checked.unread}"


def damage_report(name: str, catalog: Catalog, checked: Checked) -> View:
    """`verify`: what is damaged, or that nothing is."""
    damages, files, seconds = checked.damages, checked.files, checked.seconds
    verdict = f"damaged, {len(damages)} found, {counted(files, 'file')} checked" if damages else sound(checked)
    return View(
        kind="Verification",
        data={
            "backup": name,
            "files": files,
            "intact": checked.is_intact,
            "unread": checked.unread,
            "state": catalog.state,
            "missing": [each.to_dict() for each in catalog.missing],
            "meanwhile": catalog.meanwhile.to_dict() if catalog.meanwhile else None,
            "damages": [{"path": d.path, "what": d.what} for d in damages],
        },
        columns=("FILE", "DAMAGE"),
        rows=[(d.path, d.what) for d in damages],
        names=[d.path for d in damages],
        after=(*partial(name, catalog), *not_of_one_instant(name, catalog), f"backup {name}: {verdict} ({seconds:.1f}s)"),
    )
