"""Commands timed from outside, beside each other. Standard library only."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10
"""What `ru_maxrss` counts in, in bytes."""


_STARTER = """
import json, os, sys, time
answer = int(sys.argv[1])
os.set_inheritable(answer, False)
began = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
wall = time.perf_counter() - began
os.write(answer, json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]).encode())
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"""
"""A small process that starts the command: a peak counts from before exec on, and ours may be larger than the command's."""


@dataclass(frozen=True)
class Run:
    """A command that succeeded: wall time and processor time (of it and its children) in seconds, peak memory in MB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """Ours beside theirs. `budget`: ours may take this many times what theirs takes; None: it is told, not judged."""

    what: str
    ours: float
    against: str
    theirs: float
    budget: float | None
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float:
        """Ours in units of theirs."""
        return self.ours / self.theirs if self.theirs else float("inf")

    @property
    def is_kept(self) -> bool:
        """Whether the budget is kept."""
        return self.budget is None or self.ratio <= self.budget


def run(
    command: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path, output: Path | None = None, code: int = 0
) -> Run:
    """Run a command to its end, its standard output into a file or nowhere; RuntimeError where it does not end as it should."""
    reader, writer = os.pipe()
    with (output or Path(os.devnull)).open("wb") as out, (cwd / "stderr").open("w+b") as err, os.fdopen(reader, "rb") as answer:
        starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(writer), *map(str, command)]
        done = subprocess.run(
            starter, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=environment, pass_fds=[writer], check=False
        )
        os.close(writer)
        if done.returncode != code:
            err.seek(0)
            said = err.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(map(str, command))}: exit status {done.returncode}: {said}")
        wall, cpu, peak = json.loads(answer.read())
    return Run(wall, cpu, peak * MAX_RSS_UNIT / 1e6)


def side_by_side(ours: Callable[[], Run], theirs: Callable[[], Run], times: int) -> tuple[Run, Run]:
    """Both in turn, `times` times each: the median of each by wall time."""
    pairs = [(ours(), theirs()) for _ in range(times)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])


def median(runs: list[Run]) -> Run:
    """The one in the middle by wall time."""
    middle = statistics.median_low(run.wall for run in runs)
    return next(run for run in runs if run.wall == middle)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | against | theirs | ratio | budget | |", "|---|--:|---|--:|--:|--:|---|"]
    for row in rows:
        budget = "" if row.budget is None else f"≤ {_ratio(row.budget)}"
        verdict = "" if row.budget is None else "kept" if row.is_kept else "EXCEEDED"
        note = f" ({row.note})" if row.note else ""
        lines.append(
            f"| {row.what}{note} | {_amount(row.ours, row.unit)} | {row.against} | {_amount(row.theirs, row.unit)} "
            f"| {_ratio(row.ratio)} | {budget} | {verdict} |"
        )
    return "\n".join(lines)


def _amount(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def _ratio(value: float) -> str:
    return f"{value:.2g} times" if value < 0.1 else f"{value:.2f} times"
