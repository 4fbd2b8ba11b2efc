"""Spark sessions cleaned away, gone and confirmed, beside what the vendor's page tells to type."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.measure import Row, Run, median
from benchmarks.place import API_VERSION, KIND, NAMESPACE, Place
from tests.bed import loader, samples

SESSIONS = 200
VENDORS = ("delete", "lrs", "-A", "-l", "datarobot-lrs-type=spark_app")


def measure() -> Iterator[Row]:
    """As many sessions for each; without finalizers, so that nobody's operator is measured."""
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        ours = median([_timed(place, lambda: place.lrs("clean-spark", "-A", "--yes", "-q")) for _ in range(3)])
        theirs = _timed(place, lambda: place.kubectl(*VENDORS))
        what = f"clean-spark of {SESSIONS}"
        yield Row(what=what, ours=ours.wall, against=f"kubectl {' '.join(VENDORS)}", theirs=theirs.wall, budget=1 / 20)
        yield Row(what=f"{what}: peak memory", ours=ours.peak, against="budget", theirs=200, budget=1, unit="MB")


def _timed(place: Place, command: Callable[[], Run]) -> Run:
    """The command on fresh sessions; none may be left."""
    made = [samples.filler(number, API_VERSION, KIND, NAMESPACE) for number in range(SESSIONS)]
    for each in made:
        each["metadata"]["labels"]["datarobot-lrs-type"] = "spark_app"
    loader.create_many(place.plane, made)
    run = command()
    if left := loader.live(place.plane, API_VERSION, NAMESPACE):
        raise RuntimeError(f"{len(left)} sessions are left")
    return run
