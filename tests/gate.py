"""The gate: formatting, lint, types, the rule between layers, tests. One command; it sets up all that it needs.

    python3 tests/gate.py                       everything that must hold; what continuous integration runs
    python3 tests/gate.py unit [ARGUMENTS]      tests/unit alone: no server, a few seconds; -n 0: in one process
    python3 tests/gate.py campaign [ARGUMENTS]  what takes long, by hand: tests marked `campaign`, and many more examples
    python3 tests/gate.py loaded [ARGUMENTS]    pytest with these arguments, beside processes that keep every core busy
    python3 tests/gate.py late [ARGUMENTS]      pytest with these arguments, and what stand-ins do beside an answer comes late
    python3 tests/gate.py ARGUMENTS             pytest with these arguments, in one process unless they say -n

Run it with the system's Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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

NOTHING_COLLECTED = 5
"""How pytest ends where no test is meant, as in one of the parts by `-k`."""

UNIT = ("tests/unit", "--hypothesis-profile=unit", *(f"-p no:{each}" for each in ("logging", "warnings", "unraisableexception")))
"""Without what costs time at each test, and fails none; the whole gate has it."""

EACH = 3 << 29

IN_MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""Bytes that must be free there, so that the files of unit tests are made in memory."""

CAMPAIGN = ("-m", "campaign or hypothesis", "--hypothesis-profile=search", "--timeout=7200")


def main(arguments: list[str]) -> int:
    """Set up, check, test; the exit status of the first that fails."""
    programs = toolchain.venv().parent
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb == "unit":
        return _unit(programs, [*UNIT, *rest])
    toolchain.binary()
    if verb == "campaign":
        return _pytest(programs, [*CAMPAIGN, *rest])
    if verb == "loaded":
        with busy(cores()):
            return _run(programs, ["pytest", *rest])
    if verb == "late":
        return _pytest(programs, ["-p", "tests.late", *rest])
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
    _compile_once()
    return os.execv(programs / "pytest", [str(programs / "pytest"), *arguments])


def _compile_once() -> None:
    """Pytest compiles the tests, and pip has compiled the packages: once, and not each time, is enough."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _unit(programs: Path, arguments: Sequence[str]) -> int:
    """A process for each core, and each has files of its own: none collects, or waits for, what another one tests."""
    parts = 1 if any(each.startswith("-n") for each in arguments) else cores()
    _compile_once()
    if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)
    with ExitStack() as stack:
        running = [stack.enter_context(_part(programs, arguments, number, parts)) for number in range(1, parts + 1)]
        statuses = [show() for show in running]
    failed = [status for status in statuses if status not in (0, NOTHING_COLLECTED)]
    return failed[0] if failed else min(statuses)


@contextmanager
def _part(programs: Path, arguments: Sequence[str], number: int, parts: int) -> Iterator[Callable[[], int]]:
    """One of the processes. What is given waits for its end and shows what it said; the first one says it at once."""
    command: list[str | Path] = [
        programs / "pytest",
        *arguments,
        f"--part={number}/{parts}",
        "-o",
        f"cache_dir=.pytest_cache/part-{number}",
    ]
    print(f"gate: {' '.join(map(str, ('pytest', *command[1:])))}", flush=True)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=toolchain.ROOT, stdout=None if number == 1 else said)

        def show() -> int:
            status = process.wait()
            said.seek(0)
            sys.stdout.buffer.write(said.read())
            sys.stdout.flush()
            return status

        try:
            yield show
        finally:
            process.terminate()
            process.wait()


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
    """Two more than there are cores: tests wait now and then. Each has servers of its own, up to EACH bytes of memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores() + 2, 8, memory // EACH))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
