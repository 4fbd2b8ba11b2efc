"""Schemas of nightly runs and their history, settings, and the program itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubectl_lrs.render.schemas.parts import ANY, COUNT, FLAG, FREE, INSTANT, NUMBER, TEXT, TEXTS, Schema, listed, maybe, record

SCHEDULED_RUN = {
    "job": TEXT,
    "state": TEXT,
    "began": maybe(TEXT),
    "ended": maybe(TEXT),
    "exitStatus": maybe(COUNT),
    "message": TEXT,
    "waits": TEXT,
}

KINDS: Mapping[str, tuple[str, Callable[[], Schema]]] = {
    "ConfigCheck": (
        "config check: whether each door of an installation opens",
        lambda: record(file=maybe(TEXT), doors=listed(record(door=TEXT, state=TEXT, message=TEXT, hint=TEXT))),
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
                    by=TEXT,
                    command=TEXT,
                    exitStatus=maybe(COUNT),
                    result=TEXT,
                )
            )
        ),
    ),
    "NightlyReport": (
        "run nightly: what became of each step",
        lambda: record(
            cluster=TEXT,
            namespace=TEXT,
            profile=TEXT,
            repository=TEXT,
            parts=TEXTS,
            began=INSTANT,
            ended=maybe(INSTANT),
            exitStatus=COUNT,
            backup=maybe(TEXT),
            backupState=maybe(TEXT),
            steps=listed(record(step=TEXT, part=TEXT, state=TEXT, exitStatus=COUNT, seconds=NUMBER, message=TEXT, hint=TEXT)),
            summary=TEXT,
        ),
    ),
    "Schedule": (
        "schedule: the objects that nightly runs need, and what they do without",
        lambda: record(objects=listed(FREE), notMade=listed(FREE)),
    ),
    "ScheduleReport": (
        "schedule --apply and --delete: what became of each object",
        lambda: record(dryRun=FLAG, objects=listed(record(kind=TEXT, namespace=TEXT, name=TEXT, result=TEXT, message=TEXT))),
    ),
    "ScheduleStatus": (
        "schedule status: the last and the next run of each part, the newest backup, and what is wrong",
        lambda: record(
            name=TEXT,
            namespace=TEXT,
            parts=listed(
                record(
                    part=TEXT,
                    cronJob=TEXT,
                    schedule=TEXT,
                    timeZone=TEXT,
                    suspended=FLAG,
                    lastScheduled=maybe(TEXT),
                    lastSuccess=maybe(TEXT),
                    next=maybe(INSTANT),
                    run=maybe(record(**SCHEDULED_RUN)),
                )
            ),
            newest=maybe(record(name=TEXT, instant=INSTANT, state=TEXT)),
            wrong=listed(record(part=TEXT, message=TEXT, hint=TEXT)),
        ),
    ),
    "ScheduledRun": ("schedule run: what became of it", lambda: record(**SCHEDULED_RUN)),
    "Settings": (
        "config show: what is set, and by what",
        lambda: record(
            file=maybe(TEXT),
            settings=listed(record(key=TEXT, value=ANY, origin=TEXT, by=TEXT, flag=TEXT)),
        ),
    ),
    "Version": (
        "version: of the program, and of the backups that it writes",
        lambda: record(version=TEXT, python=TEXT, backupFormat=COUNT),
    ),
}
