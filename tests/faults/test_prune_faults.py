"""Prune when something goes wrong: killed in the middle, another run beside it, a full disk, no links."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from tests.bed import loader
from tests.builders.sealing import Notes, nights, sealed
from tests.conftest import ROOT

FILES = 40
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

KILLED = """
import os, signal, sys
from kubectl_lrs import cli
left = int(sys.argv[1])
def counting(call):
    def counted(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)
    return counted
for name in ("unlink", "rename", "rmdir", "fchmod"):
    setattr(os, name, counting(getattr(os, name)))
sys.exit(cli.run(["prune", "--keep-last", "1", "--minimum", "1", "--yes", "--backup-dir", sys.argv[2]]))
"""
"""Ends as by `kill -9` before one of the changes that it makes on the disk."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Three nights, of which the last one stays."""
    nights(tmp_path / "backups", 3)
    return tmp_path / "backups"


def _prune(place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kubectl_lrs", "prune", "--keep-last", "1", "--minimum", "1", "--yes", *more]
    return subprocess.run(
        [*command, "--backup-dir", str(place)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=loader.PATIENCE,
        stdin=subprocess.DEVNULL,
    )


def _is_intact(place: Path) -> bool:
    """Whatever has a name is whole, and the last night is there."""
    sealed_ones, unsealed = PlainRepository(place).scan()
    assert unsealed == []
    assert "night-0" in [folder.name for folder in sealed_ones]
    return all(not list(folder.damages()) for folder in sealed_ones)


@pytest.mark.parametrize("moment", range(0, 22))
def test_killed_at_each_change(place: Path, moment: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(moment), str(place)], env=ENVIRONMENT, capture_output=True, check=False
    )
    assert done.returncode in (-signal.SIGKILL, 0), done.stderr
    assert _is_intact(place)
    # Between the rename and the mark nothing says that it was ours: that one is named, and left alone.
    unmarked = [path for path in place.iterdir() if path.name.startswith(".") and not path.stat().st_mode & 0o1000]
    again = _prune(place)
    assert again.returncode == 0, again.stderr
    assert _is_intact(place)
    assert sorted(path.name for path in place.iterdir()) == sorted([*(path.name for path in unmarked), "night-0"])
    assert all(path.name in again.stderr for path in unmarked)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end(place: Path, number: signal.Signals) -> None:
    """What is in work is finished; the rest is told as not done, and the same command does it."""
    hook = """
import os, signal, sys
from kubectl_lrs import cli
from kubectl_lrs.repository.plain import prune
remove, number = prune.remove, int(sys.argv[1])
def told(*arguments):
    os.kill(os.getpid(), number)
    return remove(*arguments)
prune.remove = told
sys.argv = ["kubectl-lrs", "prune", "--keep-last", "1", "--minimum", "1", "--yes", "-o", "json", "--backup-dir", sys.argv[2]]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", hook, str(int(number)), str(place)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr
    report = json.loads(done.stdout)
    assert [each["result"] for each in report["backups"]] == ["removed", "not tried"]
    assert sorted(path.name for path in place.iterdir()) == ["night-0", "night-1"]
    assert _is_intact(place)
    assert _prune(place).returncode == 0


def test_two_at_once(tmp_path: Path) -> None:
    """Each ends well, or says that another one is at it; what all of them keep is whole."""
    place = tmp_path / "backups"
    nights(place, 15)
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "kubectl_lrs", "prune", "--keep-last", str(keep), "--yes", "--backup-dir", str(place)],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for keep in (2, 3, 4)
    ]
    said = [(run.communicate(timeout=loader.PATIENCE)[1], run.returncode) for run in runs]
    assert all(code in (0, 1, 3) for _, code in said), said
    assert all("Traceback" not in text for text, _ in said)
    assert any(code == 0 for _, code in said), said
    assert _is_intact(place)
    assert _prune(place).returncode == 0
    assert sorted(path.name for path in place.iterdir()) == ["night-0"]


def test_backup_that_shares_files_of_what_is_removed(place: Path) -> None:
    """The removal comes between the files of a backup which links to it."""
    blocked, done = threading.Event(), threading.Event()
    found: list[SealedFolder] = []

    def work(writer: FolderWriter) -> None:
        writer.write("files/same", b"same" * 2500)
        blocked.set()
        assert done.wait(loader.PATIENCE)
        writer.write("files/own", b"night 2" * 100)
        writer.write("files/again", b"same" * 2500)

    def back_up() -> None:
        found.append(sealed(place, work, "late"))

    thread = threading.Thread(target=back_up)
    thread.start()
    assert blocked.wait(loader.PATIENCE)
    command = [
        sys.executable,
        "-m",
        "kubectl_lrs",
        "forget",
        "night-0",
        "night-1",
        "night-2",
        "--yes",
        "--backup-dir",
        str(place),
    ]
    try:
        removed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    finally:
        done.set()
    thread.join(loader.PATIENCE)
    assert removed.returncode == 0, removed.stderr
    assert list(found[0].damages()) == []
    assert (found[0].path / "files/own").read_bytes() == b"night 2" * 100
    assert sorted(path.name for path in place.iterdir()) == ["late"]


IN_FULL_SPACE = """
import ctypes, os, subprocess, sys
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x00020000) == 0, os.strerror(ctypes.get_errno())
assert libc.mount(b"none", b"/", None, 0x44000, None) == 0, os.strerror(ctypes.get_errno())
assert libc.mount(b"none", sys.argv[1].encode(), b"tmpfs", 0, b"size=1m") == 0, os.strerror(ctypes.get_errno())
sys.path.insert(0, sys.argv[2])
from tests.builders.sealing import nights
place = Path(sys.argv[1], "backups")
nights(place, 3)
with Path(sys.argv[1], "filler").open("wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError as error:
        print("FULL", error.errno, flush=True)
words = "prune --keep-last 1 --minimum 1 --yes --backup-dir".split()
code = subprocess.call([sys.executable, "-m", "kubectl_lrs", *words, str(place)])
print("LEFT", sorted(os.listdir(place)))
sys.exit(code)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes file systems")
def test_full_disk(tmp_path: Path) -> None:
    """It is what prune is called for: it needs no room."""
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", IN_FULL_SPACE, str(small), str(ROOT)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "FULL 28" in done.stdout
    assert "LEFT ['night-0']" in done.stdout


# ---- links that a file system refuses


@pytest.fixture
def many_names(place: Path) -> Iterator[Path]:
    """The file that all share has as many names as the file system allows; skipped where that is more than 70,000."""
    shared = place / "night-0/files/same"
    names = place.parent / "names"
    names.mkdir()
    for number in range(70_000):
        try:
            os.link(shared, names / str(number))
        except OSError:
            yield shared
            return
    pytest.skip("this file system has no such limit")


def test_file_with_as_many_names_as_there_can_be(place: Path, many_names: Path) -> None:
    notes = Notes()
    late = sealed(place, lambda writer: writer.write("files/same", many_names.read_bytes()), "late", progress=notes)
    assert list(late.damages()) == []
    assert not (late.path / "files/same").samefile(many_names)
    assert [line for line in notes.said if "Too many links" in line]


ACROSS = """
import ctypes, os, sys
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x00020000) == 0
assert libc.mount(b"none", b"/", None, 0x44000, None) == 0
sys.path.insert(0, sys.argv[2])
from tests.builders.sealing import Notes, nights, sealed
place = Path(sys.argv[1])
(place / "backups" / "night-0").mkdir(parents=True)
assert libc.mount(b"none", str(place / "backups" / "night-0").encode(), b"tmpfs", 0, b"mode=0700") == 0
nights(place / "made", 1)
os.system(f"cp -a {place}/made/night-0/. {place}/backups/night-0/")
notes = Notes()
late = sealed(place / "backups", lambda writer: writer.write("files/same", b"same" * 2500), "late", progress=notes)
assert list(late.damages()) == []
assert (late.path / "files/same").stat().st_nlink == 1
print([line for line in notes.said if "could not be linked" in line])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes file systems")
def test_earlier_backup_on_another_file_system(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ACROSS, str(tmp_path), str(ROOT)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cross-device" in done.stdout
