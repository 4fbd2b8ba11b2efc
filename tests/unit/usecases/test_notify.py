"""Somebody is told, and nothing that goes wrong with that is lost or fails the run."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode, UnreachableError
from kubectl_lrs.model.metrics import PREFIX
from kubectl_lrs.model.nightly import BACKUP, PRUNE, NightlyReport, Outcome, Step
from kubectl_lrs.usecases.notify import MetricsFile, Notifier, read_metrics

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)


def _report(status: ExitCode = ExitCode.DONE, part: str = BACKUP) -> NightlyReport:
    report = NightlyReport(cluster="u", profile="lrs", parts=(part,), began=NOW, ended=NOW + timedelta(seconds=3))
    report.steps = [Step(name=part, part=part, outcome=Outcome(status=status))]
    return report


def _notifier(path: Path) -> Notifier:
    return Notifier(channels=[MetricsFile(path)])


def _told(path: Path) -> dict[tuple[str, str], float]:
    return {(each.name.removeprefix(PREFIX), dict(each.labels)["part"]): each.value for each in read_metrics(path)}


def test_the_last_success_outlives_nights_that_fail(tmp_path: Path) -> None:
    path = tmp_path / "lrs.prom"
    notifier = _notifier(path)
    assert [*notifier.began(_report()), *notifier.ended(_report())] == []
    assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044, "whoever collects it is another user"
    assert list(notifier.began(_report())) == []
    assert _told(path)[("run_exit_status", BACKUP)] == -1
    assert list(notifier.ended(_report(ExitCode.UNREACHABLE))) == []
    told = _told(path)
    assert told[("run_exit_status", BACKUP)] == 5
    assert told[("run_last_success_timestamp_seconds", BACKUP)] == NOW.timestamp() + 3


def test_parts_that_share_a_file_do_not_take_each_others_place(tmp_path: Path) -> None:
    notifier = _notifier(tmp_path / "lrs.prom")
    for part in (BACKUP, PRUNE):
        assert list(notifier.ended(_report(part=part))) == []
    assert {part for _, part in _told(tmp_path / "lrs.prom")} == {BACKUP, PRUNE}


def test_what_stood_there_and_is_none_is_said_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lrs.prom"
    for content in (b'a{b="c', b"\xff\xfe", b"x" * (1 << 20) + b"y"):
        path.write_bytes(content)
        (said,) = _notifier(path).began(_report())
        assert "is not kept" in said
        assert ("run_exit_status", BACKUP) in _told(path)


def test_where_it_cannot_be_written_that_is_said_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "nowhere" / "lrs.prom", tmp_path / "folder"):
        told = _notifier(path).ended(_report())
        assert told
        assert told[-1].startswith("not told: ")


def _fails() -> Iterator[Catalog]:
    raise UnreachableError("the storage is away")
    yield


def test_backups_that_cannot_be_looked_at_take_no_metric_of_the_run_away(tmp_path: Path) -> None:
    path = tmp_path / "lrs.prom"
    (said,) = Notifier(channels=[MetricsFile(path)], catalogs=_fails).ended(_report())
    assert said == "the metrics tell nothing of the backups: the storage is away"
    assert _told(path)[("run_exit_status", BACKUP)] == 0


def test_nobody_is_to_be_told() -> None:
    notifier = Notifier(channels=[], catalogs=_fails)
    assert [*notifier.began(_report()), *notifier.ended(_report())] == []
