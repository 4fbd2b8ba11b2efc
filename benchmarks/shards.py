"""A backup whose files others copy in segments, beside one process that does it alone: what dividing the work costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.files import fill, there
from benchmarks.measure import Row, Run, run
from benchmarks.place import NAMESPACE, Place
from tests.bed.loader import wait_until
from tests.bed.s3 import S3

FILES, SIZE, SHARDS = 16_000, 256 << 10, 8
TOLD = re.compile(r"segments to be copied: (\d+); .* --segment (\S+)-N ")


def measure() -> Iterator[Row]:
    """Processor time of all of it; none is idle for more than a fifth where the longest takes 1.25 times the mean.

    Segments are copied one after the other, so that each has the machine for itself.
    """
    with there() as place, S3(place.directory.parent / "s3") as s3:
        place.environment |= s3.environment
        place.environment["LRS_BACKUP_ENDPOINT"] = s3.endpoint
        for bucket in ("alone", "shared"):
            (s3.buckets / bucket).mkdir()
            place.lrs("repository", "init", f"s3://{bucket}/lrs")
        fill(place.directory / "mount", FILES, SIZE)
        alone = _backup(place, "alone", place.directory)
        waiting, segments = _shared(place)
    what = f"{FILES:,} files of {SIZE >> 10} KiB into a bucket in {len(segments)} segments"
    spent = waiting.cpu + sum(each.cpu for each in segments)
    yield Row(what=f"{what}: processor time", ours=spent, against="one process", theirs=alone.cpu, budget=1.15)
    longest, mean = max(each.cpu for each in segments), sum(each.cpu for each in segments) / len(segments)
    yield Row(what=f"{what}: processor time of the longest", ours=longest, against="the mean", theirs=mean, budget=1.25)
    peak = max(each.peak for each in segments)
    yield Row(what=f"{what}: peak memory of one", ours=peak, against="budget", theirs=200, budget=1, unit="MB")


def _backup(place: Place, bucket: str, cwd: Path, *more: str) -> Run:
    flags = ("--files", "copy", "--files-all", "--files-url", str(place.directory / "mount"))
    where = ("--backup-dir", f"s3://{bucket}/lrs", "-n", NAMESPACE, "--name", "all")
    program = place.python.parent / "kubectl-lrs"
    return run((program, "backup", *where, *flags, *more), environment=place.environment, cwd=cwd)


def _shared(place: Place) -> tuple[Run, list[Run]]:
    """The run that cuts, waits and seals; those that copy."""
    beside = place.directory.parent / "beside"
    beside.mkdir()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_backup, place, "shared", beside, "--shards", str(SHARDS))
        wait_until(lambda: waiting.done() or _told(beside) is not None, "the segments to be told")
        told = _told(beside)
        assert told is not None, waiting.result()
        place.environment["LRS_FILES_URL"] = str(place.directory / "mount")
        count, name = int(told[1]), told[2]
        where = ("--backup-dir", "s3://shared/lrs")
        segments = [place.lrs("run", "segment", "--segment", f"{name}-{number}", *where) for number in range(count)]
        return waiting.result(), segments


def _told(folder: Path) -> re.Match[str] | None:
    said = folder / "stderr"
    return TOLD.search(said.read_text()) if said.exists() else None
