"""What every call costs before it does anything, installed by pip and out of the archive for krew."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Row, side_by_side
from benchmarks.place import Place
from krew import base, build

TIMES = 25
CALLS = (("--help",), ("version", "--client"), ("backup", "--help"), ("__complete", "res"))
BY_PIP, BY_KREW = 1.2, 2.0
"""Budgets, in times of kubectl's own."""


def measure() -> Iterator[Row]:
    """Beside kubectl, which people have in their fingers."""
    with Place.fresh() as place:
        yield from _rows(place, str(place.python.parent / "kubectl-lrs"), "kubectl-lrs", BY_PIP)
        folder, archive = place.directory / "archive", place.directory / build.archive_name(base.host())
        build.build(place.directory, name="lrs", base_url=None)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        yield from _rows(place, str(folder / "kubectl-lrs"), "from the krew archive:", BY_KREW)
        unpacked = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        size = archive.stat().st_size
        yield Row(what="krew archive", ours=size / 1e6, against="unpacked", theirs=unpacked / 1e6, budget=None, unit="MB")


def _rows(place: Place, program: str, name: str, budget: float) -> Iterator[Row]:
    for call in CALLS:
        ours, theirs = side_by_side(partial(place.run, program, *call), lambda: place.kubectl("version", "--client"), TIMES)
        what = f"{name} {' '.join(call)}"
        yield Row(what=what, ours=ours.wall, against="kubectl version --client", theirs=theirs.wall, budget=budget)
