"""Whether a process is over: only where that is known."""

from __future__ import annotations

import os

from kubectl_lrs.runtime import process


def test_a_process_that_is_over() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert process.is_gone(child, process.place()) is bool(process.place())
    assert not process.is_gone(os.getpid(), process.place())
    for number in (0, -1, 1 << 80, "1", None, True):
        assert not process.is_gone(number, process.place())
