"""The rooms of the tests: every module of the product is tested without a cluster, and a unit test lies where its module does."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import kubectl_lrs
from kubectl_lrs.model.stores import STORES
from tests.builders.sources import imported
from tests.conftest import LONG
from tests.unit.conftest import HERE, shares
from tests.unit.folding import folded

PACKAGE = Path(kubectl_lrs.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
ROOMS = ("unit", "contract")
OF_THE_WHOLE = {"test_contracts.py", "test_rooms.py"}
"""Unit tests that belong to no module."""


def modules() -> set[str]:
    """Every module that has more than a docstring, but for the one that is run."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if path.name != "__init__.py" or len(ast.parse(path.read_text()).body) > 1:
            found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found - {"kubectl_lrs.__main__"}


def run_by_the_suite_of_stores() -> set[str]:
    """What the stores of `contract/test_stores.py` consist of: it makes their parts by `connect`, which names them."""
    found: set[str] = set()
    left = [f"kubectl_lrs.stores.{name}.connect" for name in STORES] + [
        "kubectl_lrs.stores.lrs.collect",
        "kubectl_lrs.stores.lrs.restore",
        "kubectl_lrs.stores.lrs.rehearse",
    ]
    while left:
        name = left.pop()
        path = PACKAGE.parent / f"{name.replace('.', '/')}.py"
        if name not in found and path.exists():
            found.add(name)
            store = ".".join(name.split(".")[:3])
            left += [each for each in imported(path) if each.startswith(f"{store}.")]
    return found


def test_every_module_is_imported_by_a_unit_or_contract_test() -> None:
    """Importing is not testing; but what none of them imports is only tested through everything at once."""
    files = [path for room in ROOMS for path in (TESTS / room).rglob("test_*.py")]
    tested = {name for path in files for name in imported(path)} | run_by_the_suite_of_stores()
    assert sorted(modules() - tested) == []


def test_the_table_of_long_files_names_files_that_there_are() -> None:
    assert [name for name in LONG if not (TESTS / name).exists()] == []


@pytest.mark.parametrize("parts", [1, 2, 3, 1000])
def test_the_parts_of_the_unit_tests_are_all_of_them_each_once(parts: int) -> None:
    files = sorted(HERE.rglob("test_*.py"))
    made = shares(files, parts)
    assert len(made) == parts
    assert sorted(path for part in made for path in part) == files
    assert made == shares(files[::-1], parts)


def test_a_unit_test_lies_where_its_module_does() -> None:
    room = TESTS / "unit"
    for path in sorted(room.rglob("test_*.py")):
        if path.name in OF_THE_WHOLE:
            continue
        folder, name = path.relative_to(room).parent, path.stem.removeprefix("test_")
        places = (PACKAGE / folder / f"{name}.py", PACKAGE / folder / f"{name}_.py", PACKAGE / folder / name / "__init__.py")
        assert any(place.exists() for place in places), f"{path.relative_to(TESTS)}: no module {folder / name}"
        assert any(each.startswith(".".join(("kubectl_lrs", *folder.parts))) for each in imported(path)), path


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize(("second", "third"), [("a", "b"), pytest.param("c", "d", id="last")])
def _table(first: int, second: str, third: str) -> None:
    SEEN.append((first, second, third))
    if SEEN[-1] in BAD:
        pytest.skip("not here")
    assert second != FAILING, "it fails"


SEEN: list[tuple[int, str, str]] = []
BAD = {(1, "a", "b")}
FAILING = ""


def test_a_folded_table_runs_every_row_and_names_the_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    every_row = folded(_table)
    assert every_row
    monkeypatch.setitem(globals(), "SEEN", [])
    every_row()
    assert sorted(SEEN) == [(1, "a", "b"), (1, "c", "d"), (2, "a", "b"), (2, "c", "d")]
    monkeypatch.setitem(globals(), "FAILING", "c")
    with pytest.raises(AssertionError, match=r"the row \{'first': 1, 'second': 'c', 'third': 'd'\}: it fails"):
        every_row()


@pytest.mark.parametrize("one", [1])
def _with_a_fixture(one: int, tmp_path: Path) -> None: ...


@pytest.mark.parametrize("one", [pytest.param(1, marks=pytest.mark.campaign)])
def _with_a_mark(one: int) -> None: ...


@pytest.mark.parametrize("one", iter([1]))
def _gone_through_once(one: int) -> None: ...


@pytest.mark.campaign
@pytest.mark.parametrize("one", [1])
def _marked(one: int) -> None: ...


@pytest.mark.parametrize("test", [_with_a_fixture, _with_a_mark, _gone_through_once, _marked, shares])
def test_what_stands_on_more_than_its_row_is_not_folded(test: Callable[..., None]) -> None:
    assert folded(test) is None
