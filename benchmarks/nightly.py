"""A nightly run into a bucket with nothing changed, beside the first one, and what it needs of a pod's memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from benchmarks.measure import Row
from benchmarks.place import NAMESPACE, Place
from tests.bed.s3 import S3

OBJECTS, FILES, FILE_SIZE = 31_000, 10_000, 8 << 10
AGED = 1_700_000_000
"""The time of the last change of every file: one that is young is read twice."""


def measure() -> Iterator[Row]:
    """The whole of `run nightly`: backup, verify, check, prune. What it writes is in a repository on S3, as for a pod."""
    with Place.fresh() as place, S3(place.directory.parent / "s3") as s3:
        place.fill(OBJECTS)
        _files(place)
        _installation(place, s3)
        place.environment |= {**s3.environment, "LRS_CONFIG": str(place.directory / "prod.json")}
        place.lrs("repository", "init")
        first = place.lrs("run", "nightly", "-q")
        second = place.lrs("run", "nightly", "-q")
    what = f"nightly run of {OBJECTS:,} LRS and {FILES:,} files, nothing changed"
    yield Row(what=what, ours=second.wall, against="the first", theirs=first.wall, budget=0.3)
    yield Row(what=f"{what}: processor time", ours=second.cpu, against="the first", theirs=first.cpu, budget=None)
    for name, run in (("the first", first), ("the second", second)):
        yield Row(what=f"{what}: peak memory, {name}", ours=run.peak, against="budget", theirs=200, budget=1, unit="MB")


def _files(place: Place) -> None:
    root = place.directory.parent / "storage"
    for number in range(FILES):
        file = root / f"{number % 50:02}" / f"file-{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(FILE_SIZE))
        os.utime(file, (AGED, AGED))


def _installation(place: Place, s3: S3) -> None:
    (s3.buckets / "backups").mkdir()
    uid = place.plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
    file = place.directory / "prod.json"  # YAML is what is read, and JSON is YAML
    said = {
        "cluster": {"uid": uid},
        "namespace": NAMESPACE,
        "repository": {"url": "s3://backups/lrs", "endpoint": s3.endpoint},
        "files": {"url": str(place.directory.parent / "storage"), "level": "copy", "all": True},
        "retention": {"keepLast": 2},
    }
    file.write_text(json.dumps(said))
    file.chmod(0o600)
