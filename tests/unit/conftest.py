"""What unit tests stand on: nothing but themselves."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from tests.unit.folding import folded

PART = pytest.StashKey["set[Path]"]()

CURRENT = "PYTEST_CURRENT_TEST"
"""Another one in each test, set by pytest."""


NEEDED = ("PATH", "LANG", "LC_", "TMPDIR", "TZ", "PYTHON", "PYTEST")
"""How the names of variables begin that stay. Few: they are looked at before each test."""

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`gate.py unit` has a process for each core."""
    parser.addoption("--part", metavar="N/OF", default="", help="of the files of unit/, leave out all but the Nth part")


def pytest_configure(config: pytest.Config) -> None:
    """Which files are of this part. Rubbish is looked for more rarely: what pytest holds would be looked through each time."""
    gc.set_threshold(100_000, 50, 100)
    number, parts = map(int, (config.getoption("part", "") or "1/1").split("/"))
    config.stash[PART] = shares(sorted(HERE.rglob("test_*.py")), parts)[number - 1]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Nothing of a file is read that another process tests."""
    return True if collection_path.name.startswith("test_") and collection_path not in config.stash[PART] else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> pytest.Item | None:
    """A table is one test where no row of it is asked for."""
    asked = collector.config.option
    if not asked.part or asked.keyword or not name.startswith("test_") or not (every_row := folded(obj)):
        return None
    return pytest.Function.from_parent(collector, name=name, callobj=every_row)


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """No dot for each that passes: they are told by their number, at the end."""
    return ("passed", "", "") if report.passed and report.when == "call" and config.option.part else None


def shares(files: list[Path], parts: int) -> list[set[Path]]:
    """The files in parts that take about as long: how long a file is says it well enough."""
    made: list[set[Path]] = [set() for _ in range(parts)]
    weights = [0] * parts
    for size, path in sorted(((path.stat().st_size, path) for path in files), reverse=True):
        lightest = weights.index(min(weights))
        weights[lightest] += size
        made[lightest].add(path)
    return made


@pytest.fixture(scope="session")
def _environment() -> dict[str, str]:
    """What Python and programs need, nothing of the developer's own; there is no HOME."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(NEEDED) and name != CURRENT}
    return {**kept, "HOME": "/nowhere"}


@pytest.fixture(autouse=True)
def isolation(_environment: dict[str, str]) -> None:
    """In place of that of the other rooms, which makes a folder for every test. What pytest notes there stays its own."""
    here = {name: value for name, value in os.environ.items() if name != CURRENT}
    if here != _environment:
        for name in here.keys() - _environment.keys():
            del os.environ[name]
        os.environ.update(_environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of the test's own."""
    return tmp_path
