"""The journal of recreate: an object is in it from before it is deleted until it is there again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from kubectl_lrs.stores.lrs.saved import StoredLrs


def _pair(name: str) -> tuple[LrsStep, StoredLrs]:
    manifest = {"metadata": {"namespace": "n", "name": name}, "spec": {"image": name}}
    return LrsStep(namespace="n", name=name, action=Action.RECREATE), StoredLrs(manifest, (), None, sum=b"")


def test_it_is_there_only_while_something_is_open(folder: Path) -> None:
    journal = RecreateJournal(folder, "cluster-1")
    with journal.entry(*_pair("a")):
        written = json.loads(journal.path.read_text())
        assert written["objects"].keys() == {"n/a"}
        with journal.entry(*_pair("b")):
            assert RecreateJournal(folder, "cluster-1").pending.keys() == {"n/a", "n/b"}
        assert journal.pending.keys() == {"n/a"}
    assert not journal.path.exists()
    assert journal.pending == {}


def test_what_was_not_finished_stays_for_the_next_run(folder: Path) -> None:
    step, stored = _pair("a")
    with pytest.raises(KeyboardInterrupt), RecreateJournal(folder, "c").entry(step, stored):
        raise KeyboardInterrupt
    later = RecreateJournal(folder, "c")
    assert later.pending == {"n/a": stored.manifest}
    assert RecreateJournal(folder, "another").pending == {}
    later.done("n/a")
    later.done("n/a")
    assert not later.path.exists()


def test_one_that_cannot_be_read_is_no_empty_one(folder: Path) -> None:
    RecreateJournal(folder, "c").path.write_text("{")
    with pytest.raises(UsageError):
        RecreateJournal(folder, "c")
