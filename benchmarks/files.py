"""Files copied to a backup and back, beside tools that do nothing else: rclone, and aws s3 sync (PyPI) for large ones on S3.

Processor time is what is judged: that of the whole process, its start included; the gateway's is not in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Row, Run, side_by_side
from benchmarks.place import NAMESPACE, Place
from tests.bed import loader, rclone, toolchain
from tests.bed.s3 import S3

AWSCLI = "awscli==1.46.3"
ON_PATH, ON_S3 = 50_000, 10_000
SMALL_SIZE = 4 << 10
AT_ONCE, DEFAULT, MANY = (1, 2, 4, 16), 8, 10_000
"""Files in work at once, beside what is the default, and of how many files."""

LARGE, LARGE_SIZE = 4, 128 << 20
TIMES = 3
MEMORY = 200
SAVED = "saved"
AGED = 1_700_000_000
"""The time of the last change of every file: one that is young is read twice."""

FOLDERS, IN_ONE = 50, 500
"""Folders at the top, and files of each of those below them."""


def measure() -> Iterator[Row]:
    """Many small files on a path and on S3, then a few large ones on S3."""
    with there() as place, S3(place.directory.parent / "s3") as s3:
        place.environment |= s3.environment
        yield from _path(place, ON_PATH, SMALL_SIZE)
        yield from _small_on_s3(place, s3, ON_S3, SMALL_SIZE)
        yield from _large_on_s3(place, s3, LARGE, LARGE_SIZE)


def at_once() -> Iterator[Row]:
    """Whether more or fewer workers than the default would be of use: where they never have to wait, none may be slower."""
    with there() as place:
        root = place.directory / "mount"
        fill(root, MANY, SMALL_SIZE)
        flags, what = ("--files-url", str(root)), f"{MANY:,} files of {SMALL_SIZE >> 10} KiB on a path"
        back = ("--files-url", str(place.directory / "back"))
        for act, run in (
            ("backup", lambda count: backup(place, SAVED, (*flags, *_workers(count)))),
            ("restore", _restored(place, back)),
        ):
            usual = run(DEFAULT)
            for count in AT_ONCE:
                row = f"{act} of {what}, {count} at once: processor time"
                yield Row(what=row, ours=run(count).cpu, against=f"{DEFAULT} at once", theirs=usual.cpu, budget=1.2)


def _workers(count: int) -> tuple[str, ...]:
    return ("--files-parallel", str(count))


def _restored(place: Place, flags: tuple[str, ...]) -> Callable[[int], Run]:
    """A restore into a folder with nothing in it, by so many."""

    def run(count: int) -> Run:
        empty(place.directory / "back")
        return restore(place, (*flags, *_workers(count)))

    return run


def fill(root: Path, count: int, size: int) -> None:
    """So many files of so many random bytes, two folders deep, last changed long ago."""
    shutil.rmtree(root, ignore_errors=True)
    for number in range(count):
        folder = root / f"{number % FOLDERS:02}" / f"{number // FOLDERS // IN_ONE:03}"
        if number // FOLDERS % IN_ONE == 0:
            folder.mkdir(parents=True)
        file = folder / f"file-{number}"
        file.write_bytes(os.urandom(size))
        os.utime(file, (AGED, AGED))


def empty(folder: Path) -> None:
    """There, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


@contextmanager
def there() -> Iterator[Place]:
    """A place with the namespace."""
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        yield place


def _path(place: Place, count: int, size: int) -> Iterator[Row]:
    root = place.directory / "mount"
    fill(root, count, size)
    flags = ("--files-url", str(root))
    what = f"{count:,} files of {size >> 10} KiB on a path"
    copy = rclone_of("copy", str(root), "copied")
    first, copied = side_by_side(
        lambda: backup(place, SAVED, flags), lambda: place.clean("copied", lambda: place.run(*copy)), TIMES
    )
    yield from _cpu(f"backup of {what}", first, "rclone copy", copied, 1.0)
    yield Row(what=f"backup of {what}: peak memory", ours=first.peak, against="budget", theirs=MEMORY, budget=1, unit="MB")
    second, synced = side_by_side(lambda: backup(place, "second", flags), lambda: place.run(*copy), TIMES)
    yield from _cpu(f"second backup of {what}, nothing changed", second, "rclone copy again", synced, 1.0)
    yield Row(what=f"second backup of {what}", ours=second.cpu, against="the first", theirs=first.cpu, budget=0.35)
    shutil.rmtree(place.directory / "second")
    empty(root)
    restored, back = restore(place, flags), place.run(*rclone_of("copy", "copied", "back"))
    yield from _cpu(f"restore of {what}", restored, "rclone copy", back, 1.0)
    again = restore(place, flags)
    yield Row(what=f"restore of {what} onto equal ones", ours=again.cpu, against="the restore", theirs=restored.cpu, budget=None)


