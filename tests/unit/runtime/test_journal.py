"""A journal is on the disk whole or not at all, is of the user alone, and is held by one process at a time."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime import journal
from kubectl_lrs.runtime.journal import held, read_journal, write_journal, write_text
from kubectl_lrs.runtime.safe_files import write_atomically


def test_what_was_written_is_read(folder: Path) -> None:
    path = folder / "j.json"
    assert read_journal(path) == {}
    for document in ({}, {"a": ["é", 1, None]}, {"b": 2}):
        write_journal(path, document)
        assert read_journal(path) == document
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == ["j.json"], "nothing is left beside it"


def test_names_that_are_not_utf_8_stay_what_they_are(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    write_journal(folder / "j", {name: 1})
    assert read_journal(folder / "j") == {name: 1}


@pytest.mark.parametrize("text", ["", "{", "not json", "[" * 100_000, '{"a": '])
def test_what_cannot_be_read_is_no_empty_journal(folder: Path, text: str) -> None:
    path = folder / "j.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"j\.json: not a journal"):
        read_journal(path)


def test_one_that_could_not_be_read_back_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, text = folder / "j.json", json.dumps({"a": "é" * 40}, indent=1)
    write_journal(path, {"old": 1})
    monkeypatch.setattr(journal, "MAX_SIZE", len(text) - 1)
    for write in (lambda: write_journal(path, {"a": "é" * 40}), lambda: write_text(path, text)):
        with pytest.raises(LrsError, match=f"j.json: it would have {len(text)} bytes"):
            write()
    assert read_journal(path) == {"old": 1}, "what was there is there"
    path.write_text(text)
    with pytest.raises(UsageError, match="larger than"):
        read_journal(path)
    monkeypatch.setattr(journal, "MAX_SIZE", len(text))
    write_text(path, text)
    assert read_journal(path) == {"a": "é" * 40}


def test_a_directory_in_its_place(folder: Path) -> None:
    with pytest.raises(UsageError):
        read_journal(folder)


def test_what_cannot_be_replaced_leaves_the_old_one_and_nothing_else(folder: Path) -> None:
    (folder / "j").mkdir()
    with pytest.raises((OSError, LrsError), match=r"directory|folder"):
        write_atomically(folder / "j", "x")
    assert [each.name for each in folder.iterdir()] == ["j"]


def test_a_planted_link_is_not_written_through(folder: Path) -> None:
    target = folder / "victim"
    target.write_text("as it was")
    (folder / f".j.{os.getpid()}").symlink_to(target)
    (folder / "j").symlink_to(target)
    try:
        write_atomically(folder / "j", "x")
    except (OSError, LrsError):
        assert (folder / "j").is_symlink(), "refused"
    assert target.read_text() == "as it was"


def test_one_at_a_time(folder: Path) -> None:
    path = folder / "j.json"
    with held(path) as mine:
        assert mine
        with held(path) as second:
            assert not second
        with held(folder / "other.json") as other:
            assert other
        with held(path) as third:
            assert not third, "the second has not taken the lock away with it"
    with held(path) as again:
        assert again
    assert list(folder.iterdir()) == []


def test_the_lock_goes_though_the_work_failed(folder: Path) -> None:
    path = folder / "j.json"
    with pytest.raises(ValueError, match="x"), held(path):
        raise ValueError("x")
    with held(path) as again:
        assert again
