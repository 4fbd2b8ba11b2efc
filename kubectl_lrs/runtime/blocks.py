"""Large blocks of memory that come and go: kept by the process, for the next one."""

from __future__ import annotations

LARGEST = 8 << 20
"""Blocks up to so many bytes are kept; of what is free at the end of the heap, up to twice as many."""


def keep() -> None:
    """From now on a block that is freed serves the next one, and is not given back to the kernel and got anew page by page.

    Batches of a megabyte, each copied some times, otherwise cost more processor time for pages than for what is done with
    them. glibc gives back what is larger than the largest block that was ever freed, so one is taken, never touched, and freed.
    With other C libraries nothing happens.
    """
    bytes(LARGEST)
