"""The second backup into a folder, with nothing changed, beside the first one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, Run, median
from benchmarks.place import API_VERSION, KIND, NAMESPACE, Place
from tests.bed import images, loader, samples
from tests.bed.registry import Registry

FILES, FILE_SIZE = 10_000, 8 << 10
LAYERS, LAYER = 32, 32 << 20
AGED = 1_700_000_000
"""The time of the last change of every file: one that is young is read twice."""

TIMES = 3


def measure() -> Iterator[Row]:
    """Time and room of it: with what is shared read again, and believed."""
    with Place.fresh() as place, Registry(place.directory.parent / "registry") as registry:
        flags = _fill(place, registry)
        firsts, seconds, believed, room = [], [], [], (0, 0)
        for _ in range(TIMES):
            firsts.append(place.clean("one", lambda: place.lrs("backup", "--name", "one", *flags)))
            seconds.append(place.clean("two", lambda: place.lrs("backup", "--name", "two", *flags)))
            room = _room(place.directory / "one"), _room(place.directory / "one", place.directory / "two")
            place.run("rm", "-rf", "two")
            believed.append(place.clean("two", lambda: place.lrs("backup", "--name", "two", "--trust-previous", *flags)))
            place.run("rm", "-rf", "one", "two")
        first = median(firsts)
        what = f"second backup of {FILES:,} files and {LAYERS * LAYER / 1e9:.1f} GB of images"
        yield _row(what, median(seconds), first, 0.35)
        yield _row(f"{what}, --trust-previous", median(believed), first, 0.25)
        yield Row(
            what=f"{what}: room",
            ours=(room[1] - room[0]) / 1e6,
            against="the first",
            theirs=room[0] / 1e6,
            budget=0.05,
            unit="MB",
        )


def _row(what: str, ours: Run, first: Run, budget: float) -> Row:
    return Row(what=what, ours=ours.wall, against="the first", theirs=first.wall, budget=budget)


def _room(*folders: Path) -> int:
    """Bytes on the disk; what has several names counts once."""
    done = subprocess.run(["du", "-s", "-c", "-B1", *folders], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1].split()[0])


def _fill(place: Place, registry: Registry) -> tuple[str, ...]:
    """One image with so many layers, that an LRS names; so many files on a path."""
    loader.create_namespace(place.plane, NAMESPACE)
    made = images.image(*(f"layer-{number}" for number in range(LAYERS)), size=LAYER)
    images.push(registry, "datarobot/managed-image", "app", made)
    lrs = samples.filler(0, API_VERSION, KIND, NAMESPACE)
    lrs["spec"]["image"] = f"{registry.host}/datarobot/managed-image:app"
    loader.create_many(place.plane, [lrs])
    root = place.directory.parent / "storage"
    for number in range(FILES):
        file = root / f"{number % 50:02}" / f"file-{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(FILE_SIZE))
        os.utime(file, (AGED, AGED))
    return ("-n", NAMESPACE, "-q", "--images", "copy", "--files", "copy", "--files-all", "--files-url", str(root))
