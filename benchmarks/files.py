"""Files copied to a backup and back, beside tools that do nothing else: cp for a path, aws s3 sync (PyPI) for S3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, Run, side_by_side
from benchmarks.place import NAMESPACE, Place
from tests.bed import loader, toolchain
from tests.bed.s3 import S3

AWSCLI = "awscli==1.46.3"
SMALL, SMALL_SIZE = 2_000, 20 << 10
LARGE, LARGE_SIZE = 4, 128 << 20
SAVED = "saved"
AGED = 1_700_000_000
"""The time of the last change of every file: one that is young is read twice."""


def measure() -> Iterator[Row]:
    """Many small files, then a few large ones."""
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        with S3(place.directory / "s3") as s3:
            place.environment |= s3.environment
            for count, size in ((SMALL, SMALL_SIZE), (LARGE, LARGE_SIZE)):
                yield from _path(place, count, size)
                yield from _s3(place, s3, count, size)


def fill(root: Path, count: int, size: int) -> None:
    """So many files of so many random bytes, last changed long ago."""
    shutil.rmtree(root, ignore_errors=True)
    for number in range(count):
        file = root / f"{number % 50:02}" / f"file-{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(size))
        os.utime(file, (AGED, AGED))


def _path(place: Place, count: int, size: int) -> Iterator[Row]:
    root = place.directory / "mount"
    fill(root, count, size)
    flags = ("--files-url", str(root))
    what = f"{count:,} files of {size >> 10} KiB on a path"
    theirs = ("sh", "-c", f"cp -a {root} copy && cd copy && find . -type f -exec sha256sum {{}} + >../copy.sums && sync -f .")
    ours, peer = side_by_side(lambda: _backup(place, flags), lambda: place.clean("copy", lambda: place.run(*theirs)), 3)
    yield Row(what=f"backup of {what}", ours=ours.wall, against="cp, sha256sum, sync", theirs=peer.wall, budget=None)
    shutil.rmtree(root)
    root.mkdir()
    yield Row(what=f"restore of {what}", ours=_restore(place, flags).wall, against="the backup", theirs=ours.wall, budget=None)


def _s3(place: Place, s3: S3, count: int, size: int) -> Iterator[Row]:
    name = f"bucket-{count}"
    (s3.buckets / name).mkdir()
    sync = (str(aws()), "--endpoint-url", s3.endpoint, "s3", "sync", "--only-show-errors")
    local = place.directory / "local"
    fill(local, count, size)
    place.run(*sync, str(local), f"s3://{name}/all")
    flags = ("--files-url", f"s3://{name}/all", "--files-endpoint", s3.endpoint)
    what = f"{count:,} files of {size >> 10} KiB on S3"
    down = (*sync, f"s3://{name}/all", "synced")
    ours, peer = side_by_side(lambda: _backup(place, flags), lambda: place.clean("synced", lambda: place.run(*down)), 3)
    yield Row(what=f"backup of {what}", ours=ours.wall, against="aws s3 sync", theirs=peer.wall, budget=None)
    yield Row(
        what=f"backup of {what}: peak memory", ours=ours.peak, against="aws s3 sync", theirs=peer.peak, budget=None, unit="MB"
    )
    place.run(*sync[:4], "rm", "--recursive", "--quiet", f"s3://{name}/all")
    up = place.run(*sync, "synced", f"s3://{name}/other")
    restore = _restore(place, flags)
    yield Row(what=f"restore of {what}", ours=restore.wall, against="aws s3 sync", theirs=up.wall, budget=None)
    again = _restore(place, flags)
    yield Row(what=f"restore of {what} onto equal ones", ours=again.wall, against="the restore", theirs=restore.wall, budget=None)


def _backup(place: Place, flags: tuple[str, ...]) -> Run:
    arguments = ("backup", "-n", NAMESPACE, "--name", SAVED, "-q", "--files", "copy", "--files-all", *flags)
    return place.clean(SAVED, lambda: place.lrs(*arguments))


def _restore(place: Place, flags: tuple[str, ...]) -> Run:
    return place.lrs("restore", SAVED, "--tier", "files", "-q", "-o", "name", *flags)


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
