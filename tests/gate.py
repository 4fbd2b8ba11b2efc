"""The gate: formatting, lint, types, the rule between layers, tests. One command; it sets up all that it needs.

Run with the system's Python: `python3 tests/gate.py`. Arguments go to pytest and leave out the rest, and the tests then
run in one process: `python3 tests/gate.py tests/unit/formats/test_yaml_writer.py -k float`. With `-n 3` there are three workers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.bed import toolchain

CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "--quiet"),
    ("ruff", "check", "--quiet"),
    ("mypy",),
    ("lint-imports", "--no-cache"),
    ("python", "-m", "tests.bed.prepare"),
)
"""What comes before the tests; the last one makes the servers that they talk to."""


def main(arguments: list[str]) -> int:
    """Set up, check, test; the exit status of the first that fails."""
    programs = toolchain.venv().parent
    toolchain.binary()
    for check in () if arguments else CHECKS:
        print(f"gate: {' '.join(check)}", flush=True)
        if status := subprocess.run([programs / check[0], *check[1:]], cwd=toolchain.ROOT, check=False).returncode:
            print(f"gate: {check[0]} failed", flush=True)
            return status
    command = ["pytest", *(arguments or ("-n", str(workers())))]
    print(f"gate: {' '.join(command)}", flush=True)
    os.chdir(toolchain.ROOT)
    return os.execv(programs / command[0], [str(programs / command[0]), *command[1:]])  # a signal to the gate is one to pytest


def workers() -> int:
    """One more than there are cores: a test waits now and then. Each has a control plane of its own, some 400 MB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + 1, 8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
