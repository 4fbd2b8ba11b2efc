"""Files when something breaks: killed in mid-copy, the storage gone, full, closed; what is kept, said and reused."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.bed.s3_between import Between, Gate
from tests.builders import small_space, stored
from tests.conftest import Cli, Crd

BEFORE = 20
"""So many of the files are read or written before the storage holds what comes next."""
MANY = {f"many/{number:03}.bin": os.urandom(2 << 20 if number == BEFORE - 5 else 20_000) for number in range(60)}
"""The large one has all before it noted for the next run, which is done now and then for small ones."""
ALL = ("--files", "copy", "--files-all", "--files-parallel", "2")


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


@dataclass(frozen=True)
class Middle:
    """The way to the storage, on which everything waits after the first files."""

    s3: S3
    between: Between
    gate: Gate
    reached: tuple[str, ...]
    """The flags for this way."""

    def go_on(self) -> None:
        """Nothing is held any more."""
        self.gate.hold.freed.set()

    def go_away(self) -> None:
        """The storage is gone, and what is held has no answer."""
        self.s3.stop()
        self.between.stop()
        self.go_on()


@contextmanager
def _middle(bucket: stored.Ground, s3: S3, method: str) -> Iterator[Middle]:
    gate = Gate(lambda request: request.method == method and "/many/" in request.path, skip=BEFORE)
    with Between(s3, gate) as between:
        yield Middle(s3, between, gate, replace(bucket, flags=("--files-endpoint", between.endpoint)).reached)
        gate.hold.freed.set()


@pytest.fixture
def reading(bucket: stored.Ground, s3: S3) -> Iterator[Middle]:
    with _middle(bucket, s3, "GET") as middle:
        yield middle


@pytest.fixture
def writing(bucket: stored.Ground, s3: S3) -> Iterator[Middle]:
    with _middle(bucket, s3, "PUT") as middle:
        yield middle


def _begun(cli: Cli, process: subprocess.Popen[str]) -> Path:
    """The hidden folder of a run that has copied all that it was given."""

    def is_there() -> bool:
        assert process.poll() is None, process.communicate()
        noted = sum(len(path.read_bytes().splitlines()) for path in cli.directory.glob(".*/files/~finished.jsonl"))
        return noted > BEFORE / 2 and len(list(cli.directory.glob(".*/files/many/*"))) >= BEFORE

    loader.wait_until(is_there, "some files to be copied")
    return next(path.parent.parent for path in cli.directory.glob(".*/files/~finished.jsonl"))


def _written(bucket: stored.Ground, process: subprocess.Popen[str]) -> None:
    """Wait until a run has written all that it could."""

    def is_there() -> bool:
        assert process.poll() is None, process.communicate()
        return len(bucket.content()) >= BEFORE

    loader.wait_until(is_there, "some files to be written")


def _copies(folder: Path) -> dict[str, int]:
    """The copies in a backup, with their inodes."""
    return {path.name: path.stat().st_ino for path in (folder / "files" / "many").iterdir()}


def _assert_whole(cli: Cli, name: str, files: dict[str, bytes]) -> None:
    listed = {each["path"]: each["sha256"] for each in json.loads((cli.directory / name / "files.json").read_text())["files"]}
    assert listed == stored.sums(files)
    cli.ok("verify", name)
    assert not list(cli.directory.glob(".*"))


def test_killed_in_mid_copy_the_next_run_takes_over_what_is_whole(
    bucket: stored.Ground, reading: Middle, app: str, cli: Cli
) -> None:
    process = cli.start("backup", "-n", app, *ALL, *reading.reached, "--name", "killed")
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


def test_interrupted_in_mid_copy(bucket: stored.Ground, reading: Middle, app: str, cli: Cli) -> None:
    process = cli.start("backup", "-n", app, *ALL, *reading.reached, "--name", "stopped")
    hidden = _begun(cli, process)
    process.send_signal(signal.SIGINT)
    reading.go_on()
    _, said = process.communicate()
    assert process.returncode == 130
    assert "kept" in said
    kept = _copies(hidden)
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "second")
    _assert_whole(cli, "second", MANY)
    assert len(set(kept.values()) & set(_copies(cli.directory / "second").values())) >= BEFORE


def test_the_storage_goes_away_in_mid_copy(bucket: stored.Ground, reading: Middle, app: str, cli: Cli, s3: S3) -> None:
    process = cli.start("backup", "-n", app, *ALL, *reading.reached, "--name", "gone")
    _begun(cli, process)
    reading.go_away()
    _, said = process.communicate()
    s3.start()
    assert process.returncode == 5, said
    assert "cannot be reached" in said
    assert "--files none leaves it out" in said
    assert not (cli.directory / "gone").exists()
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "again")
    _assert_whole(cli, "again", MANY)


def test_the_storage_goes_away_in_mid_restore(bucket: stored.Ground, writing: Middle, app: str, cli: Cli, s3: S3) -> None:
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "saved")
    bucket.empty()
    process = cli.start("restore", "saved", "--tier", "files", *writing.reached, "--files-parallel", "2", "-o", "json")
    _written(bucket, process)
    writing.go_away()
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


def test_lrs_are_not_restored_without_their_files(bucket: stored.Ground, writing: Middle, app: str, cli: Cli, s3: S3) -> None:
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "saved")
    bucket.empty()
    process = cli.start("restore", "saved", *writing.reached, "--files-parallel", "2", "-o", "json")
    _written(bucket, process)
    writing.go_away()
    report, said = process.communicate()
    s3.start()
    assert process.returncode == 3, said
    lrs = [each["result"] for each in json.loads(report)["outcomes"] if each["tier"] == "resources"]
    assert lrs == ["not tried"]


def test_an_interrupted_restore_goes_on_where_it_was(bucket: stored.Ground, writing: Middle, app: str, cli: Cli) -> None:
    cli.ok("backup", "-n", app, *ALL, *bucket.reached, "--name", "saved")
    bucket.empty()
    process = cli.start("restore", "saved", "--tier", "files", *writing.reached, "--files-parallel", "1", "-o", "json")
    _written(bucket, process)
    process.send_signal(signal.SIGINT)
    writing.go_on()
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


def test_no_room_for_the_backup(app: str, cli: Cli, tmp_path: Path) -> None:
    ground = stored.mount(tmp_path)
    ground.fill(MANY)
    small = tmp_path / "small"
    done = small_space.run(
        cli, small, "1m", "backup", "-n", app, *ALL, *ground.reached, "--backup-dir", small, temporary=tmp_path
    )
    assert done.returncode == 1, done.stderr
    assert "no space left; no backup was made" in done.stderr
    assert "LEFT []" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_room_for_the_files_is_known_before_the_first_write(app: str, cli: Cli, tmp_path: Path) -> None:
    ground = stored.mount(tmp_path)
    ground.fill(MANY)
    cli.ok("backup", "-n", app, *ALL, *ground.reached, "--name", "saved")
    small = tmp_path / "small"
    done = small_space.run(
        cli, small, "1m", "restore", "saved", "--backup-dir", cli.directory, "--tier", "files", "--files-url", small
    )
    assert done.returncode == 1, done.stderr
    assert "there is room for" in done.stderr
    assert "LEFT []" in done.stderr


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
