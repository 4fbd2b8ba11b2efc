"""Have others copy a part of a backup, and copy such a part. Must not know whether these are pods or people's machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kubectl_lrs.repository import Repository
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.files.segments import Done, copy_segment
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.usecases.making import put_away_unless_sealed, translated

PAUSE = 2.0
"""Seconds between two looks."""


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """Whoever is told copies them, wherever that is. `tell`: is told what they are called."""

    shards: int | None
    tell: Callable[[Sequence[str]], None]
    cancel: Cancel = field(default_factory=Cancel)

    def carry(self, names: Sequence[str], marked: Callable[[], set[int]], progress: Progress) -> None:
        """Wait until all are done."""
        self.tell(names)
        wait_for(names, marked, progress, self.cancel, lambda: None)


def wait_for(
    names: Sequence[str], marked: Callable[[], set[int]], progress: Progress, cancel: Cancel, look: Callable[[], None]
) -> None:
    """Until all are marked. `look`: raises where they will not be."""
    seen: set[int] = set()
    while True:
        now = marked() & {*range(len(names))}
        progress.advance(len(now - seen))
        seen = now
        if len(seen) == len(names):
            return
        look()
        cancel.wait(PAUSE)
        cancel.require()


def copy(repository: Repository, name: str, storage: Storage, *, workers: int, progress: Progress) -> Done:
    """Copy one segment of another run's backup."""
    with (
        translated(repository),
        repository.segment(name) as segment,
        put_away_unless_sealed(segment.writer, repository, progress),
    ):
        done = copy_segment(storage, segment, workers, progress)
        segment.writer.settle(progress)
    return done
