"""What is at a path: not there is no failure, not to be looked at is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.paths import exists, expanded, home, is_file, is_folder


def test_what_is_there(folder: Path) -> None:
    file, below, pipe = folder / "file", folder / "folder", folder / "pipe"
    file.touch()
    below.mkdir()
    os.mkfifo(pipe)
    (folder / "link").symlink_to(below)
    (folder / "dangling").symlink_to(folder / "nowhere")
    found = {name: (exists(folder / name), is_file(folder / name), is_folder(folder / name)) for name in os.listdir(folder)}
    assert found == {
        "file": (True, True, False),
        "folder": (True, False, True),
        "pipe": (True, False, False),
        "link": (True, False, True),
        "dangling": (False, False, False),
    }
    assert not exists(folder / "none")
    assert not exists(file / "below a file")


@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_what_may_not_be_looked_at(folder: Path, name: str) -> None:
    (folder / "loop").symlink_to(folder / "loop")
    for ask in (exists, is_file, is_folder):
        with pytest.raises(UsageError, match="cannot be read"):
            ask(folder / name)


def test_a_user_of_a_container_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a name nor HOME: `~` is then no folder of this machine, and never the current one."""
    monkeypatch.setenv("HOME", "/home/anna")
    assert (home(), expanded("~/a"), expanded("a/~")) == (Path("/home/anna"), Path("/home/anna/a"), Path("a/~"))
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 51234)
    assert (home(), expanded("~/.kube/config"), expanded("/x")) == (Path("/nowhere"), Path("/nowhere/~/.kube/config"), Path("/x"))
    monkeypatch.setenv("HOME", "/home/anna")
    assert expanded("~nobody-at-all/x") == Path("/nowhere/~nobody-at-all/x")
