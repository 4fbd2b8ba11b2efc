"""The table of what can be acknowledged: each id has a meaning and is said somewhere; old catalogs are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kubectl_lrs
from kubectl_lrs.model.notes import MEANINGS, Note, Remark, remark_of


def test_each_has_an_id_and_a_meaning() -> None:
    assert MEANINGS.keys() == set(Note)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", note.value) for note in Note)
    assert all(verbs and meaning for verbs, meaning in MEANINGS.values())


def test_each_is_said_somewhere() -> None:
    text = "".join(path.read_text() for path in Path(kubectl_lrs.__file__).parent.rglob("*.py") if path.name != "notes.py")
    assert [note.name for note in Note if f"Note.{note.name}" not in text] == []


@pytest.mark.parametrize(
    ("saved", "read"),
    [
        ("a sentence of 0.1.0", Remark("a sentence of 0.1.0", is_warning=True)),
        ({"id": "", "message": "this run"}, Remark("this run", is_warning=True)),
        ({"id": "no-locks", "message": "none"}, Remark("none", Note.NO_LOCKS, is_warning=True)),
        ({"id": "of-a-later-version", "message": "new"}, Remark("new", is_warning=True)),
        ({}, Remark("", is_warning=True)),
        (7, Remark("7", is_warning=True)),
        (None, Remark("None", is_warning=True)),
    ],
)
def test_out_of_a_catalog(saved: Any, read: Remark) -> None:
    assert remark_of(saved) == read


@pytest.mark.parametrize("note", [None, *Note])
def test_into_a_catalog_and_back(note: Note | None) -> None:
    made = Remark("so it is", note, is_warning=True)
    assert remark_of(made.to_dict()) == made


def test_in_words() -> None:
    assert str(Remark("so it is")) == "note: so it is"
    assert str(Remark("so it is", is_warning=True)) == "warning: so it is"
