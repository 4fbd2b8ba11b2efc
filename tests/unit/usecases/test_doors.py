"""Doors: each is tried by itself, and the worst that any comes to is the answer."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import DeniedError, ExitCode, LrsError, UnreachableError, UsageError
from kubectl_lrs.render.doors import doors_view
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.usecases.doors import Door, DoorReport, DoorState, repository, storage, tried, unused


def test_a_door_that_opens_says_what_is_behind_it() -> None:
    assert tried("x", lambda: "there") == Door("x", DoorState.OPEN, "there")


def test_a_door_that_does_not_says_why_and_what_to_do() -> None:
    def look() -> str:
        raise DeniedError("no", hint="ask")

    assert tried("x", look) == Door("x", DoorState.SHUT, "no", "ask", ExitCode.UNREACHABLE)
    assert unused("x", Unchecked("nobody", "--x")) == Door("x", DoorState.UNUSED, "nobody", "--x changes that")


def test_a_folder_of_backups_that_the_first_one_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the first backup makes it" in repository(PlainRepository(tmp_path / "backups"))
    with pytest.raises(LrsError, match="the folder above it is not there"):
        repository(PlainRepository(tmp_path / "share" / "backups"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    for name in ("backups", "."):
        with pytest.raises(DeniedError, match="may not be written"):
            repository(PlainRepository(tmp_path / name))


def test_a_storage_that_cannot_be_listed_is_not_said_to_be_empty() -> None:
    found = SimpleNamespace(url="file:///x", listing=lambda: iter(()), unreadable={"a": DeniedError("a may not be read")})
    with pytest.raises(DeniedError, match="a may not be read"):
        storage(found)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ((), ExitCode.DONE),
        ((UsageError("a"),), ExitCode.USAGE),
        ((UsageError("a"), UnreachableError("b")), ExitCode.UNREACHABLE),
    ],
)
def test_the_worst_counts(errors: tuple[Exception, ...], code: ExitCode) -> None:
    def look(error: Exception) -> str:
        raise error

    doors = [tried("good", lambda: "there"), *(tried("bad", lambda error=error: look(error)) for error in errors)]  # type: ignore[misc]
    report = DoorReport("prod.yaml", doors)
    assert report.exit_code() is code
    view = doors_view(report)
    assert view.names == ["bad"] * len(errors)
    assert view.after[-1] == (f"{len(errors)} of {len(doors)} fail{'s' * (len(errors) == 1)}" if errors else "nothing fails")
