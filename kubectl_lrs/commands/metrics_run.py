"""Print metrics, as `metrics_` is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.own_backups import own_backups
from kubectl_lrs.commands.shared import Backups
from kubectl_lrs.formats.exposition import text_of
from kubectl_lrs.model.metrics import MEANINGS, OF_RUNS, Sample, merged, of_backups, of_repository
from kubectl_lrs.repository import open_repository
from kubectl_lrs.runtime import state
from kubectl_lrs.usecases.notify import STATE_FILE, read_metrics
from kubectl_lrs.usecases.repository import show


def run(given: Given) -> None:
    """Of the backups as they are, and of the runs as they were noted."""
    place = given.of(Backups)
    samples = [*_of_runs(), *_of_backups(given, place), of_repository(place.label, show(*place.where).bytes)]
    render.answer(text_of(merged((), samples), MEANINGS), is_data=True)


def _of_backups(given: Given, place: Backups) -> Iterator[Sample]:
    """By cluster; those of the installation by what its runs call it, and after the others, so that none takes their place."""
    found = given.installation
    own = own_backups(given, found) if found and found.uids else None
    catalogs = [each.catalog for each in open_repository(*place.where).scan()[0]]
    now = datetime.now(timezone.utc)
    yield from of_backups((each for each in catalogs if not (own and own.has(each))), repository=place.label, now=now)
    if found and own:
        mine = (each for each in catalogs if own.has(each))
        yield from of_backups(mine, repository=place.label, now=now, cluster=found.cluster)


def _of_runs() -> Iterator[Sample]:
    for folder in state.folders():
        with suppress(OSError, ValueError):
            yield from (each for each in read_metrics(folder / STATE_FILE) if each.name.startswith(OF_RUNS))
