"""The files of a backup while it is made: in the order of their paths, with the place of each, whatever they are called."""

from __future__ import annotations

import pytest

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.runtime import sorting
from kubectl_lrs.stores.files.match import ALL, Found, Where
from kubectl_lrs.stores.files.saved import SavedFile, backup_path
from kubectl_lrs.stores.files.selected import Beside, Listed, Selection

WHERE = Where("items", "1", "path")


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_all_of_them_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", at_once)
    stats = [
        Stat("b", 1, "e1", 1.5, {"mode": 0o640}),
        Stat("b/c", 0, "", None, None),
        Stat("a\udce9/x", 2**40, "e2", 1_700_000_000.25, {"Metadata": {"a": "b"}}),
        Stat("", 3, "e3", None, {}),
    ]
    founds = [ALL, Found("path", WHERE), Found("id", WHERE), Found("folder")]
    with Selection() as selected:
        for stat, found in zip(stats, founds, strict=True):
            selected.add(stat, found)
        assert len(selected) == 4
        back = list(selected)
    order = sorted(range(4), key=lambda number: stats[number].key)
    assert [(each.stat, each.found) for each in back] == [(stats[number], founds[number]) for number in order]
    assert {each.stat.key: each.file for each in back} == {
        stat.key: backup_path(stat.key, is_folder_too=stat.key == "b") for stat in stats
    }


def test_a_list_waits_on_the_disk_no_longer_than_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 1)
    with Listed() as listed:
        listed.add(Stat("b", 1))
        listed.add(Stat("a", 2))
        assert [each.key for each in listed] == ["a", "b"]
        file = listed._rows._file
        assert file
    assert file.closed


def _entries(*paths: str) -> list[SavedFile]:
    return [SavedFile(path=path, size=number, etag="e", found=ALL) for number, path in enumerate(paths)]


def test_beside_finds_each_that_is_there() -> None:
    beside = Beside(_entries("a", "b", "b", "d"))
    assert [found.size if (found := beside.at(path)) else None for path in ("", "a", "aa", "b", "c", "d", "e")] == [
        *(None, 0, None, 2, None, 3, None)
    ]


def test_beside_out_of_order_finds_less_and_nothing_else() -> None:
    beside = Beside(_entries("d", "a", "e"))
    found = {path: entry.path for path in ("a", "d", "e") if (entry := beside.at(path))}
    assert all(path == name for path, name in found.items())


def test_beside_nothing() -> None:
    assert Beside([]).at("a") is None
