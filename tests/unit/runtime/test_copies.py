"""One journal in two places: the newest revision counts, what 0.1.0 wrote counts where it lies, and what is closed is closed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs.runtime.copies import Copies, add_mirror, gather, new_id
from kubectl_lrs.runtime.journal import read_journal, write_journal
from kubectl_lrs.runtime.trust import RefusedError

P = "j_"


@pytest.fixture
def state(folder: Path) -> Path:
    (folder / "state").mkdir()
    return folder / "state"


def _open(path: Path, state: Path | None, document: dict[str, object]) -> Copies:
    copies = Copies(id=new_id(), paths=[path])
    add_mirror(copies, state, P)
    copies.write(document)
    return copies


def _only(path: Path, state: Path | None) -> Copies:
    (found,) = gather(path, state, P)
    return found


def test_none(folder: Path, state: Path) -> None:
    assert gather(folder / "b.json", state, P) == []
    assert gather(folder / "b.json", folder / "nowhere", P) == []
    assert gather(folder / "b.json", None, P) == []


def test_one_in_both_places_is_one(folder: Path, state: Path) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    found = _only(folder / "b.json", state)
    assert (found.id, found.revision, found.document["a"]) == (made.id, 1, 1)
    assert found.paths == [folder / "b.json", state / f"{P}{made.id}.json"]
    assert {(path.stat().st_mode & 0o777) for path in found.paths} == {0o600}


@pytest.mark.parametrize("newer", [0, 1], ids=["beside", "state"])
def test_the_newest_counts(folder: Path, state: Path, newer: int) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    path = made.paths[newer]
    write_journal(path, {**read_journal(path), "a": 2, "revision": 7})
    found = _only(folder / "b.json", state)
    assert (found.revision, found.document["a"]) == (7, 2)
    found.write({"a": 3})
    assert [json.loads(each.read_text())["revision"] for each in made.paths] == [8, 8]


def test_it_is_found_from_another_folder_of_backups(folder: Path, state: Path) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    found = _only(folder / "other.json", state)
    assert found.paths == made.paths
    found.remove()
    assert not any(path.exists() for path in made.paths)


def test_it_is_there_when_the_backups_are_not(folder: Path, state: Path) -> None:
    (folder / "backups").mkdir()
    made = _open(folder / "backups" / "b.json", state, {"a": 1})
    made.paths[0].unlink()
    (folder / "backups").rmdir()
    assert _only(folder / "other.json", state).paths == made.paths[1:]


def test_one_that_another_user_has_closed_is_closed(folder: Path, state: Path) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    made.paths[0].unlink()
    assert gather(folder / "b.json", state, P) == []
    _open(folder / "b.json", None, {"a": 9})
    assert _only(folder / "b.json", state).document["a"] == 9


def test_one_of_0_1_0_is_read_where_it_lies(folder: Path, state: Path) -> None:
    write_journal(folder / "b.json", {"a": 1})
    found = _only(folder / "b.json", state)
    assert found.document == {"a": 1}
    add_mirror(found, state, P)
    found.write({"a": 2})
    assert _only(folder / "other.json", state).document["a"] == 2


def test_what_0_1_0_has_written_over_it_counts(folder: Path, state: Path) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    write_journal(folder / "b.json", {"a": 2})
    for path in (folder / "b.json", folder / "other.json"):
        found = _only(path, state)
        assert (found.id, found.document["a"], found.paths) == (made.id, 2, made.paths)


def test_an_id_is_no_path(folder: Path, state: Path) -> None:
    write_journal(folder / "b.json", {"a": 1, "id": "../../x", "revision": "7"})
    found = _only(folder / "b.json", state)
    add_mirror(found, state, P)
    assert [path.parent for path in found.paths] == [folder, state]
    assert found.revision == 0


@pytest.mark.parametrize("where", [0, 1], ids=["beside", "state"])
def test_what_others_may_write_is_not_obeyed(folder: Path, state: Path, where: int) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    made.paths[where].chmod(0o666)
    with pytest.raises(RefusedError):
        gather(folder / "b.json", state, P)


def test_an_original_that_others_may_write_says_nothing_to_another_folder(folder: Path, state: Path) -> None:
    made = _open(folder / "b.json", state, {"a": 1})
    write_journal(made.paths[0], {**read_journal(made.paths[0]), "a": 666, "revision": 666})
    made.paths[0].chmod(0o666)
    found = _only(folder / "other.json", state)
    assert (found.document["a"], found.paths) == (1, made.paths[1:])
