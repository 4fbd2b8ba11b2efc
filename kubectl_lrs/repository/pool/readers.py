"""Who reads a backup for long says so by a hold that is renewed: what the backup needs stays, forgotten or not.

A hold counts for half of the grace time by the storage's clock; a new one takes its place when a quarter has passed. Who may not
write one has the grace time, and is told at the beginning until when that is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

from kubectl_lrs.backends.base import Backend, KeyNotFoundError
from kubectl_lrs.model.errors import DamageError, LrsError, UnreachableError
from kubectl_lrs.repository.pool.holds import Reading
from kubectl_lrs.repository.pool.seal import Seal

TIMES = 4
"""So often in a grace time a hold is renewed; one that could not be, four times as often."""

Say = Callable[[str], object]


@contextmanager
def kept(backend: Backend, seal: Seal, *, grace: float, say: Say) -> Iterator[None]:
    """While the block lasts, what the backup needs stays; else `say` is told until when. DamageError where it is gone by now."""
    try:
        reading = Reading(backend, seal.catalog)
    except UnreachableError:
        raise
    except LrsError as error:
        require_there(backend, seal)
        say(_deadline(backend, seal, grace, error))
        yield
        return
    try:
        require_there(backend, seal)  # what is forgotten from now on is held before anything of it is condemned
        with _renewed(reading, seal, grace, say):
            yield
    finally:
        reading.end()


def require_there(backend: Backend, seal: Seal) -> None:
    """DamageError where it was forgotten by now: for who has just written a hold, which came too late then."""
    try:
        backend.stat(seal.backup.seal)
    except KeyNotFoundError as error:
        raise DamageError(
            f"{backend.url}: {seal.backup.name} was forgotten meanwhile", hint="unforget brings it back, if that was not long ago"
        ) from error


def _deadline(backend: Backend, seal: Seal, grace: float, error: LrsError) -> str:
    until = ""
    with suppress(LrsError, ValueError, OverflowError):
        until = f" until {datetime.fromtimestamp(backend.now() + grace, timezone.utc):%Y-%m-%d %H:%M}Z"
    return (
        f"warning: {seal.backup.name} is read without a hold, which could not be written ({error}): what it needs surely stays"
        f" for {grace / 3600:g} hours{until}; where that may be too short, somebody who may write can hold it"
    )


@contextmanager
def _renewed(reading: Reading, seal: Seal, grace: float, say: Say) -> Iterator[None]:
    """A thread renews it; it ends with the process in any case."""
    over = threading.Event()

    def renew() -> None:
        pause, is_said = grace / TIMES, False
        while not over.wait(pause):
            try:
                reading.renew()
                pause = grace / TIMES
            except LrsError as error:
                pause = grace / TIMES / 4
                if not is_said:
                    name = seal.backup.name
                    say(f"warning: the hold of {name}, which is read, could not be renewed, and is tried again: {error}")
                is_said = True

    thread = threading.Thread(target=renew, name="hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
