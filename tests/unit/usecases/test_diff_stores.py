"""Two backups' stores held against each other: what counts as a difference, what cannot be told, and how much is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubectl_lrs.model.diff import Kind
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.base import Item
from kubectl_lrs.usecases import diff_stores


@dataclass
class _Catalog:
    tiers: dict[str, Any]


@dataclass
class _Backup:
    """What is asked of a backup: its name, its tiers, and its things, which the module below hands out."""

    name: str
    things: dict[str, dict[str, list[Item]]] = field(default_factory=dict)
    reads: int = 0

    @property
    def catalog(self) -> _Catalog:
        return _Catalog({name: {} for name in self.things})


@dataclass
class _Module:
    store: str

    def groups(self, folder: Any) -> dict[str, int]:
        return {group: len(items) for group, items in folder.things[self.store].items()}

    def items(self, folder: Any, groups: frozenset[str]) -> Iterator[Item]:
        folder.reads += 1
        yield from (item for group in sorted(groups) for item in folder.things[self.store][group])

    def shown(self, key: bytes) -> str:
        return key.decode()


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_stores, "compare_module", _Module)


def _compare(before: _Backup, after: _Backup) -> tuple[list[diff_stores.StoreComparison], list[diff_stores.NotCompared]]:
    return diff_stores.compare_stores(before, after, Silent())  # type: ignore[arg-type]


def _items(**sums: str) -> dict[str, list[Item]]:
    return {"": [Item(name.encode(), sum_.encode()) for name, sum_ in sums.items()]}


def test_each_kind_of_difference() -> None:
    before = _Backup("a", {"files": _items(same="1", changed="1", gone="1")})
    after = _Backup("b", {"files": _items(new="1", changed="2", same="1")})
    (found,), not_compared = _compare(before, after)
    assert found.differences == [(Kind.CHANGED, "changed"), (Kind.REMOVED, "gone"), (Kind.ADDED, "new")]
    assert (found.equal, found.untold, not_compared) == (1, 0, [])
    assert found.differs


def test_what_only_one_of_them_holds_is_named() -> None:
    """Also where both folders have one name: a backup and its copy."""
    before = _Backup("a", {"files": _items(), "mongo": {"one": [], "two": []}})
    after = _Backup("a", {"mongo": {"two": [], "three": []}})
    _, not_compared = _compare(before, after)
    assert [each.part for each in not_compared] == ["mongo: one", "mongo: three", "files"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Item(b"x", b"1", 5), Item(b"x", b"1", 5), "equal"),
        (Item(b"x", b"1", 5), Item(b"x", b"", 5), "untold"),
        (Item(b"x", b"", 5), Item(b"x", b"", 6), "changed"),
        (Item(b"x", b""), Item(b"x", b"1"), "untold"),
    ],
)
def test_a_content_that_is_not_told_is_never_equal(before: Item, after: Item, told: str) -> None:
    (found,), _ = _compare(_Backup("a", {"files": {"": [before]}}), _Backup("b", {"files": {"": [after]}}))
    assert (found.equal, found.untold, found.counts[Kind.CHANGED]) == (told == "equal", told == "untold", told == "changed")


def test_of_many_a_share_after_the_other_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_stores, "HELD", 100)
    many = {f"n{number}": "1" for number in range(950)}
    before, after = _Backup("a", {"files": _items(**many)}), _Backup("b", {"files": _items(**many | {"n7": "2", "more": "1"})})
    (found,), _ = _compare(before, after)
    assert (found.counts[Kind.CHANGED], found.counts[Kind.ADDED], found.equal) == (1, 1, 949)
    assert before.reads == after.reads == 10


def test_only_so_many_differences_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_stores, "KEPT", 3)
    (found,), _ = _compare(_Backup("a", {"files": _items()}), _Backup("b", {"files": _items(**dict.fromkeys("abcdef", "1"))}))
    assert (found.counts[Kind.ADDED], len(found.differences)) == (6, 3)
