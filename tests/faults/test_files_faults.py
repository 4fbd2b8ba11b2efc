"""Files when something breaks: killed in mid-copy, the storage gone, full, closed; what is kept, said and reused."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import stored
from tests.conftest import Cli, Crd

MANY = {f"many/{number:03}.bin": os.urandom(20_000) for number in range(90)}
ALL = ("--files", "copy", "--files-all", "--files-parallel", "2")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(s3: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> stored.Ground:
    """A bucket with many files."""
    made = stored.bucket(s3, f"b{abs(hash(request.node.name)) % 10**8}")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.fill(MANY)
    return made


@pytest.fixture
def app(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    stored.populate(plane, crd, namespace)
    return namespace


def _begun(cli: Cli, process: subprocess.Popen[str], count: int = 20) -> Path:
    """The hidden folder of a run that has copied so many files and is not done."""

    def finished() -> int:
        assert process.poll() is None, process.communicate()
        return sum(len(path.read_bytes().splitlines()) for path in cli.directory.glob(".*/files/~finished.jsonl"))

    loader.wait_until(lambda: finished() >= count, "some files to be copied")
    return next(path.parent.parent for path in cli.directory.glob(".*/files/~finished.jsonl"))


def _copies(folder: Path) -> dict[str, int]:
    """The copies in a backup, with their inodes."""
    return {path.name: path.stat().st_ino for path in (folder / "files" / "many").iterdir()}


def _assert_whole(cli: Cli, name: str, files: dict[str, bytes]) -> None:
    listed = {each["path"]: each["sha256"] for each in json.loads((cli.directory / name / "files.json").read_text())["files"]}
    assert listed == stored.sums(files)
    cli.ok("verify", name)
    assert not list(cli.directory.glob(".*"))


def test_killed_in_mid_copy_the_next_run_takes_over_what_is_whole(bucket: stored.Ground, app: str, cli: Cli) -> None:
    process = cli.start("backup", "-n", app, *ALL, *bucket.reached, "--name", "killed")
    hidden = _begun(cli, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cli.directory / "killed").exists()
    finished = [json.loads(line)["path"] for line in (hidden / "files" / "~finished.jsonl").read_text().splitlines()]
    copies = _copies(hidden)
    changed, damaged = finished[0], finished[1]
    bucket.fill({changed: b"changed since"})
    (hidden / "files" / damaged).write_bytes(b"damaged")
    with (hidden / "files" / damaged).open():  # so that no new file gets its inode
        cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "second")
    _assert_whole(cli, "second", {**MANY, changed: b"changed since"})
    taken_over = {f"many/{name}" for name, inode in _copies(cli.directory / "second").items() if copies.get(name) == inode}
    assert taken_over >= set(finished[2:])
    assert changed not in taken_over
    assert damaged not in taken_over


def test_interrupted_in_mid_copy(bucket: stored.Ground, app: str, cli: Cli) -> None:
    process = cli.start("backup", "-n", app, *ALL, *bucket.reached, "--name", "stopped")
    hidden = _begun(cli, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "kept" in said
    kept = _copies(hidden)
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "second")
    _assert_whole(cli, "second", MANY)
    assert len(set(kept.values()) & set(_copies(cli.directory / "second").values())) >= 18


def test_the_storage_goes_away_in_mid_copy(bucket: stored.Ground, app: str, cli: Cli, s3: S3) -> None:
    process = cli.start("backup", "-n", app, *ALL, *bucket.reached, "--name", "gone")
    _begun(cli, process)
    s3.stop()
    _, said = process.communicate()
    s3.start()
    assert process.returncode == 5, said
    assert "cannot be reached" in said
    assert "--files none leaves it out" in said
    assert not (cli.directory / "gone").exists()
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "again")
    _assert_whole(cli, "again", MANY)


def test_the_storage_goes_away_in_mid_restore(bucket: stored.Ground, app: str, cli: Cli, s3: S3) -> None:
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "saved")
    bucket.empty()
    process = cli.start("restore", "saved", "--tier", "files", *bucket.reached, "--files-parallel", "2", "-o", "json")
    loader.wait_until(lambda: len(bucket.content()) >= 10, "some files to be written")
    s3.stop()
    report, said = process.communicate()
    s3.start()
    assert process.returncode == 3, said
    results = {each["name"]: each["result"] for each in json.loads(report)["outcomes"]}
    assert results.keys() == MANY.keys() | {bucket.url}
    assert set(results.values()) == {"created", "failed", "not tried"}
    there = bucket.content()
    assert there.items() <= MANY.items(), "a file is there as a whole or not at all"
    cli.ok("restore", "saved", "--tier", "files", *bucket.reached)
    assert bucket.content() == MANY


def test_lrs_are_not_restored_without_their_files(bucket: stored.Ground, app: str, cli: Cli, s3: S3) -> None:
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "saved")
    bucket.empty()
    process = cli.start("restore", "saved", *bucket.reached, "--files-parallel", "2", "-o", "json")
    loader.wait_until(lambda: len(bucket.content()) >= 3, "some files to be written")
    s3.stop()
    report, said = process.communicate()
    s3.start()
    assert process.returncode == 3, said
    lrs = [each["result"] for each in json.loads(report)["outcomes"] if each["tier"] == "resources"]
    assert lrs == ["not tried"]


def test_an_interrupted_restore_goes_on_where_it_was(bucket: stored.Ground, app: str, cli: Cli) -> None:
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "saved")
    bucket.empty()
    process = cli.start("restore", "saved", "--tier", "files", *bucket.reached, "--files-parallel", "1", "-o", "json")
    loader.wait_until(lambda: len(bucket.content()) >= 10, "some files to be written")
    process.send_signal(signal.SIGINT)
    report, _ = process.communicate()
    assert process.returncode == 130
    counts = {each["result"] for each in json.loads(report)["outcomes"]}
    assert counts == {"created", "not tried"}
    assert "unchanged" in cli.ok("restore", "saved", "--tier", "files", *bucket.reached)
    assert bucket.content() == MANY


def test_nobody_is_there(app: str, cli: Cli, s3: S3, tmp_path: Path) -> None:
    flags = ("--files-url", "s3://nowhere/x", "--files-endpoint", "http://127.0.0.1:9")
    done = cli.run("backup", "-n", app, "--files", "copy", *flags, env=s3.environment)
    assert done.returncode == 5
    assert "127.0.0.1:9" in done.stderr
    assert list(cli.directory.iterdir()) == []
    away = cli.run("backup", "-n", app, "--files", "copy", "--files-url", f"file://{tmp_path}/not-mounted")
    assert away.returncode == 1
    assert "mounted" in away.stderr
    assert list(cli.directory.iterdir()) == []


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
import subprocess
code = subprocess.call([sys.executable, "-m", "kubectl_lrs", *sys.argv[3:]])
print("LEFT", sorted(os.listdir(sys.argv[1])))
sys.exit(code)
"""
"""A file system of its own that is too small, in a mount namespace that no other process sees."""


