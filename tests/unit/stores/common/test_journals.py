"""Journals beside the backups: one for each cluster, and nothing is begun that cannot be noted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.state import token
from kubectl_lrs.stores.common.journals import PauseJournal, operator_journal


@pytest.mark.parametrize(
    ("cluster", "wanted"),
    [
        ("65f0-abc", "65f0-abc"),
        ("https://10.0.0.1:6443", "https___10_0_0_1_6443"),
        ("../../etc/passwd", "______etc_passwd"),
        ("x" * 500, "x" * 80),
        ("", ""),
    ],
)
def test_the_part_of_a_name_that_tells_the_cluster_stays_a_name(cluster: str, wanted: str) -> None:
    assert token(cluster) == wanted
    assert operator_journal(Path("b"), cluster).path.parent == Path("b")


def test_what_cannot_be_noted_is_an_error_that_names_the_journal(folder: Path) -> None:
    PauseJournal(folder / "j.json").write({"a": 1})
    assert json.loads((folder / "j.json").read_text())["a"] == 1
    with pytest.raises(LrsError, match="cannot be written") as caught:
        PauseJournal(folder / "j.json", state=folder / "none").write({})
    assert "none" in str(caught.value)
    assert "LRS_STATE_DIR" in caught.value.hint


def test_a_pause_is_found_from_every_folder_of_backups_and_closed_in_each(folder: Path) -> None:
    state = folder / "state"
    for name in ("one", "two", "state"):
        (folder / name).mkdir()
    operator_journal(folder / "one", "c", state=state).write({"operator": "a/b", "replicas": 3})
    other = operator_journal(folder / "two", "c", state=state)
    assert [each.document["replicas"] for each in other.noted()] == [3]
    other.write({"operator": "a/b", "replicas": 3})
    assert len(list(state.iterdir())) == 2
    other.close("a/another")
    assert len(other.noted()) == 2
    other.close("a/b")
    assert other.noted() == []
    assert [list((folder / name).iterdir()) for name in ("one", "two", "state")] == [[], [], []]
