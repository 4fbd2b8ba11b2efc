"""Very many small tuples in the order of their first member: sorted on the disk, so that memory does not grow with them."""

from __future__ import annotations

import heapq
import marshal
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from operator import itemgetter
from types import TracebackType
from typing import IO, Any, Generic, TypeVar

from kubectl_lrs.model.each import Each
from kubectl_lrs.model.errors import LrsError

AT_ONCE = 32_000
"""So many are sorted in memory; of more than these, sorted runs are merged from an unnamed temporary file."""

BLOCK = 500
"""So many of each run are in memory while runs are merged."""

T = TypeVar("T", bound=tuple[Any, ...])
M = TypeVar("M")

_FIRST = itemgetter(0)


class Sorted(Generic[T]):
    """Tuples of texts, bytes, numbers, None and what is made of them; of those with an equal first member the order stays.

    One thread adds them, and goes through them as often as it wants. LrsError where the folder for temporary files is full,
    or cannot be used: it is none of the places that a run is about.
    """

    def __init__(self) -> None:
        self._held: list[T] = []
        self._runs: list[list[tuple[int, int]]] = []
        self._file: IO[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Sorted[T]:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._file is not None:
            with suppress(OSError):  # what is still to be written is of no use
                self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, item: T) -> None:
        """One more."""
        self._held.append(item)
        self._count += 1
        if len(self._held) >= AT_ONCE:
            with _explained():
                self._spill()

    def __iter__(self) -> Iterator[T]:
        self._held.sort(key=_FIRST)
        if not self._runs:
            return iter(self._held)
        return heapq.merge(*map(self._run, self._runs), iter(self._held), key=_FIRST)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  it is closed with this
        self._held.sort(key=_FIRST)
        run = []
        for start in range(0, len(self._held), BLOCK):
            data = marshal.dumps(self._held[start : start + BLOCK])
            run.append((self._file.tell(), len(data)))
            self._file.write(data)
        self._file.flush()
        self._runs.append(run)
        self._held = []

    def _run(self, blocks: list[tuple[int, int]]) -> Iterator[T]:
        assert self._file is not None
        for offset, length in blocks:
            with _explained():
                data = os.pread(self._file.fileno(), length, offset)
            yield from marshal.loads(data)  # noqa: S302  nobody else has the file


class Waiting(Each[M]):
    """What is made of sorted tuples each time that somebody goes through it; they are gone with it. One thread uses it."""

    def __init__(self, rows: Sorted[Any], make: Callable[[Any], M]) -> None:
        super().__init__(lambda: map(make, rows))
        self._rows = rows
        weakref.finalize(self, rows.__exit__, None, None, None)

    def __len__(self) -> int:
        return len(self._rows)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LrsError(f"the folder for temporary files: {error.strerror or error}", hint="TMPDIR says where room is") from error
