"""The history: what was noted is told, nothing that befalls it reaches an act, and nothing in it is believed further."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from kubectl_lrs.runtime import history, redact
from kubectl_lrs.runtime.history import FILE, LONGEST, Writer, read


@pytest.fixture(autouse=True)
def state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LRS_STATE_DIR", str(folder / "state"))
    return folder / "state"


def _noted(verb: str = "restore", whom: str = "uid-1") -> Writer:
    return Writer(whom, verb=verb, target="https://cluster", what="backup b")


def test_an_act_with_its_end(state: Path) -> None:
    act = _noted()
    (begun,), troubles = read()
    assert (begun.verb, begun.ended, begun.status, troubles) == ("restore", "", None, [])
    act.end(3, "1 created, 1 failed")
    (ended,), _ = read()
    assert (ended.id, ended.status, ended.result) == (act.id, 3, "1 created, 1 failed")
    assert "@" in ended.user
    assert stat.S_IMODE((state / "uid-1" / FILE).stat().st_mode) == 0o600


def test_of_all_clusters_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = iter(f"2026-01-0{day}T00:00:00Z" for day in (2, 1, 3))
    monkeypatch.setattr(history, "_now", lambda: next(stamps))
    for whom in ("a", "b", "a"):
        _noted(whom=whom)
    acts, _ = read()
    assert [(act.cluster, act.began[9:10]) for act in acts] == [("b", "1"), ("a", "2"), ("a", "3")]


def test_none() -> None:
    assert read() == ([], [])


def test_no_secret_and_no_end_of_a_line(state: Path) -> None:
    redact.remember("s3cr3t-of-mine")
    Writer("u", verb="restore", target="https://x", what=f"line\nof s3cr3t-of-mine {'x' * 9999}")
    text = (state / "u" / FILE).read_text()
    assert "s3cr3t" not in text
    assert len(text.splitlines()) == 1
    assert len(json.loads(text)["what"]) == LONGEST


def test_the_command_without_its_secrets() -> None:
    command = "kubectl lrs backup --mongo-uri mongodb://ann:s3cr3t@host/db?tlsCertificateKeyFilePassword=other"
    Writer("u", verb="backup", target="https://x", what="w", by="ann", command=command)
    (act,), _ = read()
    assert act.by == "ann"
    assert act.command.startswith("kubectl lrs backup --mongo-uri mongodb://ann:")
    assert "s3cr3t" not in act.command
    assert "other" not in act.command


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "others"])
def test_whatever_lies_in_its_place_the_act_goes_on(state: Path, folder: Path, kind: str) -> None:
    """A pipe that nobody reads blocks nothing, and what others may write is not written."""
    path = state / "uid-1" / FILE
    path.parent.mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    victim = folder / "victim"
    victim.write_text("")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(victim)
    else:
        path.write_text("")
        path.chmod(0o666)
    act = _noted()
    assert act.trouble
    act.end(0, "")
    acts, troubles = read()
    assert acts == []
    assert any(FILE in each for each in troubles)
    assert victim.read_text() == ""


def test_a_place_that_cannot_be(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("LRS_STATE_DIR", str(folder / "file"))
    assert _noted().trouble
    monkeypatch.setenv("LRS_STATE_DIR", str(folder / "not" / "mounted"))
    assert _noted().trouble


def test_lines_that_are_none_tell_nothing_of_the_others(state: Path) -> None:
    act = _noted()
    path = state / "uid-1" / FILE
    path.write_text('{"id": \n[1]\n' + path.read_text() + '{"id": "x", "ended": "y"}\n{"id": 1, "began": [], "status": "z"}\n')
    acts, _ = read()
    assert {each.id for each in acts} == {act.id, "1"}
    assert {each.status for each in acts} == {None}


def test_of_a_long_one_the_end_is_read(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        _noted()
    last = _noted()
    monkeypatch.setattr(history, "READ", 500)
    acts, _ = read()
    assert 0 < len(acts) < 5
    assert acts[-1].id == last.id or last.id in {act.id for act in acts}
