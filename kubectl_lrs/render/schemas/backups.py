"""Schemas of backups, what they hold and differ in, and the repositories that they are in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubectl_lrs.render.schemas.parts import (
    ANY,
    COUNT,
    COUNTS,
    FINDING,
    FLAG,
    FREE,
    INSTANT,
    NUMBER,
    TEXT,
    TEXTS,
    Schema,
    listed,
    maybe,
    record,
)

MISSING = record(store=TEXT, kind=TEXT, name=TEXT, reason=TEXT, where=TEXT, absent=FLAG)
HOLD = record(reason=TEXT, since=TEXT)
FEWER = record(tier=TEXT, what=TEXT, now=COUNT, before=COUNT, backup=TEXT)
SELECTION = record(namespace=maybe(TEXT), types=TEXTS, excludedTypes=TEXTS, leftOutByDefault=TEXTS, selector=TEXT)
CLUSTER = record(uid=TEXT, server=TEXT, caSha256=TEXT, version=TEXT, context=TEXT)
ORIGIN = record(program=TEXT, location=TEXT, dated=TEXT)
CATALOG = {
    "formatVersion": COUNT,
    "name": TEXT,
    "state": {"enum": ["whole", "partial"]},
    "instant": INSTANT,
    "finished": INSTANT,
    "tool": TEXT,
    "cluster": CLUSTER,
    "profile": TEXT,
    "levels": {"type": "object", "additionalProperties": TEXT},
    "selection": SELECTION,
    "tiers": {"type": "object", "additionalProperties": FREE},
    "missing": listed(MISSING),
    "sums": record(file=TEXT, sha256=TEXT),
    "stored": COUNTS,
    "origin": maybe(ORIGIN),
    "path": TEXT,
}
"""What every form of a backup has; `docs/backup-format.md` says what it means."""

STORED = {**CATALOG, "owner": TEXT, "identity": TEXT, "hold": maybe(HOLD)}

PRUNED = {
    "name": TEXT,
    "instant": INSTANT,
    "state": TEXT,
    "empty": FLAG,
    "group": record(cluster=TEXT, server=TEXT, selection=SELECTION, levels=FREE, profile=TEXT),
}
PRUNING = {
    "directory": TEXT,
    "leftAlone": listed(record(name=TEXT, why=TEXT)),
    "unfinished": listed(record(name=TEXT, path=TEXT, why=TEXT)),
    "holdsNotBelieved": TEXTS,
}
OBJECTS = record(objects=COUNT, bytes=COUNT)
POOLED = {"swept": OBJECTS, "condemned": OBJECTS}
"""What prune says more of a pooled repository."""

SIDE = record(
    **{"is": TEXT},
    name=maybe(TEXT),
    path=maybe(TEXT),
    instant=maybe(INSTANT),
    server=TEXT,
    context=TEXT,
    resourceVersion=TEXT,
    selection=maybe(SELECTION),
)
CHANGES = record(removed=COUNT, added=COUNT, changed=COUNT, equal=COUNT, notCompared=COUNT)
DIFFERENCE = record(
    namespace=TEXT,
    name=TEXT,
    type=TEXT,
    change=TEXT,
    fields=listed(record({"before": ANY, "after": ANY}, field=TEXT, path=listed(ANY))),
)
VERIFIED = {
    "backup": TEXT,
    "files": COUNT,
    "intact": maybe(FLAG),
    "state": TEXT,
    "missing": listed(MISSING),
    "meanwhile": maybe(FREE),
    "damages": listed(record(path=TEXT, what=TEXT)),
}


KINDS: Mapping[str, tuple[str, Callable[[], Schema]]] = {
    "Application": (
        "show --app: what a backup holds of one application, and what leads to it",
        lambda: record(
            backup=TEXT,
            id=TEXT,
            name=TEXT,
            notKnown=TEXTS,
            things=listed(record(tier=TEXT, name=TEXT, because=TEXT, sharedWith=TEXTS)),
        ),
    ),
    "Backup": (
        "backup, show, export, hold, unhold, unforget: one backup",
        lambda: record(
            {"owner": TEXT, "identity": TEXT, "hold": maybe(HOLD), "objects": listed(FREE), "fewer": listed(FEWER)},
            **CATALOG,
        ),
    ),
    "BackupList": (
        "list: the backups of a folder",
        lambda: record(
            backups=listed(record(**STORED, uniqueBytes=maybe(COUNT))),
            unsealed=listed(record(path=TEXT, why=TEXT)),
            openJournals=listed(record(path=TEXT, verb=TEXT, of=TEXT, left=COUNT, message=TEXT, waitsFor=TEXT, created=TEXT)),
        ),
    ),
    "CopyReport": (
        "copy: what became of each backup",
        lambda: record(
            {"from": TEXT},
            to=TEXT,
            backups=listed(record(name=TEXT, result=TEXT, path=TEXT, stored=COUNTS, why=TEXT)),
        ),
    ),
    "Diff": (
        "diff: what differs between two backups, or a backup and the cluster",
        lambda: record(
            before=SIDE,
            after=SIDE,
            counts=CHANGES,
            beingDeleted=TEXTS,
            differences=listed(DIFFERENCE),
            stores=listed(record(tier=TEXT, counts=CHANGES, differences=listed(record(name=TEXT, change=TEXT)))),
            notCompared=listed(record(part=TEXT, why=TEXT)),
        ),
    ),
    "Image": (
        "image: the image of the plugin, and what became of it",
        lambda: record(
            version=TEXT,
            digest=TEXT,
            layout=TEXT,
            platforms=listed(record(platform=TEXT, digest=TEXT, bytes=COUNT)),
            pushed=maybe(record(reference=TEXT, result=TEXT, sent=COUNT, there=COUNT, sentBytes=COUNT)),
        ),
    ),
    "PrunePlan": (
        "prune, forget --dry-run: what would go and why the rest stays",
        lambda: record(POOLED, **PRUNING, freedBytes=maybe(COUNT), backups=listed(record(**PRUNED, action=TEXT, reasons=TEXTS))),
    ),
    "PruneReport": (
        "prune, forget: what became of each backup",
        lambda: record(
            {**POOLED, "matures": maybe(INSTANT), "remarks": TEXTS, "notes": TEXTS},
            **PRUNING,
            interrupted=FLAG,
            counts=COUNTS,
            backups=listed(
                record({each: what for each, what in PRUNED.items() if each != "name"}, name=TEXT, result=TEXT, message=TEXT)
            ),
        ),
    ),
    "Repository": (
        "repository init, show: what a repository is and holds",
        lambda: record(
            {
                "id": TEXT,
                "backups": COUNT,
                "unreadable": COUNT,
                "bytes": COUNT,
                "held": COUNT,
                "graceHours": NUMBER,
                "objects": COUNT,
                "objectBytes": COUNT,
                "condemned": COUNT,
                "forgotten": COUNT,
                "unfinished": COUNT,
                "reserve": maybe(COUNT),
            },
            location=TEXT,
            form=TEXT,
        ),
    ),
    "RepositoryCheck": (
        "repository check: whether all that the backups refer to is there, and what the credentials may do",
        lambda: record(
            location=TEXT,
            backups=COUNT,
            intact=FLAG,
            late=TEXTS,
            adopted=TEXTS,
            damages=listed(record(backup=TEXT, what=TEXT)),
            storage=record(
                mayWrite=maybe(FLAG),
                refusesAnother=maybe(FLAG),
                mayOverwrite=maybe(FLAG),
                mayDelete=maybe(FLAG),
                versions=TEXT,
                appendOnly=FLAG,
                why=TEXT,
                left=ANY,
            ),
        ),
    ),
    "Verification": (
        "verify: whether a backup is as it was sealed, and with --against-cluster whether a cluster would take it",
        lambda: record(
            {
                "unread": TEXT,
                "notAsked": TEXTS,
                "target": TEXT,
                "verdict": TEXT,
                "restorable": maybe(FLAG),
                "interrupted": FLAG,
                "findings": listed(FINDING),
                "counts": COUNTS,
                "objects": listed(record(namespace=TEXT, name=TEXT, type=TEXT, answer=TEXT, why=TEXT)),
            },
            **VERIFIED,
        ),
    ),
}
