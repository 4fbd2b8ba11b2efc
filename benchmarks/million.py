"""So many small files that whatever is held of each shows: memory, time beside that of a tenth of them, and beside rclone.

It takes hours; `LRS_BENCH_FILES` says of how many files it is, where it is not a million.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.files import MEMORY, SAVED, backup, empty, fill, rclone_of, rclone_remote, restore, there
from benchmarks.measure import Row, Run
from benchmarks.place import Place
from tests.bed.s3 import S3

FILES = int(os.environ.get("LRS_BENCH_FILES", "1_000_000"))
SIZE = 16


class _Act(NamedTuple):
    """What is done with all of the files, and how rclone does it, where it does."""

    what: str
    ours: Callable[[], Run]
    theirs: Callable[[], Run] | None = None
    peer: str = ""


def on_path() -> Iterator[Row]:
    """On a path of this machine."""
    with there() as place:
        yield from _rows("on a path", lambda count: _path(place, count))


def on_s3() -> Iterator[Row]:
    """In a bucket."""
    with there() as place, S3(place.directory.parent / "s3", sidecar=False) as s3:
        place.environment |= s3.environment
        yield from _rows("on S3", lambda count: _s3(place, s3, count))


def _rows(where: str, acts: Callable[[int], Iterator[_Act]]) -> Iterator[Row]:
    """Each act on a tenth of the files, then on all of them."""
    tenth = {act.what: act.ours() for act in acts(FILES // 10)}
    for act in acts(FILES):
        what, ours = f"{act.what} of {FILES:,} files {where}", act.ours()
        yield Row(what=f"{what}: peak memory", ours=ours.peak, against="budget", theirs=MEMORY, budget=1, unit="MB")
        few = f"ten times that of {FILES // 10:,}"
        yield Row(what=f"{what}: processor time", ours=ours.cpu, against=few, theirs=10 * tenth[act.what].cpu, budget=1.1)
        if act.theirs:
            theirs = act.theirs()
            yield Row(what=f"{what}: processor time", ours=ours.cpu, against=act.peer, theirs=theirs.cpu, budget=1.0)
            yield Row(what=what, ours=ours.wall, against=act.peer, theirs=theirs.wall, budget=None)


def _path(place: Place, count: int) -> Iterator[_Act]:
    root, back = place.directory / "mount", place.directory / "back"
    fill(root, count, SIZE)
    yield from _acts(place, ("--files-url", str(root)), str(root))
    empty(back)
    yield _Act(
        "restore", lambda: restore(place, ("--files-url", str(back))), _rclone(place, "copy", "copied", "up"), "rclone copy"
    )


def _s3(place: Place, s3: S3, count: int) -> Iterator[_Act]:
    bucket, other = f"bucket-{count}", f"restored-{count}"
    remote = rclone_remote(s3)
    _fill_bucket(s3, bucket, count)
    yield from _acts(place, _flags(s3, bucket), f"{remote}:{bucket}/all")
    (s3.buckets / other).mkdir()
    theirs = _rclone(place, "copy", "copied", f"{remote}:{other}/theirs")
    yield _Act("restore", lambda: restore(place, _flags(s3, other)), theirs, "rclone copy")
    for name in (bucket, other):
        shutil.rmtree(s3.buckets / name)


def _acts(place: Place, flags: tuple[str, ...], source: str) -> Iterator[_Act]:
    """All that is done where the files are."""
    for left in (SAVED, "second", "listed", "copied", "up"):
        shutil.rmtree(place.directory / left, ignore_errors=True)
    copy = _rclone(place, "copy", source, "copied")
    yield _Act("listing", lambda: backup(place, "listed", flags, "inventory"))
    yield _Act("backup", lambda: backup(place, SAVED, flags), copy, "rclone copy")
    yield _Act("second backup", lambda: backup(place, "second", flags), copy, "rclone copy again")
    yield _Act("verify", lambda: place.lrs("verify", SAVED, "-q"))
    plan = ("restore", SAVED, "--tier", "files", "-q", "-o", "name", "--dry-run", "client", *flags)
    yield _Act("plan onto equal ones", lambda: place.lrs(*plan))
    yield _Act("restore onto equal ones", lambda: restore(place, flags))


def _rclone(place: Place, *arguments: str) -> Callable[[], Run]:
    return lambda: place.run(*rclone_of(*arguments))


def _flags(s3: S3, bucket: str) -> tuple[str, ...]:
    return ("--files-url", f"s3://{bucket}/all", "--files-endpoint", s3.endpoint)


def _fill_bucket(s3: S3, bucket: str, count: int) -> None:
    """As if each had been put there: the gateway keeps objects as files, and their ETags as attributes of these."""
    root = s3.buckets / bucket / "all"
    (s3.buckets / bucket).mkdir()
    fill(root, count, SIZE)
    for folder, _, names in os.walk(root):
        for path in (os.path.join(folder, name) for name in names):
            md5 = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
            os.setxattr(path, "user.etag", f'"{md5}"'.encode())
