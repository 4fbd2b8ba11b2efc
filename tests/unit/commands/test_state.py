"""Which folder of the state a call writes to: one for each cluster and each application."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.commands.state import application, state_folder


@pytest.mark.parametrize(
    ("endpoint", "wanted"),
    [
        ("https://dr.example.com/api/v2", "dr.example.com"),
        ("http://127.0.0.1:8080/api/v2", "127.0.0.1:8080"),
        ("https://dr.example.com/one/api/v2", "dr.example.com/one"),
        ("https://user:secret@dr.example.com/api/v2", "dr.example.com"),
    ],
)
def test_an_application_is_told_by_its_address(endpoint: str, wanted: str) -> None:
    assert application(endpoint) == wanted


def test_a_trial_makes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRS_STATE_DIR", str(folder / "state"))
    assert state_folder("a:1", make=False) == folder / "state" / "a_1"
    assert list(folder.iterdir()) == []
    assert state_folder("a:1", make=True) == folder / "state" / "a_1"
    assert (folder / "state" / "a_1").is_dir()


def test_one_goes_without_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "file"))
    monkeypatch.setenv("HOME", str(folder))
    assert state_folder("a", make=True) is None
    assert "beside the backups alone" in capsys.readouterr().err
