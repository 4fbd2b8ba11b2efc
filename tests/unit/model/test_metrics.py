"""What Prometheus is told: instants of what went well stay when nothing goes well any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from kubectl_lrs.model import metrics
from kubectl_lrs.model.catalog import Catalog, Cluster, Missing
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.metrics import Sample
from kubectl_lrs.model.nightly import BACKUP, PRUNE, NightlyReport, Outcome, Step

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)


def _report(**statuses: ExitCode) -> NightlyReport:
    report = NightlyReport(cluster="u", profile="lrs", parts=tuple(statuses), began=NOW, ended=NOW + timedelta(seconds=9))
    report.steps = [Step(name=part, part=part, outcome=Outcome(status=status), seconds=4) for part, status in statuses.items()]
    return report


def _values(samples: object) -> dict[tuple[str, str], float]:
    return {
        (each.name.removeprefix(metrics.PREFIX), dict(each.labels).get("part", "")): each.value
        for each in samples  # type: ignore[attr-defined]
    }


def _catalog(name: str, instant: datetime, *, lacks: int = 0, profile: str = "lrs", uid: str = "u") -> Catalog:
    return Catalog(
        name=name,
        instant=instant,
        finished=instant,
        tool="t",
        cluster=Cluster(server="https://c", uid=uid),
        selection={},
        profile=profile,
        tiers={"resources": {"objects": 3, "bytes": 70}},
        missing=tuple(Missing(store="files", kind="file", name=str(n), reason="gone") for n in range(lacks)),
        stored={"newBytes": 5},
    )


def test_a_run_that_has_begun_is_no_success_and_takes_none_away() -> None:
    told = _values(metrics.began(_report(backup=ExitCode.DONE)))
    assert told[("run_exit_status", BACKUP)] == metrics.NOT_ENDED
    assert told[("run_last_attempt_timestamp_seconds", BACKUP)] == NOW.timestamp()
    assert ("run_last_success_timestamp_seconds", BACKUP) not in told


def test_success_is_of_each_part_and_of_status_0_alone() -> None:
    told = _values(metrics.ended(_report(backup=ExitCode.PARTIAL, prune=ExitCode.DONE)))
    assert told[("run_exit_status", BACKUP)] == 3
    assert told[("run_duration_seconds", BACKUP)] == 4
    assert ("run_last_success_timestamp_seconds", BACKUP) not in told
    assert told[("run_last_success_timestamp_seconds", PRUNE)] == NOW.timestamp() + 9
    assert list(metrics.ended(replace(_report(backup=ExitCode.DONE), ended=None))) == []


def test_a_partial_backup_is_not_the_newest_whole_one() -> None:
    both = [_catalog("b", NOW, lacks=2), _catalog("a", NOW - timedelta(days=1))]
    told = _values(metrics.of_backups(both, repository="r", now=NOW))
    assert told[("backup_newest_timestamp_seconds", "")] == NOW.timestamp()
    assert told[("backup_newest_whole_timestamp_seconds", "")] == told[("backup_oldest_timestamp_seconds", "")]
    assert (told[("backup_missing", "")], told[("backups", "")], told[("backup_objects", "")]) == (2, 2, 3)
    assert (told[("backup_bytes", "")], told[("backup_new_bytes", "")]) == (70, 5)


def test_one_of_the_future_is_not_the_newest() -> None:
    """A clock was wrong: by its date no alert would say for a year that no other one is made any more."""
    future = _catalog("f", NOW + timedelta(days=365))
    told = _values(metrics.of_backups([_catalog("a", NOW), future], repository="r", now=NOW))
    assert told[("backup_newest_timestamp_seconds", "")] == NOW.timestamp()
    assert told[("backup_newest_whole_timestamp_seconds", "")] == NOW.timestamp()
    assert list(metrics.of_backups([future], repository="r", now=NOW)) == [], "what was told before stays, and grows old"
    young = _catalog("b", NOW + timedelta(seconds=30))
    assert _values(metrics.of_backups([young], repository="r", now=NOW))[("backups", "")] == 1, "as clocks differ"


def test_where_none_is_whole_nothing_says_that_one_is() -> None:
    assert ("backup_newest_whole_timestamp_seconds", "") not in _values(
        metrics.of_backups([_catalog("a", NOW, lacks=1)], repository="r", now=NOW)
    )


def test_clusters_and_profiles_are_told_apart_and_empty_ones_are_none() -> None:
    empty = replace(_catalog("e", NOW), tiers={"resources": {"objects": 0, "bytes": 0}})
    every = [_catalog("a", NOW), _catalog("b", NOW, uid=""), _catalog("c", NOW, profile="complete"), empty]
    every.append(replace(every[0], selection={"namespace": "n"}))
    told = metrics.of_backups(every, repository="r", now=NOW)
    counts = {each.labels: each.value for each in told if each.name.endswith("backups")}
    assert sorted(dict(labels)["cluster"] for labels in counts) == ["https://c", "u", "u", "u"]
    assert sorted(dict(labels)["lrs_namespace"] for labels in counts) == ["", "", "", "n"]
    assert set(counts.values()) == {1}


def test_what_is_not_told_again_stays() -> None:
    before = [Sample("a", (("part", "x"), ("b", "c")), 1), Sample("a", (), 2)]
    assert metrics.merged(before, [Sample("a", (("b", "c"), ("part", "x")), 3)]) == [
        Sample("a", (), 2),
        Sample("a", (("b", "c"), ("part", "x")), 3),
    ]


def test_how_many_there_were() -> None:
    told = list(metrics.of_backups([_catalog("a", NOW)], repository="r", now=NOW))
    report = replace(_report(backup=ExitCode.DONE), repository="r")
    assert metrics.backups_told(told, report) == 1
    assert metrics.backups_told(told, replace(report, namespace="m")) == 0
    assert metrics.backups_told([], report) == 0


def test_how_large_a_repository_is() -> None:
    assert metrics.of_repository("s3://b/p", 7) == Sample("kubectl_lrs_repository_bytes", (("repository", "s3://b/p"),), 7)


def test_two_installations_in_one_cluster_do_not_write_over_each_other() -> None:
    one = _report(backup=ExitCode.DONE)
    others = [replace(one, namespace="m"), replace(one, repository="s3://b/q"), replace(one, profile="complete")]
    told = [sample for report in (one, *others) for sample in metrics.ended(report)]
    assert len(metrics.merged((), told)) == len(told)
    assert all(list(each.labels) == sorted(each.labels) for each in told)
