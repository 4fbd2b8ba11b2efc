"""Ports that the bed gives to servers: nobody else's, neither the system's nor another process's, and not a second time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bed import ports
from tests.bed.ports import BLOCK, reserved
from tests.conftest import ROOT

PROGRAM = "import sys\nfrom tests.bed.ports import reserved\nprint(*reserved(3), flush=True)\nsys.stdin.read()\n"


@contextmanager
def another(**environment: str) -> Iterator[set[int]]:
    """The ports of another process, which lives as long as this lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield {int(port) for port in process.stdout.readline().split()}
        process.communicate()


def test_of_one_process_at_a_time() -> None:
    with ExitStack() as stack:
        found = [set(reserved(3)), *(stack.enter_context(another()) for _ in range(3))]
    assert len(set.union(*found)) == 4 * 3


def test_wherever_its_temporary_files_are(tmp_path: Path) -> None:
    """As of the demo, which tests start in a folder of their own."""
    folders = [tmp_path / name for name in ("one", "other")]
    for each in folders:
        each.mkdir()
    with another(TMPDIR=str(folders[0])) as one, another(TMPDIR=str(folders[1])) as other:
        assert not one & other


def test_none_that_the_system_gives_out() -> None:
    low, high = ports._given_out()
    assert not [port for port in reserved(3) if low <= port <= high]
    assert not [block for block in ports._blocks(32_768, 60_999) if set(block) & set(range(32_768, 61_000))]
    assert list(ports._blocks(1_024, 65_535)), "where it gives out all of them, one of those"


def test_one_where_something_listens_is_passed_over() -> None:
    (first,) = reserved(1)
    with socket.create_server(("127.0.0.1", first)):
        assert first not in reserved(BLOCK - 1)
    assert first in reserved(BLOCK), "after the last one they come again"
