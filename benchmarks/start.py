"""What every call costs before it does anything, installed by pip and out of the archive for krew."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.measure import Row, Run, side_by_side
from benchmarks.place import NAMESPACE, Place
from krew import base, build
from tests.bed import loader

TIMES = 25
CALLS: Mapping[tuple[str, ...], int] = {
    ("--help",): 0,
    ("version", "--client"): 0,
    ("backup", "--help"): 0,
    ("restore", "--nonsense"): 2,
    ("__complete", "res"): 0,
    ("__complete", "backup", "--"): 0,
}
"""Words → the exit status that they end with."""

INSTALLATIONS = (("config", "show"), ("schedule",))
OTHER = "other"

BY_PIP, BY_KREW = 1.2, 2.0
SIZES = (20, 55)
"""Budgets of the archive, packed and unpacked, in MB."""
LISTS = {200: 1.5, 800: 2.0}
"""Budgets, in times of kubectl's own; of `list` by how many backups there are."""


def measure() -> Iterator[Row]:
    """Beside kubectl, which people have in their fingers."""
    with Place.fresh() as place:
        yield from _rows(place, str(place.python.parent / "kubectl-lrs"), "kubectl-lrs", BY_PIP)
        yield from _lists(place)
        yield from _of_installations(place)
        folder, archive = place.directory / "archive", place.directory / build.archive_name(base.host())
        build.build(place.directory, name="lrs", base_url=None)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        yield from _rows(place, str(folder / "kubectl-lrs"), "from the krew archive:", BY_KREW)
        unpacked = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for what, size, budget in zip(
            ("krew archive", "krew archive, unpacked"), (archive.stat().st_size, unpacked), SIZES, strict=True
        ):
            yield Row(what=what, ours=size / 1e6, against="budget", theirs=budget, budget=1, unit="MB")


def _rows(place: Place, program: str, name: str, budget: float) -> Iterator[Row]:
    for call, code in CALLS.items():
        ours, theirs = side_by_side(partial(place.run, program, *call, code=code), partial(_kubectl, place), TIMES)
        what = f"{name} {' '.join(call)}"
        yield Row(what=what, ours=ours.wall, against="kubectl version --client", theirs=theirs.wall, budget=budget)


def _lists(place: Place) -> Iterator[Row]:
    """Of copies of one backup."""
    place.fill(10)
    place.lrs("backup", "-n", NAMESPACE, "--name", "one")
    for count, budget in LISTS.items():
        backups = place.directory / f"backups-{count}"
        for number in range(count):
            shutil.copytree(place.directory / "one", backups / f"lrs_backup_{number:04}")
        ours, theirs = side_by_side(partial(place.lrs, "list", "--backup-dir", str(backups)), partial(_kubectl, place), TIMES)
        shutil.rmtree(backups)
        what = f"kubectl-lrs list of {count}"
        yield Row(what=what, ours=ours.wall, against="kubectl version --client", theirs=theirs.wall, budget=budget)


def _of_installations(place: Place) -> Iterator[Row]:
    """What only looks at an installation file, and what prints the objects of its nightly runs."""
    loader.create_namespace(place.plane, OTHER)
    uid = place.plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
    file = place.directory / "prod.json"  # YAML is what is read, and JSON is YAML
    said = {"cluster": {"uid": uid}, "namespace": OTHER, "repository": {"url": "s3://backups/lrs"}}
    file.write_text(json.dumps({**said, "retention": {"keepLast": 2}, "schedule": {"image": "registry.example.com/lrs:1"}}))
    file.chmod(0o600)
    for call in INSTALLATIONS:
        ours, theirs = side_by_side(partial(place.lrs, *call, "--config", str(file)), partial(_kubectl, place), TIMES)
        what = f"kubectl-lrs {' '.join(call)}"
        yield Row(what=what, ours=ours.wall, against="kubectl version --client", theirs=theirs.wall, budget=None)
        yield Row(what=what, ours=ours.wall, against="budget", theirs=0.5, budget=1)


def _kubectl(place: Place) -> Run:
    return place.kubectl("version", "--client")
