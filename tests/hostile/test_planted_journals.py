"""A journal that somebody else has put into the folder of the backups: not obeyed unless it is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.journal import held, read_journal, write_journal
from kubectl_lrs.runtime.safe_files import write_atomically
from kubectl_lrs.runtime.trust import RefusedError, Trust
from kubectl_lrs.stores.common.journals import RECREATE_PREFIX, PauseJournal, operator_journal
from kubectl_lrs.stores.common.operator import Operator, noted_replicas
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from tests.builders.deployments import ORGANISATION, Place, new_place

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Three deployments that were taken down; the journal is ours."""
    with new_place(tmp_path) as made:
        for number in range(3):
            made.api.add(number, ORGANISATION, latency=0.1)
        made.report("deactivate", "--yes")
        yield made


def _given_away(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def _writable(path: Path) -> None:
    path.chmod(0o666)


def _writable_by_group(path: Path) -> None:
    path.chmod(0o660)


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _hard_linked(path: Path) -> None:
    path.with_name("elsewhere").hardlink_to(path)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "others write it": (_writable, "others may write it (mode 0666)"),
    "a group writes it": (_writable_by_group, "others may write it (mode 0660)"),
    "a link": (_linked, "a link"),
    "a hard link": (_hard_linked, "2 names"),
    "a pipe": (_pipe, "a pipe"),
}


@as_root
def test_activate_takes_no_journal_of_another(place: Place) -> None:
    journal = place.journals()[0]
    _given_away(journal)
    before = len(place.api.sent("PATCH"))
    for arguments in (["activate"], ["activate", "--dry-run=client"], ["deactivate", "--yes"]):
        refused = place.run(*arguments)
        assert refused.returncode == 2, refused.stderr
        assert journal.name in refused.stderr
        assert str(NOBODY) in refused.stderr
        assert "--accept-owner" in refused.stderr
    assert len(place.api.sent("PATCH")) == before
    assert set(place.report("activate", "--accept-owner", NOBODY)) == {"model 0", "model 1", "model 2"}


@as_root
def test_activate_takes_one_that_is_named(place: Place) -> None:
    journal = place.journals()[0]
    _given_away(journal)
    assert set(place.report("activate", "--journal", journal)) == {"model 0", "model 1", "model 2"}


@pytest.mark.parametrize("kind", SPOILT)
def test_activate_takes_none_that_others_can_have_made(place: Place, kind: str) -> None:
    spoil, why = SPOILT[kind]
    journal = place.journals()[0]
    spoil(journal)
    refused = place.run("activate")
    assert refused.returncode == 2, refused.stderr
    assert journal.name in refused.stderr
    assert why in refused.stderr
    assert len(place.api.sent("PATCH")) == 3


def test_user_that_does_not_exist(place: Place) -> None:
    refused = place.run("activate", "--accept-owner", "nobody-of-this-name")
    assert refused.returncode == 2
    assert "nobody-of-this-name" in refused.stderr


def test_folder_of_a_journal_is_made_only_where_the_one_above_is(place: Place) -> None:
    refused = place.run("deactivate", "--yes", "--journal", "not/mounted/journal.json")
    assert refused.returncode == 2
    assert "mounted" in refused.stderr
    assert not (place.cli.directory / "not").exists()


# ---- the journals of a restore


@pytest.mark.parametrize("kind", [*SPOILT, pytest.param("of another", marks=as_root)])
def test_what_was_to_be_created_again(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{RECREATE_PREFIX}cluster.json"
    write_journal(path, {"cluster": "cluster", "objects": {"a/b": {}}})
    assert list(RecreateJournal(tmp_path, "cluster").pending) == ["a/b"]
    (SPOILT[kind][0] if kind in SPOILT else _given_away)(path)
    with pytest.raises(RefusedError, match=path.name):
        RecreateJournal(tmp_path, "cluster")


@pytest.mark.parametrize("kind", [*SPOILT, pytest.param("of another", marks=as_root)])
def test_how_many_replicas_an_operator_had(tmp_path: Path, kind: str) -> None:
    path, operator = tmp_path / "paused.json", Operator("a", "b", 0, 0)
    write_journal(path, {"operator": "a/b", "replicas": 50})
    assert noted_replicas(PauseJournal(path), operator) == 50
    (SPOILT[kind][0] if kind in SPOILT else _given_away)(path)
    with pytest.raises(RefusedError, match=path.name):
        noted_replicas(PauseJournal(path), operator)


@as_root
def test_each_journal_of_a_restore_of_a_user_who_is_accepted(tmp_path: Path) -> None:
    """The note, the lock that a killed run has left beside it, and what was to be created again."""
    trust = Trust(frozenset({NOBODY}))
    paused, operator = operator_journal(tmp_path, "cluster", trust), Operator("a", "b", 0, 0)
    write_journal(paused.path, {"operator": "a/b", "replicas": 50})
    recreated = tmp_path / f"{RECREATE_PREFIX}cluster.json"
    write_journal(recreated, {"cluster": "cluster", "objects": {"a/b": {}}})
    lock = tmp_path / f".{paused.path.name}.lock"
    lock.write_text("kubectl-lrs elsewhere 7\n")
    lock.chmod(0o600)
    for path in (paused.path, recreated, lock):
        _given_away(path)
    assert noted_replicas(paused, operator) == 50
    assert list(RecreateJournal(tmp_path, "cluster", trust).pending) == ["a/b"]
    with held(paused.path, trust) as alone:
        assert alone
    with pytest.raises(RefusedError, match=str(NOBODY)), held(paused.path):
        pass


# ---- what is written


@pytest.mark.parametrize("kind", ["link", "hard link"])
def test_nothing_planted_is_written_through(tmp_path: Path, kind: str) -> None:
    """The hidden name under which a journal is written used to be known beforehand."""
    live = tmp_path / "live"
    live.write_text("live")
    path = tmp_path / "journal.json"
    part = tmp_path / f".journal.json.{os.getpid()}"
    part.symlink_to(live) if kind == "link" else part.hardlink_to(live)
    write_atomically(path, "text")
    assert (path.read_text(), live.read_text()) == ("text", "live")
    assert sorted(each.name for each in tmp_path.iterdir() if each.name != "home") == [part.name, path.name, "live"]


def test_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "journal.json").symlink_to("elsewhere")
    with pytest.raises(RefusedError, match="a link"):
        write_atomically(tmp_path / "journal.json", "text")
    assert (tmp_path / "journal.json").is_symlink()


def test_lock_of_a_journal_is_no_file_of_another_program(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.write_text("live")
    (tmp_path / ".journal.json.lock").hardlink_to(live)
    with pytest.raises(RefusedError, match="2 names"), held(tmp_path / "journal.json"):
        pass
    assert live.read_text() == "live"
    with held(tmp_path / "other.json") as alone, held(tmp_path / "other.json") as second:
        assert (alone, second) == (True, False)
    assert not (tmp_path / ".other.json.lock").exists()


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_locks(monkeypatch)
    with pytest.raises(OSError, match="no locks"), held(tmp_path / "journal.json"):
        pass
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def _without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def flock(_file: object, _what: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


def test_journal_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(UsageError, match="not a journal that can be read"):
        read_journal(tmp_path / "journal.json")
