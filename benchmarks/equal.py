"""What is there already: a plan onto equal objects, `diff` and `check`, beside the one list that each of them reads."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Row, side_by_side
from benchmarks.place import NAMESPACE, Place
from benchmarks.resources import ALL

COUNT, TIMES = 32_000, 3
MEMORY = 200


def measure(count: int = COUNT) -> Iterator[Row]:
    """Each against `kubectl get --raw` in the same run, which only reads the same."""
    with Place.fresh() as place:
        place.fill(count)
        place.lrs("backup", "-n", NAMESPACE, "--name", "saved", "-q")
        commands = {
            "restore --dry-run": ("restore", "saved", "--dry-run=client", "-q", "-o", "name"),
            "diff": ("diff", "saved", "-q"),
            "check": ("check", "-n", NAMESPACE, "-q"),
        }
        for name, arguments in commands.items():
            ours, raw = side_by_side(
                lambda arguments=arguments: place.lrs(*arguments),  # type: ignore[misc]
                lambda: place.kubectl("get", "--raw", ALL, output="raw.json"),
                TIMES,
            )
            what = f"{name} of {count:,} equal LRS"
            yield Row(what=what, ours=ours.wall, against="kubectl get --raw", theirs=raw.wall, budget=None)
            yield Row(what=f"{what}: processor time", ours=ours.cpu, against="kubectl get --raw", theirs=raw.cpu, budget=None)
            yield Row(what=f"{what}: peak memory", ours=ours.peak, against="budget", theirs=MEMORY, budget=1, unit="MB")
