"""Blocks of memory are kept for the next one, where the C library can be brought to it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_LOOP = """
import resource, sys
from kubectl_lrs.runtime import blocks
if sys.argv[1] == "kept":
    blocks.keep()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    held = [bytes(each) for each in [bytearray(1 << 20) for _ in range(3)]]
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    """Pages that the kernel had to give to a process that takes six blocks of 1 MiB, two hundred times."""
    return int(subprocess.run([sys.executable, "-c", _LOOP, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="nothing happens with other C libraries")
def test_a_block_that_was_freed_serves_the_next_one() -> None:
    once = 6 * (1 << 20) // 4096
    assert _faults("kept") <= 4 * once
    assert _faults("as it is") >= 20 * once
