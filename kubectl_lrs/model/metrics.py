"""What is told to Prometheus: the metrics as a table, and what a run and the backups say in them. Pure.

Instants of the last success, and no ratios of counters: these say nothing any more when nothing runs. All are gauges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.nightly import NightlyReport

PREFIX = "kubectl_lrs_"
OF_RUNS = f"{PREFIX}run_"

NOT_ENDED = -1
"""The exit status of a run that began and has not ended: it is at work, or was killed."""

FAMILIES: Mapping[str, str] = {
    "run_last_attempt_timestamp_seconds": "When the last run of this part began.",
    "run_exit_status": "Exit status of the last run of this part; -1: it has begun and has not ended.",
    "run_duration_seconds": "How long the last run of this part took that has ended.",
    "run_last_success_timestamp_seconds": "When the last run of this part ended with exit status 0.",
    "backup_newest_timestamp_seconds": "Instant of the newest sealed backup, partial ones included.",
    "backup_newest_whole_timestamp_seconds": "Instant of the newest sealed backup that lacks nothing.",
    "backup_oldest_timestamp_seconds": "Instant of the oldest sealed backup.",
    "backups": "Sealed backups.",
    "backup_objects": "LRS in the newest sealed backup.",
    "backup_bytes": "Bytes that the newest sealed backup holds.",
    "backup_new_bytes": "Bytes of the newest sealed backup that no earlier one had.",
    "backup_missing": "Things that the newest sealed backup lacks.",
    "repository_bytes": "Bytes that the repository takes, backups of all clusters together.",
}
"""Name without its prefix → what it says."""


MEANINGS: Mapping[str, str] = {PREFIX + name: what for name, what in FAMILIES.items()}
"""The same, by the whole name."""


Labels = tuple[tuple[str, str], ...]
"""In the order of their names."""


class Sample(NamedTuple):
    """One value."""

    name: str
    labels: Labels
    value: float


def began(report: NightlyReport) -> Iterator[Sample]:
    """What is told before anything is looked at, so that a run which cannot do anything leaves its trace."""
    for part in report.parts:
        yield _of_part("run_last_attempt_timestamp_seconds", report, part, report.began.timestamp())
        yield _of_part("run_exit_status", report, part, NOT_ENDED)


def ended(report: NightlyReport) -> Iterator[Sample]:
    """What a run came to."""
    if report.ended is None:
        return
    for part in report.parts:
        status = report.status_of(part)
        yield _of_part("run_last_attempt_timestamp_seconds", report, part, report.began.timestamp())
        yield _of_part("run_exit_status", report, part, int(status))
        yield _of_part("run_duration_seconds", report, part, sum(each.seconds for each in report.steps if each.part == part))
        if status is ExitCode.DONE:
            yield _of_part("run_last_success_timestamp_seconds", report, part, report.ended.timestamp())


def _of_part(name: str, report: NightlyReport, part: str, value: float) -> Sample:
    labels = _labels(report.cluster, report.namespace, report.profile, report.repository, part=part)
    return Sample(PREFIX + name, labels, value)


def _labels(cluster: str, namespace: str, profile: str, repository: str, **more: str) -> Labels:
    """What tells one installation from the others: two in one cluster must not write over each other, or speak for each other.

    `namespace` by itself is what scrapers call a label of their own.
    """
    named = {"cluster": cluster, "lrs_namespace": namespace, "profile": profile, "repository": repository, **more}
    return tuple(sorted(named.items()))


def of_backups(catalogs: Iterable[Catalog], *, repository: str, now: datetime, cluster: str = "") -> Iterator[Sample]:
    """What the backups of a repository tell, by installation. `cluster`: all are of this one.

    An empty one is none, nor is one that is dated later than now: nothing would ever be too old beside it.
    """
    groups: dict[Labels, list[Catalog]] = {}
    for each in catalogs:
        if not each.is_empty and not each.is_after(now):
            of, namespace = cluster or each.cluster.uid or each.cluster.server, each.selection.get("namespace") or ""
            groups.setdefault(_labels(of, namespace, each.profile, repository), []).append(each)
    for labels, group in sorted(groups.items()):
        for name, value in _of_group(sorted(group, key=lambda each: each.instant)):
            yield Sample(PREFIX + name, labels, value)


def _of_group(group: Sequence[Catalog]) -> Iterator[tuple[str, float]]:
    newest, whole = group[-1], [each for each in group if each.state == "whole"]
    yield "backup_newest_timestamp_seconds", newest.instant.timestamp()
    if whole:
        yield "backup_newest_whole_timestamp_seconds", whole[-1].instant.timestamp()
    yield "backup_oldest_timestamp_seconds", group[0].instant.timestamp()
    yield "backups", len(group)
    yield "backup_objects", newest.objects
    yield "backup_bytes", newest.size
    if "newBytes" in newest.stored:
        yield "backup_new_bytes", newest.stored["newBytes"]
    yield "backup_missing", len(newest.missing)


def backups_told(samples: Iterable[Sample], report: NightlyReport) -> int:
    """How many backups of the installation of this run there were by what was told before; 0 where nothing was."""
    labels = _labels(report.cluster, report.namespace, report.profile, report.repository)
    return next((int(each.value) for each in samples if each.name == f"{PREFIX}backups" and each.labels == labels), 0)


def of_repository(repository: str, size: int) -> Sample:
    """How large it is."""
    return Sample(f"{PREFIX}repository_bytes", (("repository", repository),), size)


def merged(before: Iterable[Sample], now: Iterable[Sample]) -> list[Sample]:
    """What was told, with what is told now in place of the same series; as a Pushgateway has it."""
    found = {(each.name, tuple(sorted(each.labels))): each for each in (*before, *now)}
    return [found[key] for key in sorted(found)]
