"""The pooled repository on S3 beside restic, rclone and the AWS command line, each at the work that is its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.files import aws, fill, rclone_of, rclone_remote
from benchmarks.measure import Row, Run, median
from benchmarks.place import NAMESPACE, Place
from benchmarks.resources import ALL
from tests.bed import loader, toolchain
from tests.bed.s3 import S3

GO = Path(__file__).resolve().parent
OBJECTS = 31_000
LARGE, LARGE_SIZE = 4, 128 << 20
SMALL, SMALL_SIZE = 31_000, 4 << 10
TIMES = 3
PASSWORD = "lrs-bench-not-a-secret"
"""Restic has no repository without one."""


def measure() -> Iterator[Row]:
    """First and second backups of an installation, then many small and a few large files alone."""
    with Place.fresh() as place, S3(place.directory.parent / "s3") as s3:
        place.environment |= {**s3.environment, "LRS_BACKUP_ENDPOINT": s3.endpoint}
        place.environment |= {"RESTIC_PASSWORD": PASSWORD, "RESTIC_PROGRESS_FPS": "0"}
        place.fill(OBJECTS)
        large = place.directory.parent / "large"
        fill(large, LARGE, LARGE_SIZE)
        yield from _beside_restic(place, s3, large)
        small = place.directory.parent / "small"
        fill(small, SMALL, SMALL_SIZE)
        what = f"{SMALL:,} files of {SMALL_SIZE >> 10} KiB into a pool on S3"
        yield from _beside(place, s3, what, small, "rclone copy, 16 transfers", _rclone, 0.3)
        what = f"{LARGE} files of {LARGE_SIZE >> 20} MiB into a pool on S3"
        yield from _beside(place, s3, what, large, "aws s3 cp", _aws_cp, 1.1)


def _beside_restic(place: Place, s3: S3, large: Path) -> Iterator[Row]:
    """What restic is given: a plain folder with the same in it, and one read of all LRS before, as ours has."""
    folder = place.directory / "folder"
    place.lrs("backup", "-n", NAMESPACE, "--name", "folder", "-q", *_files(large))
    firsts: list[tuple[Run, Run]] = []
    seconds: list[tuple[Run, Run]] = []
    for number in range(TIMES):
        ours, theirs = _ours(place, s3, f"ours-{number}", *_files(large)), _restic(place, s3, f"restic-{number}", folder)
        firsts.append((ours("one"), theirs()))
        seconds.append((ours("two"), theirs()))
        objects = [_objects(s3, name) for name in (f"ours-{number}", f"restic-{number}")]
        for name in (f"ours-{number}", f"restic-{number}"):
            shutil.rmtree(s3.buckets / name)
    against = "kubectl get --raw, restic backup"
    what = f"backup of {OBJECTS:,} LRS and {LARGE} files of {LARGE_SIZE >> 20} MiB to S3"
    yield _row(f"first {what}", firsts, against, 1.0)
    yield Row(what=f"first {what}: objects", ours=objects[0], against="restic", theirs=objects[1], budget=1.0, unit="")
    yield _row(f"second {what}, nothing changed", seconds, against, 1.0)
    first, second = (median([mine for mine, _ in pairs]) for pairs in (firsts, seconds))
    yield Row(what=f"second {what}, nothing changed", ours=second.wall, against="the first", theirs=first.wall, budget=0.3)


def _beside(
    place: Place, s3: S3, what: str, source: Path, against: str, peer: Callable[[Place, S3, str, Path], Run], budget: float
) -> Iterator[Row]:
    """Files alone: no LRS is in the namespace."""
    loader.create_namespace(place.plane, "empty")
    pairs = []
    for number in range(TIMES):
        mine, its = f"ours-{source.name}-{number}", f"peer-{source.name}-{number}"
        ours = _ours(place, s3, mine, *_files(source), namespace="empty")
        pairs.append((ours("one"), peer(place, s3, its, source)))
        for name in (mine, its):
            shutil.rmtree(s3.buckets / name)
    loader.delete_namespace(place.plane, "empty", wait=True)
    yield _row(what, pairs, against, budget)


def _row(what: str, pairs: list[tuple[Run, Run]], against: str, budget: float) -> Row:
    ours, theirs = (median([pair[side] for pair in pairs]) for side in (0, 1))
    return Row(what=what, ours=ours.wall, against=against, theirs=theirs.wall, budget=budget)


def _files(root: Path) -> tuple[str, ...]:
    return ("--files", "copy", "--files-all", "--files-url", str(root))


def _bucket(s3: S3, name: str) -> str:
    (s3.buckets / name).mkdir()
    return name


def _objects(s3: S3, bucket: str) -> int:
    return sum(len(files) for _, _, files in os.walk(s3.buckets / bucket))


def _ours(place: Place, s3: S3, bucket: str, *flags: str, namespace: str = NAMESPACE) -> Callable[[str], Run]:
    url = f"s3://{_bucket(s3, bucket)}/lrs"
    place.lrs("repository", "init", url)
    return lambda name: place.lrs("backup", "-n", namespace, "--name", name, "-q", "--backup-dir", url, *flags)


def _restic(place: Place, s3: S3, bucket: str, folder: Path) -> Callable[[], Run]:
    program = toolchain.program(GO / "go-restic", "github.com/restic/restic/cmd/restic", "restic")
    repository = f"s3:{s3.endpoint}/{_bucket(s3, bucket)}"
    place.run(str(program), "-r", repository, "init")
    get = f"{place.plane.kubectl} get --raw '{ALL}' > raw.json"
    save = f"{program} -r {repository} backup --quiet --ignore-ctime --ignore-inode {folder}"
    return lambda: place.run("sh", "-c", f"{get} && {save}")


def _rclone(place: Place, s3: S3, bucket: str, source: Path) -> Run:
    return place.run(*rclone_of("copy", str(source), f"{rclone_remote(s3)}:{_bucket(s3, bucket)}"))


def _aws_cp(place: Place, s3: S3, bucket: str, source: Path) -> Run:
    to = f"s3://{_bucket(s3, bucket)}"
    return place.run(str(aws()), "--endpoint-url", s3.endpoint, "s3", "cp", "--recursive", "--only-show-errors", str(source), to)
