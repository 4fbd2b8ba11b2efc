"""Somebody is told of a nightly run: first that it has begun, in the end what it came to. Nothing here can fail the run.

All are told at once, and within a limited time: a run that is to end has 30 seconds for everything. What goes wrong is given
in words, without a secret.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol, TypeVar

from kubectl_lrs.formats.exposition import samples_of, text_of
from kubectl_lrs.model import metrics
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.metrics import MEANINGS, Sample
from kubectl_lrs.model.nightly import NightlyReport
from kubectl_lrs.runtime.bounds import read_within
from kubectl_lrs.runtime.safe_files import Directory, write_atomically

LARGEST = 1 << 20
"""Bytes of a file of metrics that is read."""

READABLE = 0o644
"""Whoever collects metrics is another user."""

STATE_FILE = "metrics.prom"
"""In the state of this user: what the last runs came to, for `metrics`."""

PATIENCE = 9.0
"""Seconds for all who are told, and as many for a look at the backups before."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class News:
    """What is told. `samples`: its metrics; `line`: all of it in one line; `whole`: the report, for programs."""

    report: NightlyReport
    samples: Sequence[Sample]
    line: str = ""
    whole: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.report.ended is not None


class Channel(Protocol):
    """A way to tell it. What goes wrong is an LrsError or an OSError; `warnings` are what else is to be known."""

    def tell(self, news: News) -> Iterable[str]:
        """Tell it; warnings."""


@dataclass(kw_only=True)
class Notifier:
    """All who are told. `catalogs` looks at the backups of this installation, whose state is told too."""

    channels: Sequence[Channel]
    catalogs: Callable[[], Iterable[Catalog]] = field(default=lambda: ())
    patience: float = PATIENCE

    def began(self, report: NightlyReport) -> list[str]:
        """Before anything is looked at. What went wrong."""
        return self._told(News(report=report, samples=list(metrics.began(report))))

    def ended(self, report: NightlyReport, *, line: str = "", whole: str = "") -> list[str]:
        """What it came to. What went wrong."""
        if not self.channels:
            return []
        found, troubles = self._samples(report)
        samples = [*metrics.ended(report), *found]
        return [*troubles, *self._told(News(report=report, samples=samples, line=line, whole=whole))]

    def _samples(self, report: NightlyReport) -> tuple[list[Sample], list[str]]:
        def look() -> list[Sample]:
            now = datetime.now(timezone.utc)
            return list(metrics.of_backups(self.catalogs(), repository=report.repository, now=now, cluster=report.cluster))

        (looked,) = _at_once([look], self.patience)
        if isinstance(looked, list):
            return looked, []
        return [], [f"the metrics tell nothing of the backups: {_words(looked)}"]

    def _told(self, news: News) -> list[str]:
        results = _at_once([lambda each=each: list(each.tell(news)) for each in self.channels], self.patience)  # type: ignore[misc]
        return [said for each in results for said in (each if isinstance(each, list) else [f"not told: {_words(each)}"])]


def _words(error: Exception | None) -> str:
    if error is None:
        return "it took too long"
    if isinstance(error, OSError):
        return f"{error.filename or 'the disk'}: {error.strerror}"
    return str(error) if isinstance(error, LrsError) else f"this is a bug in kubectl lrs ({type(error).__name__})"


def _at_once(work: Sequence[Callable[[], T]], seconds: float) -> list[T | Exception | None]:
    """What each gives or raises, None where it is not done by then; what is not done ends with the process."""
    results: list[T | Exception | None] = [None] * len(work)

    def run(place: int) -> None:
        try:
            results[place] = work[place]()
        except Exception as error:  # noqa: BLE001  told as it is; nothing of this fails the run
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,), name=f"notify-{place}", daemon=True) for place in range(len(work))]
    for each in threads:
        each.start()
    end = time.monotonic() + seconds
    for each in threads:
        each.join(max(0.0, end - time.monotonic()))
    return list(results)


# ---- metrics


@dataclass(frozen=True)
class MetricsFile:
    """A file as node_exporter's textfile collector reads it."""

    path: Path

    def tell(self, news: News) -> Iterator[str]:
        """What is told now takes the place of what was told of the same; all else stays."""
        before: list[Sample] = []
        try:
            before = read_metrics(self.path)
        except (OSError, ValueError) as error:
            yield f"{self.path}: what stood there is not kept: {error}"
        write_atomically(self.path, text_of(metrics.merged(before, news.samples), MEANINGS), mode=READABLE)


def read_metrics(path: Path) -> list[Sample]:
    """What stands in a file of metrics; nothing where there is none. ValueError where it is none, OSError."""
    with suppress(FileNotFoundError):
        try:
            with Directory.named(path.parent) as folder, folder.reading(path.name) as file:
                return samples_of(read_within(file, LARGEST).decode())
        except LrsError as error:
            raise ValueError(str(error)) from error
    return []
