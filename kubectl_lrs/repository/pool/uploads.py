"""Objects on their way into the pool, some at once. The first failure ends all that follow; who waits gets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from kubectl_lrs.backends.base import Backend, KeyExistsError, Written
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository.pool.spool import Spool

AT_ONCE = 8
BYTES_AT_ONCE = 64 << 20
"""No more objects than these are on their way at once, and no more bytes, but for a single one that is larger."""


class Uploads:
    """Each in a thread of its own, which ends with the process. A key has the sum and this run in it: nobody else makes it."""

    def __init__(self, backend: Backend) -> None:
        self.count = 0
        self.size = 0
        self._backend = backend
        self._change = threading.Condition()
        self._busy = 0
        self._bytes = 0
        self._failure: BaseException | None = None

    def submit(self, key: str, spool: Spool, done: Callable[[], object]) -> None:
        """Upload what it holds; `done` is called when it is there. It waits while too many are on their way."""
        try:
            with self._change:
                self._change.wait_for(lambda: self._failure is not None or self._has_room(spool.size))
                self.require_right()
                self._busy += 1
                self._bytes += spool.size
        except BaseException:
            spool.close()
            raise
        threading.Thread(target=self._run, args=(key, spool, done), name="upload", daemon=True).start()

    def _has_room(self, size: int) -> bool:
        return not self._busy or (self._busy < AT_ONCE and self._bytes + size <= BYTES_AT_ONCE)

    def drain(self) -> None:
        """Wait until all are there."""
        with self._change:
            self._change.wait_for(lambda: self._busy == 0)
        self.require_right()

    def require_right(self) -> None:
        """The first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def _run(self, key: str, spool: Spool, done: Callable[[], object]) -> None:
        try:
            self._upload(key, spool)
            done()
        except BaseException as error:  # noqa: BLE001  it is raised again where it is waited for
            self._failure = self._failure or error
        finally:
            spool.close()
            with self._change:
                self._busy -= 1
                self._bytes -= spool.size
                self._change.notify_all()

    def _upload(self, key: str, spool: Spool) -> None:
        try:
            store(self._backend, key, spool.size, spool.chunks())
        except KeyExistsError:
            if self._backend.stat(key).size != spool.size:  # else two threads had the same content, or an answer was lost
                raise LrsError(f"{self._backend.url}/{key}: it is there already, and another one") from None
            return
        with self._change:
            self.count += 1
            self.size += spool.size


def store(backend: Backend, key: str, size: int, chunks: Iterator[bytes], *, synced: bool = False) -> Written:
    """Make a new object; LrsError where the storage says that it has it in another size. KeyExistsError, NoSpaceError.

    `synced`: it is on the disk when this returns; else once `sync` was called.
    """
    upload = backend.upload(key, size, chunks, {}, replace=False)
    try:
        if synced:
            backend.sync()
        written = upload.commit()
    except BaseException:
        with suppress(Exception):
            upload.abort()
        raise
    if written.stat.size != size:
        raise LrsError(f"{backend.url}/{key}: {size} bytes were sent, and the storage has {written.stat.size}")
    if synced:
        backend.sync()
    return written
