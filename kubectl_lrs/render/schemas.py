"""What `-o json` prints, as JSON Schema: one for each kind of document. The tests hold what commands really print to it.

Within a version of `apiVersion` fields are only ever added, so a schema does not forbid what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubectl_lrs.render.documents import API_VERSION

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
ANY: Schema = {}
TEXTS: Schema = {"type": "array", "items": TEXT}
COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
FREE: Schema = {"type": "object"}
INSTANT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}


def maybe(schema: Schema) -> Schema:
    """It, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Any number of them."""
    return {"type": "array", "items": schema}


def record(optional: Mapping[str, Schema] | None = None, **fields: Schema) -> Schema:
    """An object with these fields, and perhaps some others."""
    return {"type": "object", "properties": {**fields, **(optional or {})}, "required": sorted(fields)}


ITEM = record(tier=TEXT, namespace=TEXT, name=TEXT, state=TEXT, message=TEXT)
"""One thing that a document is about, alike in all of them."""

FINDING = record({"details": TEXTS}, severity=TEXT, note=TEXT, message=TEXT, hint=TEXT)
MISSING = record(store=TEXT, kind=TEXT, name=TEXT, reason=TEXT, where=TEXT, absent=FLAG)
HOLD = record(reason=TEXT, since=TEXT)
FIELD = record({"live": ANY, "backup": ANY}, field=TEXT)
SELECTION = record(namespace=maybe(TEXT), types=TEXTS, excludedTypes=TEXTS, leftOutByDefault=TEXTS, selector=TEXT)
CLUSTER = record(uid=TEXT, server=TEXT, caSha256=TEXT, version=TEXT, context=TEXT)
ORIGIN = record(program=TEXT, location=TEXT, dated=TEXT)
OWNER = FREE

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

STEP = record(tier=TEXT, namespace=TEXT, name=TEXT, type=TEXT, action=TEXT, reason=TEXT, bytes=maybe(COUNT), diff=listed(FIELD))
OUTCOME = record(tier=TEXT, namespace=TEXT, name=TEXT, type=TEXT, result=TEXT, message=TEXT, counts=COUNTS)
SESSION = {
    "namespace": TEXT,
    "name": TEXT,
    "uid": TEXT,
    "created": TEXT,
    "ageSeconds": {"type": "integer"},
    "state": TEXT,
    "finalizers": TEXTS,
}
DEPLOYMENT = {"id": TEXT, "label": TEXT, "organisation": TEXT}
ENTRY = record(**DEPLOYMENT, model=TEXT, before=TEXT, state=TEXT, task=TEXT, status=TEXT, message=TEXT, updated=TEXT)
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
    "Backup": (
        "backup, show, export, hold, unhold, unforget: one backup",
        lambda: record(
            {"owner": TEXT, "identity": TEXT, "hold": maybe(HOLD), "objects": listed(FREE)},
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
    "CheckReport": (
        "check: whether all agrees",
        lambda: record(
            target=TEXT,
            backup=maybe(TEXT),
            scope=TEXT,
            instant=INSTANT,
            verdict=TEXT,
            counts=COUNTS,
            lookedAt={"type": "object", "additionalProperties": maybe(COUNT)},
            findings=listed(
                record(
                    code=TEXT,
                    severity=TEXT,
                    application=maybe(TEXT),
                    applicationName=maybe(TEXT),
                    object=TEXT,
                    title=TEXT,
                    message=TEXT,
                    why=TEXT,
                    do=TEXT,
                )
            ),
            unchecked=listed(record(part=TEXT, why=TEXT, flag=TEXT, askedFor=FLAG, findings=TEXTS)),
            notes=ANY,
        ),
    ),
    "CleanPlan": (
        "clean-spark --dry-run: the sessions that would go",
        lambda: record(
            target=TEXT,
            scope=TEXT,
            olderThanSeconds=maybe(NUMBER),
            younger=COUNT,
            findings=listed(FINDING),
            sessions=listed(record(**SESSION)),
        ),
    ),
    "CleanReport": (
        "clean-spark: what became of each session",
        lambda: record(
            target=TEXT,
            dryRun=FLAG,
            interrupted=FLAG,
            seconds=NUMBER,
            counts=COUNTS,
            findings=listed(FINDING),
            sessions=listed(record(**SESSION, result=TEXT, message=TEXT)),
        ),
    ),
    "ConfigCheck": (
        "config check: whether each door of an installation opens",
        lambda: record(file=maybe(TEXT), doors=listed(record(door=TEXT, state=TEXT, message=TEXT, hint=TEXT))),
    ),
    "CopyReport": (
        "copy: what became of each backup",
        lambda: record(
            {"from": TEXT},
            to=TEXT,
            backups=listed(record(name=TEXT, result=TEXT, path=TEXT, stored=COUNTS, why=TEXT)),
        ),
    ),
    "DeploymentJournal": (
        "show JOURNAL: how far each deployment is",
        lambda: record(
            id=TEXT,
            revision=COUNT,
            place=TEXT,
            path=TEXT,
            formatVersion=COUNT,
            tool=TEXT,
            endpoint=TEXT,
            created=INSTANT,
            updated=INSTANT,
            state={"enum": ["open", "done"]},
            organisations=listed(record(id=TEXT, user=TEXT)),
            deployments=listed(ENTRY),
        ),
    ),
    "DeploymentPlan": (
        "deactivate, activate --dry-run: what would be done with each deployment",
        lambda: record(
            endpoint=TEXT,
            verb=TEXT,
            counts=COUNTS,
            notes=TEXTS,
            undone=TEXTS,
            deployments=listed(record(**DEPLOYMENT, model=TEXT, importance=TEXT, status=TEXT, action=TEXT, reason=TEXT)),
        ),
    ),
    "DeploymentReport": (
        "deactivate, activate: what became of each deployment",
        lambda: record(
            endpoint=TEXT,
            verb=TEXT,
            journals=TEXTS,
            interrupted=FLAG,
            seconds=NUMBER,
            counts=COUNTS,
            undone=TEXTS,
            deployments=listed(
                record(**DEPLOYMENT, before=TEXT, after=TEXT, seconds=NUMBER, result=TEXT, message=TEXT, task=TEXT)
            ),
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
    "Error": (
        "every command: why there is no other document; the exit status is that of the process",
        lambda: record(message=TEXT, hint=TEXT, reason=TEXT, exitStatus=COUNT),
    ),
    "History": (
        "history: what was done, by whom, when",
        lambda: record(
            acts=listed(
                record(
                    id=TEXT,
                    began=INSTANT,
                    ended=maybe(INSTANT),
                    user=TEXT,
                    verb=TEXT,
                    cluster=TEXT,
                    target=TEXT,
                    what=TEXT,
                    exitStatus=maybe(COUNT),
                    result=TEXT,
                )
            )
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
    "RestorePlan": (
        "restore --dry-run=client: what would be done",
        lambda: record(
            source=TEXT,
            owner=TEXT,
            target=TEXT,
            fromAnotherCluster=FLAG,
            findings=listed(FINDING),
            counts=COUNTS,
            tiers=listed(record(tier=TEXT, target=TEXT, first=listed(record(action=TEXT, name=TEXT)), counts=COUNTS)),
            steps=listed(STEP),
        ),
    ),
    "RestoreReport": (
        "restore: what became of each thing",
        lambda: record(
            source=TEXT,
            target=TEXT,
            targets={"type": "object", "additionalProperties": TEXT},
            dryRun=FLAG,
            interrupted=FLAG,
            seconds=NUMBER,
            counts=COUNTS,
            undone=TEXTS,
            outcomes=listed(OUTCOME),
        ),
    ),
    "Settings": (
        "config show: what is set, and by what",
        lambda: record(
            file=maybe(TEXT),
            settings=listed(record(key=TEXT, value=ANY, origin=TEXT, by=TEXT, flag=TEXT)),
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
    "Version": (
        "version: of the program, and of the backups that it writes",
        lambda: record(version=TEXT, python=TEXT, backupFormat=COUNT),
    ),
}
"""Kind → what prints it, and what it has beside the fields of every document."""


def schema(kind: str) -> Schema:
    """The schema of a kind of document."""
    title, made = KINDS[kind]
    body = made()
    common = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, "items": listed(ITEM)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{API_VERSION}:{kind}",
        "title": title,
        **body,
        "properties": {**common, **body["properties"]},
        "required": sorted({*common, *body["required"]}),
    }
