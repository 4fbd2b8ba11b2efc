"""Journals of deactivate and their copies in the state: each once, in its newest revision, whichever of them is found first."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs.runtime.trust import OWN
from kubectl_lrs.stores.deployments.journal import (
    PREFIX,
    SUFFIX,
    FileJournalWriter,
    Journal,
    JournalledDeployment,
    load,
    merge_copies,
    open_journals,
    with_copies,
)
from kubectl_lrs.stores.deployments.statuses import State

A = "a" * 24


def _journal(folder: Path, name: str, state: Path | None, *, created: str = "2026") -> Journal:
    """On the disk, in its folder and in the state."""
    entry = JournalledDeployment(id=A, label=name, organisation="o", model="m", before="active", state=State.DEACTIVATED)
    journal = Journal(path=folder / f"{PREFIX}{name}{SUFFIX}", endpoint="e", created=created, entries={A: entry})
    journal.put_into(state)
    FileJournalWriter(journal).write()
    return journal


def _places(folder: Path) -> tuple[Path, Path]:
    places = folder / "backups", folder / "state"
    for place in places:
        place.mkdir(mode=0o700)
    return places


def _labels(journals: list[Journal]) -> list[str]:
    return [journal.entries[A].label for journal in journals]


def test_each_is_there_once_with_every_file_that_holds_it(folder: Path) -> None:
    backups, state = _places(folder)
    made = [_journal(backups, name, state, created=created) for name, created in (("b", "2"), ("a", "1"))]
    found = open_journals(backups, states=[state])
    assert _labels(found) == ["a", "b"], "oldest first"
    assert [journal.paths for journal in found] == [journal.paths for journal in reversed(made)]
    assert all(len(journal.paths) == 2 for journal in found)


def test_the_newest_revision_speaks(folder: Path) -> None:
    backups, state = _places(folder)
    journal = _journal(backups, "a", state)
    old = journal.path.read_text()
    FileJournalWriter(journal).note(A, State.DEACTIVATED, message="later")
    journal.path.write_text(old)
    (found,) = open_journals(backups, states=[state])
    assert (found.path, found.entries[A].message) == (journal.path, "later")


def test_a_copy_whose_original_is_gone_speaks_for_itself_and_of_another_folder_for_both(folder: Path) -> None:
    backups, state = _places(folder)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    gone, other = _journal(backups, "gone", state, created="1"), _journal(elsewhere, "other", state, created="2")
    gone.path.unlink()
    assert [journal.paths for journal in open_journals(backups, states=[state])] == [gone.copies, other.paths]


def test_one_that_lies_in_the_state_is_no_copy_of_itself(folder: Path) -> None:
    backups, state = _places(folder)
    journal = _journal(backups, "a", state)
    (copy,) = journal.copies
    assert with_copies(load(copy, OWN), [state]).paths == (copy,)
    assert with_copies(load(journal.path, OWN), [state]).paths == journal.paths


def test_one_of_version_0_1_0_is_found_by_its_place(folder: Path) -> None:
    """It has no id: it was written over by that version, after its copy."""
    backups, state = _places(folder)
    journal, beside = _journal(backups, "a", state), _journal(backups, "b", state, created="2027")
    text = journal.path.read_text()
    journal.path.write_text(text.replace(f'"id": "{journal.mark.id}"', '"id": ""').replace('"label": "a"', '"label": "by 0.1.0"'))
    assert load(journal.path, OWN).mark.id == ""
    found = merge_copies([load(journal.path, OWN)], [state])
    assert _labels(found) == ["by 0.1.0", "b"]
    assert [each.paths for each in found] == [journal.paths, beside.paths]
    assert found[0].mark.id == journal.mark.id
