"""What every call costs before it does anything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Row, side_by_side
from benchmarks.place import Place

TIMES = 25
CALLS = (("--help",), ("version", "--client"), ("backup", "--help"), ("__complete", "res"))


def measure() -> Iterator[Row]:
    """Beside kubectl, which people have in their fingers."""
    with Place.fresh() as place:
        for call in CALLS:
            ours, theirs = side_by_side(partial(place.lrs, *call), lambda: place.kubectl("version", "--client"), TIMES)
            yield Row(
                what=f"kubectl-lrs {' '.join(call)}",
                ours=ours.wall,
                against="kubectl version --client",
                theirs=theirs.wall,
                budget=1.2,
            )
