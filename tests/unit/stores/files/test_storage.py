"""What a storage holds beside plain files: links, pipes, sockets, and what lies behind them. None of it is taken for absent."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kubectl_lrs.backends.local import Local
from kubectl_lrs.stores.files.storage import Storage


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "inner").write_text("1")
    root = tmp_path / "storage"
    (root / "a").mkdir(parents=True)
    (root / "a" / "plain").write_text("1")
    (root / "a" / "link").symlink_to("plain")
    (root / "a" / "dangling").symlink_to("nowhere")
    (root / "a" / "loop").symlink_to("loop")
    (root / "folder").symlink_to(elsewhere)
    os.mkfifo(root / "a" / "pipe")
    monkeypatch.chdir(root / "a")  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    return Storage(Local(str(root)))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a/link", "it is a link, which is not taken"),
        ("a/dangling", "it is a link, which is not taken"),
        ("a/loop", "it is a link, which is not taken"),
        ("folder", "it is a link, which is not taken"),
        ("folder/inner", "it lies behind folder, a link"),
        ("folder/b/c", "it lies behind folder, a link"),
        ("a/pipe", "it is no plain file, which is not taken"),
        ("a/socket", "it is no plain file, which is not taken"),
        ("a/socket/x", "it lies behind a/socket, no plain file"),
        ("a/plain", ""),
        ("a/gone", ""),
        ("folders/x", ""),
        ("", ""),
    ],
)
def test_what_is_not_taken(mount: Storage, path: str, why: str) -> None:
    assert [each.key for each in mount.listing()] == ["a/plain"]
    assert mount.untaken(path) == why
    assert len(mount.notes) == 1
    assert "6 below" in mount.notes[0].message
    assert "are links or no plain files, and are not taken" in mount.notes[0].message