def _small_on_s3(place: Place, s3: S3, count: int, size: int) -> Iterator[Row]:
    bucket, flags = _filled(place, s3, count, size)
    remote, what = f"{rclone_remote(s3)}:{bucket}", f"{count:,} files of {size >> 10} KiB on S3"
    copy = rclone_of("copy", f"{remote}/all", "copied")
    first, copied = side_by_side(
        lambda: backup(place, SAVED, flags), lambda: place.clean("copied", lambda: place.run(*copy)), TIMES
    )
    yield from _cpu(f"backup of {what}", first, "rclone copy", copied, 1.0)
    second, synced = side_by_side(lambda: backup(place, "second", flags), lambda: place.run(*copy), TIMES)
    yield from _cpu(f"second backup of {what}, nothing changed", second, "rclone copy again", synced, 1.0)
    restored, up = restore(place, _elsewhere(s3, count)), place.run(*rclone_of("copy", "copied", f"{remote}/other"))
    yield from _cpu(f"restore of {what}", restored, "rclone copy", up, 1.0)


def _large_on_s3(place: Place, s3: S3, count: int, size: int) -> Iterator[Row]:
    bucket, flags = _filled(place, s3, count, size)
    what = f"{count} files of {size >> 20} MiB on S3"
    sync = (str(aws()), "--endpoint-url", s3.endpoint, "s3", "sync", "--only-show-errors")
    down = (*sync, f"s3://{bucket}/all", "synced")
    ours, theirs = side_by_side(
        lambda: backup(place, SAVED, flags), lambda: place.clean("synced", lambda: place.run(*down)), TIMES
    )
    yield from _wall(f"backup of {what}", ours, "aws s3 sync", theirs, 1.1)
    yield Row(what=f"backup of {what}: peak memory", ours=ours.peak, against="budget", theirs=MEMORY, budget=1, unit="MB")
    restored, up = restore(place, _elsewhere(s3, count)), place.run(*sync, "synced", f"s3://{bucket}/other")
    yield from _wall(f"restore of {what}", restored, "aws s3 sync", up, 1.2)


def _cpu(what: str, ours: Run, against: str, theirs: Run, budget: float) -> Iterator[Row]:
    yield Row(what=f"{what}: processor time", ours=ours.cpu, against=against, theirs=theirs.cpu, budget=budget)
    yield Row(what=what, ours=ours.wall, against=against, theirs=theirs.wall, budget=None)


def _wall(what: str, ours: Run, against: str, theirs: Run, budget: float) -> Iterator[Row]:
    yield Row(what=f"{what}: processor time", ours=ours.cpu, against=against, theirs=theirs.cpu, budget=None)
    yield Row(what=what, ours=ours.wall, against=against, theirs=theirs.wall, budget=budget)


def _filled(place: Place, s3: S3, count: int, size: int) -> tuple[str, tuple[str, ...]]:
    """A bucket with so many files, and the flags that name it."""
    bucket, local = f"bucket-{count}", place.directory / "local"
    (s3.buckets / bucket).mkdir()
    fill(local, count, size)
    place.run(*rclone_of("copy", str(local), f"{rclone_remote(s3)}:{bucket}/all"))
    return bucket, ("--files-url", f"s3://{bucket}/all", "--files-endpoint", s3.endpoint)


def _elsewhere(s3: S3, count: int) -> tuple[str, ...]:
    """The flags that name a bucket with nothing in it."""
    bucket = f"restored-{count}"
    (s3.buckets / bucket).mkdir()
    return ("--files-url", f"s3://{bucket}/all", "--files-endpoint", s3.endpoint)


def backup(place: Place, name: str, flags: tuple[str, ...], level: str = "copy") -> Run:
    """The namespace is empty: files alone."""
    arguments = ("backup", "-n", NAMESPACE, "--name", name, "-q", "--files", level, "--files-all", *flags)
    return place.clean(name, lambda: place.lrs(*arguments))


def restore(place: Place, flags: tuple[str, ...]) -> Run:
    """What was saved first."""
    return place.lrs("restore", SAVED, "--tier", "files", "-q", "-o", "name", *flags)


def rclone_of(*arguments: str) -> tuple[str, ...]:
    """A call of rclone with so many transfers as it is mostly given for small files."""
    return (str(rclone.program()), arguments[0], "--transfers", "16", "--checkers", "16", "--quiet", *arguments[1:])


def rclone_remote(s3: S3) -> str:
    """The gateway, as rclone is told of it."""
    return f":s3,provider=Other,env_auth=true,endpoint='{s3.endpoint}'"


def aws() -> Path:
    """The AWS command line, in an environment of its own."""
    folder = toolchain.cache() / AWSCLI.replace("==", "-")
    with toolchain.held("awscli"):
        if not folder.is_dir():
            toolchain.say(f"getting {AWSCLI} from PyPI")
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(part)], check=True)
            subprocess.run([part / "bin" / "python", "-m", "pip", "install", "--quiet", AWSCLI], check=True)
            script = part / "bin" / "aws"
            script.write_text(f"#!{folder}/bin/python\n" + script.read_text().split("\n", 1)[1])
            part.rename(folder)
    return folder / "bin" / "aws"
