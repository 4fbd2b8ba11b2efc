"""Who is told of a night over the network: what they hear, and that no URL of theirs is ever shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.http.hooks import hook_of
from kubectl_lrs.formats.exposition import samples_of
from kubectl_lrs.model import metrics
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.nightly import BACKUP, PRUNE, NightlyReport, Outcome, Step
from kubectl_lrs.runtime import redact
from kubectl_lrs.usecases.channels import Heartbeats, Pushgateway, TerminationMessage
from kubectl_lrs.usecases.notify import Channel, News, Notifier
from tests.bed import prometheus
from tests.bed.loader import PATIENCE
from tests.builders.listener import Listener

NOW = datetime(2026, 11, 24, 1, 17, tzinfo=timezone.utc)
KEY = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What one test remembers as secret is none of another's."""
    yield
    redact.forget()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Who watches."""
    with Listener() as running:
        yield running


def _file(folder: Path, text: str, name: str = "url") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def _report(*statuses: ExitCode, ended: bool = True) -> NightlyReport:
    parts = (BACKUP, PRUNE)[: len(statuses)]
    report = NightlyReport(cluster="https://c/ü", profile="lrs", repository="s3://b", parts=parts, began=NOW)
    report.steps = [Step(name=part, part=part, outcome=Outcome(status=code)) for part, code in zip(parts, statuses, strict=True)]
    report.ended = NOW + timedelta(seconds=4) if ended else None
    return report


def _news(report: NightlyReport) -> News:
    samples = metrics.ended(report) if report.ended else metrics.began(report)
    return News(report=report, samples=list(samples), line="all of it", whole='{"kind": "NightlyReport"}')


def _tell(channel: Channel, *statuses: ExitCode, ended: bool = True) -> None:
    assert list(channel.tell(_news(_report(*statuses, ended=ended)))) == []


# ---- all at once


class _Channel:
    """One that does as it is told."""

    def __init__(self, error: Exception | None = None, *, waits: threading.Event | None = None) -> None:
        self.told: list[News] = []
        self._error, self._waits = error, waits

    def tell(self, news: News) -> Iterator[str]:
        self.told.append(news)
        if self._waits:
            self._waits.wait(PATIENCE)
        if self._error:
            raise self._error
        yield "a warning"


def test_each_is_told_whatever_becomes_of_the_others() -> None:
    never = threading.Event()
    good, slow = _Channel(), _Channel(waits=never)
    notifier = Notifier(channels=[_Channel(LrsError("no")), slow, _Channel(ValueError("x")), good], patience=5)
    told = notifier.ended(_report(ExitCode.DONE), line="all of it", whole="{}")
    bug = "not told: this is a bug in kubectl lrs (ValueError)"
    assert told == ["not told: no", "not told: it took too long", bug, "a warning"]
    assert [(each.line, each.whole, each.is_over) for each in good.told] == [("all of it", "{}", True)]
    never.set()


def test_a_look_at_the_backups_that_takes_too_long_is_left() -> None:
    never = threading.Event()

    def looks() -> Iterator[Catalog]:
        never.wait(PATIENCE)
        yield from ()

    good = _Channel()
    told = Notifier(channels=[good], catalogs=looks, patience=5).ended(_report(ExitCode.DONE))
    assert told[0] == "the metrics tell nothing of the backups: it took too long"
    assert good.told
    never.set()


# ---- heartbeats


def test_each_url_is_called_when_it_is_time(listener: Listener, tmp_path: Path) -> None:
    channel = Heartbeats(
        start=_file(tmp_path, f"{listener.url}/{KEY}/start\n", "start"),
        success=_file(tmp_path, f"{listener.url}/{KEY}", "success"),
        failure=_file(tmp_path, f"{listener.url}/{KEY}/fail?x=1", "failure"),
    )
    _tell(channel, ExitCode.DONE, ended=False)
    _tell(channel, ExitCode.DONE)
    _tell(channel, ExitCode.PARTIAL)
    _tell(channel, ExitCode.INTERRUPTED)
    assert [(each.method, each.path.removeprefix(f"/{KEY}")) for each in listener.heard] == [
        ("GET", "/start"),
        ("GET", ""),
        ("POST", "/fail?x=1"),
        ("POST", "/fail?x=1"),
    ]
    assert {each.body for each in listener.heard} == {"", '{"kind": "NightlyReport"}'}


def _hooks(listener: Listener, folder: Path, path: str) -> Heartbeats:
    files = {each: _file(folder, f"{listener.url}/{path}/{each}", each) for each in ("start", "success", "failure")}
    return Heartbeats(**files)


def _night(channel: Channel, **statuses: ExitCode) -> None:
    """A run of these parts, from its beginning to its end."""
    report = NightlyReport(cluster="u", profile="lrs", parts=tuple(statuses), began=NOW)
    assert list(channel.tell(_news(report))) == []
    report.steps = [Step(name=part, part=part, outcome=Outcome(status=code)) for part, code in statuses.items()]
    report.ended = NOW
    assert list(channel.tell(_news(report))) == []


def test_that_another_part_goes_well_takes_no_failure_of_the_backup_back(listener: Listener, tmp_path: Path) -> None:
    """Each part is a pod of its own, and all have the same file: who watches would hear that all is well again at five."""
    channel = _hooks(listener, tmp_path, KEY)
    _night(channel, backup=ExitCode.DIFFERENCE)
    _night(channel, prune=ExitCode.DONE)
    _night(channel, prove=ExitCode.DONE)
    _night(channel, prune=ExitCode.PARTIAL)
    _night(channel, backup=ExitCode.DONE, prune=ExitCode.DONE)
    heard = [each.path.removeprefix(f"/{KEY}/") for each in listener.heard]
    assert heard == ["start", "failure", "failure", "start", "success"]


def test_each_part_has_a_url_of_its_own_where_the_file_says_so(listener: Listener, tmp_path: Path) -> None:
    channel = _hooks(listener, tmp_path, KEY + "/lrs-{part}")
    _night(channel, prune=ExitCode.DONE)
    _night(channel, backup=ExitCode.UNREACHABLE, prune=ExitCode.DONE)
    assert [each.path.removeprefix(f"/{KEY}/lrs-") for each in listener.heard] == [
        "prune/start",
        "prune/success",
        "backup/start",
        "prune/start",
        "prune/success",
        "backup/failure",
    ]


def test_only_those_that_are_named(listener: Listener, tmp_path: Path) -> None:
    channel = Heartbeats(failure=_file(tmp_path, listener.url))
    _tell(channel, ExitCode.DONE, ended=False)
    _tell(channel, ExitCode.DONE)
    assert listener.heard == []
    _tell(Heartbeats(success=_file(tmp_path, listener.url)), ExitCode.FAILED)
    assert listener.heard == []


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_one_that_is_not_taken_is_said_without_its_key(
    listener: Listener, tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.status = status
    file = _file(tmp_path, f"http://user:p4ssword@{listener.url.partition('//')[2]}/ping/{KEY}?token=0123456")
    wirelog.configure(10)
    try:
        (said,) = Notifier(channels=[Heartbeats(failure=file)]).ended(_report(ExitCode.FAILED))
    finally:
        wirelog.configure(0)
    assert said == f"not told: --heartbeat-failure-file: the server answered {status}"
    shown = capsys.readouterr().err
    assert "POST" in shown
    for secret in (KEY, "p4ssword", "0123456"):
        assert secret not in shown + said
    assert listener.heard[0].authorization == "Basic dXNlcjpwNHNzd29yZA=="


def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    with Listener(holds=threading.Event()) as listener:
        notifier = Notifier(channels=[Heartbeats(success=_file(tmp_path, f"{listener.url}/{KEY}"))], patience=0.1)
        assert notifier.ended(_report(ExitCode.DONE)) == ["not told: it took too long"]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with Listener() as gone:
        url = gone.url
    (said,) = Notifier(channels=[Heartbeats(success=_file(tmp_path, f"{url}/{KEY}"))]).ended(_report(ExitCode.DONE))
    assert said.startswith("not told: --heartbeat-success-file: cannot be reached: ")
    assert KEY not in said


@pytest.mark.parametrize("text", ["", "ftp://host/x", "host/x", "https://", "http://a:x/", "http://a b", "\xff", "https://[::1/"])
def test_what_is_no_url(tmp_path: Path, text: str) -> None:
    (tmp_path / "url").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"it holds no URL|it is not text") as raised:
        hook_of(str(tmp_path / "url"), what="--x")
    assert not text or text not in str(raised.value)


def test_a_file_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    (said,) = Notifier(channels=[Heartbeats(start=str(tmp_path / "none"))]).began(_report(ExitCode.DONE, ended=False))
    assert "--heartbeat-start-file" in said
    assert "cannot be read: No such file" in said


# ---- Pushgateway


def test_each_set_of_labels_is_a_group_of_its_own(listener: Listener, tmp_path: Path) -> None:
    _tell(Pushgateway(_file(tmp_path, f"{listener.url}/")), ExitCode.DONE, ExitCode.PARTIAL)
    group = "/metrics/job/kubectl_lrs/cluster@base64/aHR0cHM6Ly9jL8O8/lrs_namespace@base64/=/part@base64/{}"
    group += "/profile@base64/bHJz/repository@base64/czM6Ly9i"
    assert [(each.method, each.path) for each in listener.heard] == [
        ("POST", group.format("YmFja3Vw")),
        ("POST", group.format("cHJ1bmU=")),
    ]
    backup, prune = ({each.name: each.value for each in samples_of(heard.body)} for heard in listener.heard)
    assert backup["kubectl_lrs_run_last_success_timestamp_seconds"] == NOW.timestamp() + 4
    assert "kubectl_lrs_run_last_success_timestamp_seconds" not in prune, "what was pushed of it before stays"


def test_a_gateway_that_refuses_is_said(listener: Listener, tmp_path: Path) -> None:
    listener.status = 400
    with pytest.raises(LrsError, match="--pushgateway-file: the server answered 400"):
        _tell(Pushgateway(_file(tmp_path, listener.url)), ExitCode.DONE)


@pytest.mark.campaign
def test_a_real_gateway_keeps_the_last_success(tmp_path: Path) -> None:
    """Two parts and a second installation beside each other; the second night of the first one fails."""
    with prometheus.pushgateway() as url:
        channel = Pushgateway(_file(tmp_path, url))
        _tell(channel, ExitCode.DONE, ExitCode.DONE)
        other = _report(ExitCode.PARTIAL)
        other.namespace = "another"  # in the same cluster
        assert list(channel.tell(_news(other))) == []
        _tell(channel, ExitCode.UNREACHABLE, ExitCode.DONE, ended=False)
        begun = _kept(url)
        assert begun[("run_exit_status", "", BACKUP)] == metrics.NOT_ENDED
        _tell(channel, ExitCode.UNREACHABLE, ExitCode.DONE)
        kept = _kept(url)
    assert kept[("run_exit_status", "", BACKUP)] == 5
    assert kept[("run_exit_status", "", PRUNE)] == 0
    assert kept[("run_exit_status", "another", BACKUP)] == 3
    assert kept[("run_last_success_timestamp_seconds", "", BACKUP)] == NOW.timestamp() + 4
    assert ("run_last_success_timestamp_seconds", "another", BACKUP) not in kept


def _kept(url: str) -> dict[tuple[str, str, str], float]:
    """(metric, namespace, part) → value, as Prometheus would be told."""
    return {
        (each.name.removeprefix(metrics.PREFIX), labels.get("lrs_namespace", ""), labels["part"]): each.value
        for each in samples_of(prometheus.metrics(url))
        if (labels := dict(each.labels)).get("job") == "kubectl_lrs" and each.name.startswith(metrics.OF_RUNS)
    }


# ---- the pod's termination message


def test_the_last_line_is_the_termination_message(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _tell(TerminationMessage(path=str(path)), ExitCode.DONE)
    assert not path.exists(), "there is none outside of a pod"
    _tell(TerminationMessage(path=str(path), must_be=True), ExitCode.DONE, ended=False)
    assert not path.exists()
    path.write_text("x" * 9000)
    _tell(TerminationMessage(path=str(path)), ExitCode.DONE)
    assert path.read_text() == "all of it"
    other = tmp_path / "named"
    _tell(TerminationMessage(path=str(other), must_be=True), ExitCode.DONE)
    assert other.read_text() == "all of it"
