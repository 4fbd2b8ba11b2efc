"""The standard streams of this process: the one door through which text goes out. Must not know what is said.

Whoever reads may go away, and a log may lie on a full disk; neither may end or alter the work. So a stream that fails is
dropped, for good, and nothing that writes to it learns of it. Whether standard output was dropped is asked at the end:
results that nobody got are for the command line to tell.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

OUT, ERR = 1, 2


class Sink(io.RawIOBase):
    """A descriptor that takes all that is written and never fails; `error` is why it was dropped.

    It has no buffer: what is written is out when `write` returns, so that at the end of the process nothing is left to
    flush, and no lock is held by a thread that ends with it.
    """

    def __init__(self, descriptor: int, *, is_open: bool = True) -> None:
        super().__init__()
        self.error: OSError | None = None
        self._descriptor = descriptor
        self._is_open = is_open

    def write(self, data: Any, /) -> int:
        """All of it, or as much as can be had."""
        left = memoryview(data).cast("B")
        size = len(left)
        if size and not self._is_open:
            self.error = self.error or OSError(errno.EBADF, "it is closed")
        while left and self.error is None:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody else made the terminal that we share answer so
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.error = error
        return size

    def writable(self) -> bool:
        """Always: what cannot be written is dropped."""
        return True

    def fileno(self) -> int:
        """As the system knows it."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._is_open and os.isatty(self._descriptor)


class Stream(io.TextIOWrapper):
    """Text on a sink. What the encoding of the user's locale cannot say is written as an escape."""

    def __init__(self, sink: Sink, encoding: str) -> None:
        super().__init__(sink, encoding=encoding, errors="backslashreplace", write_through=True)  # type: ignore[arg-type]
        self.sink = sink

    def write_data(self, text: str) -> None:
        """In UTF-8 whatever the locale says, as kubectl does: for programs, to which an escape means something else."""
        self.sink.write(text.encode("utf-8", "backslashreplace"))


def install() -> None:
    """Put these in the place of Python's own; a descriptor that is closed is taken, so that no file of ours gets it."""
    missing = [stream is None for stream in (sys.stdin, sys.stdout, sys.stderr)]  # as Python has it where one is closed
    for descriptor, is_missing in enumerate(missing):
        if is_missing:
            _take(descriptor)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123  as long as the process; pathlib is slow to import
    sys.stdout = _stream(OUT, sys.stdout)
    sys.stderr = _stream(ERR, sys.stderr)


def _take(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        made = os.open(os.devnull, os.O_RDWR)
        if made != descriptor:
            os.dup2(made, descriptor)
            os.close(made)
    os.set_inheritable(descriptor, True)


def _stream(descriptor: int, own: TextIO | None) -> Stream:
    """In the place of Python's own one, None where it is closed."""
    return Stream(Sink(descriptor, is_open=own is not None), own.encoding if own else "utf-8")


def note(text: str) -> None:
    """On standard error, which is best effort."""
    sys.stderr.write(text)
    sys.stderr.flush()  # a live display keeps what has no end of a line


def answer(text: str, *, is_data: bool = False) -> None:
    """On standard output; `is_data`: for programs."""
    if is_data and isinstance(sys.stdout, Stream):
        sys.stdout.write_data(text)
    else:
        sys.stdout.write(text)


def failure(descriptor: int = OUT) -> OSError | None:
    """Why something that was written there did not arrive; None where all did."""
    stream = sys.stdout if descriptor == OUT else sys.stderr
    return stream.sink.error if isinstance(stream, Stream) else None
