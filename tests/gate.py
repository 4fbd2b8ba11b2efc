"""The gate: formatting, lint, types, the rule between layers, tests. One command; it sets up all that it needs.

    python3 tests/gate.py                       everything that must hold; what continuous integration runs
    python3 tests/gate.py unit [ARGUMENTS]      tests/unit alone: no server, a few seconds
    python3 tests/gate.py campaign [ARGUMENTS]  what takes long, by hand: tests marked `campaign`, and many more examples
    python3 tests/gate.py loaded [ARGUMENTS]    pytest with these arguments, beside processes that keep every core busy
    python3 tests/gate.py ARGUMENTS             pytest with these arguments, in one process unless they say -n

Run it with the system's Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

CAMPAIGN = ("-m", "campaign or hypothesis", "--hypothesis-profile=search", "--timeout=7200")


def main(arguments: list[str]) -> int:
    """Set up, check, test; the exit status of the first that fails."""
    programs = toolchain.venv().parent
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb == "unit":
        return _pytest(programs, ["tests/unit", "--hypothesis-profile=unit", "-n", str(cores()), "--dist=load", *rest])
    toolchain.binary()
    if verb == "campaign":
        return _pytest(programs, [*CAMPAIGN, *rest])
    if verb == "loaded":
        with busy(cores()):
            return _run(programs, ["pytest", *rest])
    if verb:
        return _pytest(programs, arguments)
    for check in CHECKS:
        if status := _run(programs, check):
            print(f"gate: {check[0]} failed", flush=True)
            return status
    return _pytest(programs, ["-n", str(workers())])


def _run(programs: Path, command: Sequence[str]) -> int:
    print(f"gate: {' '.join(command)}", flush=True)
    return subprocess.run([programs / command[0], *command[1:]], cwd=toolchain.ROOT, check=False).returncode


def _pytest(programs: Path, arguments: Sequence[str]) -> int:
    """In place of this process: a signal to the gate is one to pytest."""
    print(f"gate: pytest {' '.join(arguments)}", flush=True)
    os.chdir(toolchain.ROOT)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # pytest compiles the tests; once, and not each time, is enough
    os.environ["PYTHONPYCACHEPREFIX"] = str(toolchain.ROOT / ".venv" / "bytecode")
    return os.execv(programs / "pytest", [str(programs / "pytest"), *arguments])


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing, as fast as they can; each ends with this one, however it ends."""
    work = "import os, sys\nparent = int(sys.argv[1])\nwhile os.getppid() == parent:\n    sum(range(100000))\n"
    started = [subprocess.Popen([sys.executable, "-c", work, str(os.getpid())]) for _ in range(count)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers() -> int:
    """One more than there are cores: a test waits now and then. Each has a control plane of its own, some 400 MB."""
    return min(cores() + 1, 8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
