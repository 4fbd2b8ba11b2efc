"""Which installation files a call may use, by their names alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.commands import config_files


def test_the_flag_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_files.named("") == ("", "")
    monkeypatch.setenv("LRS_CONFIG", " ")
    assert config_files.named("") == ("", "")
    monkeypatch.setenv("LRS_CONFIG", "b.yaml")
    assert config_files.named("") == ("b.yaml", "LRS_CONFIG")
    assert config_files.named("a.yaml") == ("a.yaml", "--config")


def test_what_lies_in_the_folder_of_settings(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    assert config_files.there() == []
    (folder / "kubectl-lrs").mkdir()
    for name in ("b.yaml", "a.yml", "notes.txt", ".hidden.yaml", "c.yaml~"):
        (folder / "kubectl-lrs" / name).write_text("")
    assert config_files.there() == [f"{folder}/kubectl-lrs/a.yml", f"{folder}/kubectl-lrs/b.yaml"]


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert config_files.folder() == "/home/anna/.config/kubectl-lrs"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert config_files.folder() == "/home/anna/.config/kubectl-lrs", "the specification has a relative path ignored"
    monkeypatch.delenv("HOME")
    assert config_files.folder() == ""
    assert config_files.there() == []
