"""A backup that is killed, interrupted or out of space never looks like one, and the next run clears what it left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.conftest import ROOT, Cli

OBJECTS = 1500
FEW = "datarobot-deployment-id=65f00000c0ffee0000000000"
"""Selects one of them: what clears the remains away need not be large itself."""
MOMENTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
"""Seconds after the hidden folder is there, or after the start for the first ones."""


@pytest.fixture(scope="module")
def many(plane: ControlPlane) -> Iterator[str]:
    """A namespace with so many LRS that a backup takes long enough to be interrupted."""
    from tests.conftest import _Installed

    crd = _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")
    loader.create_namespace(plane, "many")
    loader.create_many(plane, (samples.filler(n, crd.api_version, crd.kind, "many") for n in range(OBJECTS)))
    yield "many"
    loader.clear(plane, namespace="many")
    loader.delete_namespace(plane, "many", wait=False)


def _visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def _interrupt(cli: Cli, namespace: str, number: signal.Signals, moment: float) -> subprocess.Popen[str]:
    run = cli.start("backup", "-n", namespace)
    limit = time.monotonic() + 20
    while not _hidden(cli.directory) and run.poll() is None and time.monotonic() < limit:
        time.sleep(0.002)
    time.sleep(moment)
    run.send_signal(number)
    run.wait(PATIENCE)
    return run


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_signal(many: str, cli: Cli, number: signal.Signals, moment: float) -> None:
    run = _interrupt(cli, many, number, moment)
    sealed = _visible(cli.directory)
    for folder in sealed:  # it was faster than the signal: then it must be whole
        cli.ok("verify", folder.name)
    if number is signal.SIGKILL:
        assert sealed or run.returncode == -signal.SIGKILL
    else:
        assert run.returncode in ((0, 130) if sealed else (130,))
        assert _hidden(cli.directory) == []
        if not sealed:
            assert "interrupted; no backup was made" in (run.stderr.read() if run.stderr else "")
    again = cli.run("backup", "-n", many, "--name", "again", "-l", FEW)
    assert again.returncode == 0, again.stderr
    cli.ok("verify", "again")
    assert _hidden(cli.directory) == []


def test_list_does_not_take_remains_for_a_backup(many: str, cli: Cli) -> None:
    _interrupt(cli, many, signal.SIGKILL, 0.1)
    assert _hidden(cli.directory), "the kill came too late to show anything"
    listed = json.loads(cli.ok("list", "-o", "json"))
    assert (listed["backups"], listed["unsealed"], listed["items"]) == ([], [], [])
    assert cli.run("verify").returncode == 2
    assert cli.run("restore", "latest").returncode == 2
    assert "removed the remains" in cli.run("backup", "-n", many).stderr


def test_run_that_is_alive_is_not_cleared_away(many: str, cli: Cli) -> None:
    slow = cli.start("backup", "-n", many)
    while not any(path.is_dir() for path in _hidden(cli.directory)):
        time.sleep(0.002)
    slow.send_signal(signal.SIGSTOP)
    try:
        remains = set(_hidden(cli.directory))
        cli.ok("backup", "-n", many, "--name", "other")
        assert remains <= set(_hidden(cli.directory))
    finally:
        slow.send_signal(signal.SIGCONT)
    assert slow.wait(PATIENCE) == 0
    assert len(_visible(cli.directory)) == 2
    for folder in _visible(cli.directory):
        cli.ok("verify", folder.name)


IN_SMALL_SPACE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
NEWUSER, NEWNS, REC, PRIVATE = 0x10000000, 0x20000, 0x4000, 1 << 18
uid = os.getuid()
check(libc.unshare(NEWNS | (NEWUSER if uid else 0)))
if uid:
    open("/proc/self/uid_map", "w").write(f"0 {uid} 1")
check(libc.mount(b"none", b"/", None, REC | PRIVATE, None))
check(libc.mount(b"tmpfs", sys.argv[1].encode(), b"tmpfs", 0, f"size={sys.argv[2]}".encode()))
os.chdir(sys.argv[1])
import subprocess
code = subprocess.call([sys.executable, "-m", "kubectl_lrs", "backup", "-n", sys.argv[3]])
print("LEFT", sorted(os.listdir(".")))
sys.exit(code)
"""


@pytest.mark.parametrize("size", ["100k", "1m", "4m"])
def test_full_disk(many: str, cli: Cli, size: str, tmp_path: Path) -> None:
    """On a file system of its own that is too small, in a mount namespace that no other process sees."""
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", IN_SMALL_SPACE, str(small), size, many],
        env={**os.environ, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "no space left; no backup was made" in done.stderr
    assert "LEFT []" in done.stdout
    assert "Traceback" not in done.stderr
