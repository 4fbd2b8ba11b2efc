"""Schemas of what is done to a cluster or an application: plans, reports, rehearsals, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubectl_lrs.render.schemas.parts import (
    ANY,
    COUNT,
    COUNTS,
    FINDING,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    TEXTS,
    Schema,
    listed,
    maybe,
    record,
)

FIELD = record({"live": ANY, "backup": ANY}, field=TEXT)
STEP = record(
    tier=TEXT,
    namespace=TEXT,
    name=TEXT,
    type=TEXT,
    action=TEXT,
    reason=TEXT,
    bytes=maybe(COUNT),
    because=TEXT,
    diff=listed(FIELD),
)
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

KINDS: Mapping[str, tuple[str, Callable[[], Schema]]] = {
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
    "Rehearsal": (
        "rehearse: whether a backup restores",
        lambda: record(
            backup=TEXT,
            verdict=TEXT,
            proved=FLAG,
            interrupted=FLAG,
            seconds=NUMBER,
            recoverySeconds=maybe(NUMBER),
            notTimed=TEXTS,
            damages=TEXTS,
            notProved=TEXTS,
            notAsked=TEXTS,
            earlierRuns=TEXTS,
            counts=COUNTS,
            tiers=listed(
                record(
                    tier=TEXT,
                    how=TEXT,
                    target=TEXT,
                    proved=FLAG,
                    seconds=maybe(NUMBER),
                    findings=listed(FINDING),
                    counts=COUNTS,
                    things=listed(record(namespace=TEXT, name=TEXT, type=TEXT, verdict=TEXT, message=TEXT, counts=COUNTS)),
                )
            ),
        ),
    ),
    "RehearsalPlan": (
        "rehearse --dry-run=client: what would be rehearsed, and where",
        lambda: record(
            backup=TEXT,
            tiers=listed(record(tier=TEXT, how=TEXT, target=TEXT, bytes=COUNT, counts=COUNTS, findings=listed(FINDING))),
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
            undone=TEXTS,
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
}