def _in_small_space(cli: Cli, place: Path, size: str, *command: str) -> subprocess.CompletedProcess[str]:
    place.mkdir(exist_ok=True)
    environment = cli._environment(None)
    arguments = [sys.executable, "-c", IN_SMALL_SPACE, str(place), size, *command]
    return subprocess.run(arguments, env=environment, cwd=cli.directory, capture_output=True, text=True, check=False)


def test_no_room_for_the_backup(app: str, cli: Cli, tmp_path: Path) -> None:
    ground = stored.mount(tmp_path)
    ground.fill(MANY)
    small = tmp_path / "small"
    done = _in_small_space(cli, small, "1m", "backup", "-n", app, *ALL, *ground.reached, "--backup-dir", str(small))
    assert done.returncode == 1, done.stderr
    assert "no space left; no backup was made" in done.stderr
    assert "LEFT []" in done.stdout
    assert "Traceback" not in done.stderr


def test_no_room_for_the_files_is_known_before_the_first_write(app: str, cli: Cli, tmp_path: Path) -> None:
    ground = stored.mount(tmp_path)
    ground.fill(MANY)
    cli.ok("backup", "-n", app, *ALL, *ground.reached, "--name", "saved")
    small = tmp_path / "small"
    done = _in_small_space(cli, small, "1m", "restore", "saved", "--tier", "files", "--files-url", str(small))
    assert done.returncode == 1, done.stderr
    assert "there is room for" in done.stderr
    assert "LEFT []" in done.stdout


def test_the_storage_fills_up_in_mid_restore(app: str, cli: Cli, tmp_path: Path) -> None:
    """A limit on the size of a file stands for the quota: the operating system refuses the write in the same way."""
    ground = stored.mount(tmp_path)
    files = {"a/small": b"1", "b/large": os.urandom(3 << 20), "c/small": b"2"}
    ground.fill(files)
    cli.ok("backup", "-n", app, *ALL, *ground.reached, "--name", "saved")
    ground.empty()
    done = subprocess.run(
        cli._command(("restore", "saved", "--tier", "files", *ground.reached, "--files-parallel", "1", "-o", "json")),
        env=cli._environment(None),
        cwd=cli.directory,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
    )
    assert done.returncode == 3, done.stderr
    results = {each["name"]: each["result"] for each in json.loads(done.stdout)["outcomes"]}
    assert results == {"a/small": "created", "b/large": "failed", "c/small": "not tried", ground.url: "failed"}
    assert ground.content() == {"a/small": b"1"}
