"""How a backup is made whole or not at all, whatever is written into it: what a failure leaves, and when signals count."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import InterruptedRunError, LrsError
from kubectl_lrs.repository import Repository, Writer
from kubectl_lrs.runtime.progress import BestEffort, Progress
from kubectl_lrs.runtime.trust import OWN, Trust

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Signals(Protocol):
    """When an interruption counts. Whoever handles signals makes it; it arrives as KeyboardInterrupt."""

    def hold(self) -> None:
        """What comes from now on waits."""

    def release(self) -> None:
        """What came counts now, and what comes counts at once; more than once is as good as once."""


class Uninterrupted:
    """Nobody interrupts."""

    def hold(self) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The place of the backups, and the new one's name; empty: after the instant. `trust`: whose left-overs are used.

    `trust_previous`: what earlier backups hold is shared without being read.
    """

    repository: Repository
    name: str = ""
    trust: Trust = OWN
    trust_previous: bool = False


def make(
    destination: Destination, fill: Callable[[Writer, Progress], Catalog], progress: Progress, signals: Signals
) -> tuple[str, Catalog]:
    """A new backup, whole or not at all: where it is, and its catalog. `fill` writes all of it and seals it."""
    progress = BestEffort(progress)
    repository = destination.repository
    with translated(repository):
        prepared = repository.prepare(trust=destination.trust, trust_previous=destination.trust_previous, progress=progress)
    signals.hold()
    try:
        with translated(repository):
            writer = prepared.begin(destination.name)
        with put_away_unless_sealed(writer, repository, progress):
            signals.release()
            catalog = fill(writer, progress)
            writer.settle(progress)
    finally:
        signals.release()
        prepared.close()
    return writer.location, catalog


@contextmanager
def translated(repository: Repository) -> Iterator[None]:
    """What the disk refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise repository.explained(error) from error


@contextmanager
def put_away_unless_sealed(writer: Writer, repository: Repository, progress: Progress) -> Iterator[None]:
    """After a failure in the block: what another run can take over stays, unseen; nothing else does."""
    try:
        yield
    except OSError as error:
        _put_away(writer, progress, keep=error.errno not in NO_SPACE)
        if writer.is_sealed:
            raise LrsError(f"{writer.location}: the backup is sealed, and then: {error.strerror or error}") from error
        if isinstance(error, FileExistsError):
            raise LrsError(f"{error.filename}: {error.strerror}; no backup was made", hint="see who else writes there") from error
        raise repository.explained(error) from error
    except KeyboardInterrupt as error:
        _put_away(writer, progress)
        if writer.is_sealed:
            raise InterruptedRunError(f"interrupted just after the backup was sealed: {writer.location}") from error
        raise InterruptedRunError("interrupted; no backup was made") from error
    except BaseException:
        _put_away(writer, progress)
        raise
    finally:
        progress.end()


def _put_away(writer: Writer, progress: Progress, *, keep: bool = True) -> None:
    if kept := writer.put_away(keep=keep):
        progress.note(kept)
