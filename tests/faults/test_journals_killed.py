"""A run that is killed while it writes its journal: between any two writes it is readable, and says what was noted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_lrs.model.plan import Action
from kubectl_lrs.runtime import copies, safe_files
from kubectl_lrs.runtime import journal as journals
from kubectl_lrs.stores.common.journals import operator_journal
from kubectl_lrs.stores.deployments import journal as deployments
from kubectl_lrs.stores.deployments.journal import FileJournalWriter, Journal, JournalledDeployment, open_journals
from kubectl_lrs.stores.deployments.statuses import State
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from kubectl_lrs.stores.lrs.saved import StoredLrs

KILLED = 137
ACTS = tuple("abc")


def _killed_after(writes: int, work: Callable[[], None]) -> bool:
    """Do it in a process of its own, that ends like a killed one after so many changes of the disk; whether it was."""
    child = os.fork()
    if child == 0:
        left = writes

        def counted(real: Callable[..., None]) -> Callable[..., None]:
            def write(*arguments: object, **named: object) -> None:
                nonlocal left
                if left == 0:
                    os._exit(KILLED)
                left -= 1
                real(*arguments, **named)

            return write

        journals.write_atomically = counted(safe_files.write_atomically)  # type: ignore[attr-defined]
        Path.unlink = counted(Path.unlink)  # type: ignore[method-assign]
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Backups, state, and another folder of backups."""
    made = tuple(tmp_path / name for name in ("backups", "state", "other"))
    for path in made:
        path.mkdir()
    return made[0], made[1], made[2]


def _deactivate(backups: Path, state: Path, log: Path) -> None:
    journal = Journal(path=backups / f"{deployments.PREFIX}x.json", endpoint="https://app", created="2026-01-01T00:00:00Z")
    journal.put_into(state)
    for name in ACTS:
        journal.entries[name] = JournalledDeployment(
            id=name, label=name, organisation="", model="", before="active", state=State.PLANNED
        )
    writer = FileJournalWriter(journal)
    writer.write()
    for name in ACTS:
        for to in (State.DEACTIVATING, State.DEACTIVATED):
            with log.open("a") as file:  # what is about to be noted, and may be or not
                file.write(f"{name} {to.value}\n")
            writer.note(name, to)


@pytest.mark.parametrize("writes", range(15))
def test_deactivate(places: tuple[Path, Path, Path], tmp_path: Path, writes: int) -> None:
    backups, state, other = places
    log = tmp_path / "log"
    log.touch()
    was_killed = _killed_after(writes, lambda: _deactivate(backups, state, log))
    assert was_killed == (writes < 2 * (1 + 2 * len(ACTS)))
    begun = [line.split() for line in log.read_text().splitlines()]
    certain, last = (begun[:-1], begun[-1:]) if was_killed else (begun, [])
    for directory, states in ((backups, [state]), (backups, []), (other, [state])):
        found = open_journals(directory, states=states)
        if not found:  # nothing was begun, so nothing is lost
            assert begun == []
            continue
        (journal,) = found
        wanted = dict.fromkeys(ACTS, State.PLANNED) | {name: State(to) for name, to in certain}
        says = {entry.id: entry.state for entry in journal.entries.values()}
        assert says in (wanted, wanted | {name: State(to) for name, to in last})


def _recreate(backups: Path, state: Path, log: Path) -> None:
    journal = RecreateJournal(backups, "c", state=state)
    for name in ACTS:
        manifest = {"metadata": {"namespace": "n", "name": name}}
        step = LrsStep(namespace="n", name=name, action=Action.RECREATE)
        with journal.entry(step, StoredLrs(manifest, (), None, sum=b"")), log.open("a") as file:
            file.write(f"-n/{name}\n")  # from here on it is deleted, until the line below
            file.flush()
            file.write(f"+n/{name}\n")


@pytest.mark.parametrize("writes", range(13))
def test_recreate(places: tuple[Path, Path, Path], tmp_path: Path, writes: int) -> None:
    backups, state, other = places
    log = tmp_path / "log"
    log.touch()
    _killed_after(writes, lambda: _recreate(backups, state, log))
    lines = log.read_text().splitlines()
    gone = {line[1:] for line in lines if line[0] == "-"} - {line[1:] for line in lines if line[0] == "+"}
    for directory, where in ((backups, state), (backups, None), (other, state)):
        pending = set(RecreateJournal(directory, "c", state=where).pending)
        assert gone <= pending, "what is deleted and not back is known"
        assert len(pending - gone) <= 1, "and at most the one that was about to be"


def _pause(backups: Path, state: Path, log: Path) -> None:
    journal = operator_journal(backups, "c", state=state)
    journal.write({"operator": "a/b", "replicas": 3})
    log.write_text("paused")
    log.write_text("awake")
    journal.close("a/b")


@pytest.mark.parametrize("writes", range(5))
def test_pause(places: tuple[Path, Path, Path], tmp_path: Path, writes: int) -> None:
    backups, state, other = places
    log = tmp_path / "log"
    log.touch()
    _killed_after(writes, lambda: _pause(backups, state, log))
    for directory, where in ((backups, state), (backups, None), (other, state)):
        noted = operator_journal(directory, "c", state=where).noted()
        assert [each.document["replicas"] for each in noted] in ([], [3])
        assert noted or log.read_text() != "paused"


def test_killed_between_the_two_is_continued_in_both(places: tuple[Path, Path, Path], tmp_path: Path) -> None:
    backups, state, _ = places
    _killed_after(3, lambda: _deactivate(backups, state, tmp_path / "log"))
    (journal,) = open_journals(backups, states=[state])
    assert journal.entries["a"].state is State.DEACTIVATING, "the newer one, beside the backups"
    FileJournalWriter(journal).write()
    revisions = {copies.Mark.of(journals.read_journal(path)).revision for path in journal.paths}
    assert (len(journal.paths), len(revisions)) == (2, 1)
