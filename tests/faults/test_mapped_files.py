"""A file of a mounted storage that is changed through a mapping while it is read, on a real disk."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.backends.local import Local


def test_a_write_through_a_mapping_while_it_is_read_is_seen(folder: Path) -> None:
    """The pages are dirty before, so that no time changes unless they are written out first."""
    file = folder / "mapped"
    file.write_bytes(b"a" * (4 << 20))
    with file.open("r+b") as held, mmap.mmap(held.fileno(), 0) as mapping:
        mapping[-1:] = b"b"
        os.utime(file, (1_600_000_000, 1_600_000_000))
        mapping[-1:] = b"c"  # still the same dirty page: this changes no time
        if file.stat().st_mtime != 1_600_000_000:
            pytest.skip("this file system counts every write")
        first = True

        def meanwhile(_data: bytes) -> None:
            nonlocal first
            if first:
                mapping[-1:] = b"d"
            first = False

        assert not Local(str(folder)).read(Stat("mapped", 4 << 20), meanwhile).is_steady
