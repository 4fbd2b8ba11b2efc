"""Backup, verify and restore, beside kubectl, sha256sum, and bare requests."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Row, Run, side_by_side
from benchmarks.place import API_VERSION, NAMESPACE, Place
from tests.bed import loader

SMALL, LARGE, HUGE = 1_000, 31_000, 100_000
SAVED = "saved"
ALL = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/lrs"
VENDORS_LOOP = f"""
mkdir -p loop
for name in $(kubectl get lrs -A -l datarobot-lrs-type=deployment -o jsonpath='{{.items[*].metadata.name}}'); do
kubectl get lrs "$name" -n "{NAMESPACE}" -o yaml > "loop/$name.yaml"
done
"""


def small() -> Iterator[Row]:
    """A thousand LRS."""
    with Place.fresh() as place:
        place.fill(SMALL)
        ours, get = side_by_side(lambda: _backup(place), lambda: _get(place), 5)
        yield Row(what=f"backup of {SMALL:,}", ours=ours.wall, against="kubectl get -o yaml", theirs=get.wall, budget=0.7)
        loop = place.run("sh", "-c", VENDORS_LOOP)
        yield Row(what=f"backup of {SMALL:,}", ours=ours.wall, against="the vendor's loop", theirs=loop.wall, budget=1 / 50)
        yield from _small_restore(place)


def _small_restore(place: Place) -> Iterator[Row]:
    """Each into a namespace of its own, so that none finds what another has left."""
    number = iter(range(100))

    def namespace() -> str:
        name = f"copy-{next(number)}"
        loader.create_namespace(place.plane, name)
        return name

    def ours() -> Run:
        return _restore(place, "--map-namespace", f"{NAMESPACE}={namespace()}", "--accept-unmapped", "--yes")

    what = f"restore of {SMALL:,}"
    restore, bare = side_by_side(ours, lambda: _bare(place, namespace()), 5)
    yield Row(what=what, ours=restore.wall, against="bare POSTs, 16 at once", theirs=bare.wall, budget=1.15)
    apply = _apply(place, namespace())
    yield Row(what=what, ours=restore.wall, against="kubectl apply -f", theirs=apply.wall, budget=1 / 5)


def hundred(count: int = HUGE) -> Iterator[Row]:
    """Three times as many as the largest installations have: the time grows with them and no faster, the memory hardly."""
    with Place.fresh() as place:
        place.fill(count)
        what = f"backup of {count:,}"
        ours = _backup(place)
        raw = place.kubectl("get", "--raw", ALL, output="raw.json")
        second = place.clean("second", lambda: place.lrs("backup", "-n", NAMESPACE, "--name", "second", "-q"))
        yield Row(what=what, ours=ours.wall, against="kubectl get --raw", theirs=raw.wall, budget=2)
        yield from _of_backup(what, ours)
        yield Row(what=f"second {what}, nothing changed", ours=second.wall, against="the first", theirs=ours.wall, budget=None)
        yield from _of_backup(f"second {what}", second)
        with _emptied(place) as other:
            restore = _restore(other, "--yes")
        with _emptied(place) as other:
            bare = _bare(other, NAMESPACE)
        what = f"restore of {count:,}"
        yield Row(what=what, ours=restore.wall, against="bare POSTs, 16 at once", theirs=bare.wall, budget=1.08)
        yield Row(what=f"{what}: processor time", ours=restore.cpu, against="bare POSTs", theirs=bare.cpu, budget=None)
        yield Row(what=f"{what}: peak memory", ours=restore.peak, against="budget", theirs=200, budget=1, unit="MB")


def _of_backup(what: str, run: Run) -> Iterator[Row]:
    yield Row(what=f"{what}: peak memory", ours=run.peak, against="budget", theirs=120, budget=1, unit="MB")


@contextmanager
def _emptied(place: Place) -> Iterator[Place]:
    """Another cluster, without LRS, and with the backup of this one."""
    with Place.fresh() as other:
        (other.directory / SAVED).symlink_to(place.directory / SAVED)
        loader.create_namespace(other.plane, NAMESPACE)
        yield other


def large(count: int = LARGE) -> Iterator[Row]:
    """As many as the largest installations have; each restore begins with an empty cluster."""
    with Place.fresh() as place:
        place.fill(count)
        what = f"backup of {count:,}"
        ours, get = side_by_side(lambda: _backup(place), lambda: _get(place), 1)
        _, raw = side_by_side(lambda: _backup(place), lambda: place.kubectl("get", "--raw", ALL, output="raw.json"), 3)
        yield Row(what=what, ours=ours.wall, against="kubectl get -o yaml", theirs=get.wall, budget=0.3)
        yield Row(what=what, ours=ours.wall, against="kubectl get --raw", theirs=raw.wall, budget=2)
        yield from _of_backup(what, ours)
        second = place.clean("second", lambda: place.lrs("backup", "-n", NAMESPACE, "--name", "second", "-q"))
        yield Row(what=f"second {what}, nothing changed", ours=second.wall, against="the first", theirs=ours.wall, budget=None)
        sums = ("sh", "-c", f"cd {SAVED} && sha256sum --quiet -c SHA256SUMS")
        verify, check = side_by_side(lambda: place.lrs("verify", SAVED), lambda: place.run(*sums), 5)
        yield Row(what=f"verify of {count:,}", ours=verify.wall, against="sha256sum -c", theirs=check.wall, budget=1.5)
        with _emptied(place) as other:
            restore = _restore(other, "--yes")
            again = _restore(other, "--yes")
        with _emptied(place) as other:
            bare = _bare(other, NAMESPACE)
        what = f"restore of {count:,}"
        yield Row(what=what, ours=restore.wall, against="bare POSTs, 16 at once", theirs=bare.wall, budget=1.08)
        yield Row(what=f"{what}: peak memory", ours=restore.peak, against="budget", theirs=200, budget=1, unit="MB")
        yield Row(what=f"{what} onto equal ones", ours=again.wall, against="the restore", theirs=restore.wall, budget=0.3)


def _backup(place: Place) -> Run:
    return place.clean(SAVED, lambda: place.lrs("backup", "-n", NAMESPACE, "--name", SAVED, "-q"))


def _get(place: Place) -> Run:
    return place.kubectl("get", "lrs", "-n", NAMESPACE, "-o", "yaml", output="get.yaml")


def _restore(place: Place, *arguments: str) -> Run:
    return place.lrs("restore", SAVED, *arguments, "-q", "-o", "name")


def _bare(place: Place, namespace: str) -> Run:
    """The same bodies, made before the clock starts."""
    bodies = place.directory / "bodies"
    with gzip.open(place.directory / SAVED / "lrs.raw.jsonl.gz", "rt") as raw, bodies.open("w") as file:
        for line in raw:
            file.write(json.dumps(_to_create(json.loads(line), namespace), separators=(",", ":")) + "\n")
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/lrs?fieldManager=bare&fieldValidation=Strict"
    return place.run(str(place.python), "-m", "benchmarks.bare", str(place.plane.kubeconfig), str(bodies), path)


def _to_create(live: dict[str, object], namespace: str) -> dict[str, object]:
    kept = ("name", "labels", "annotations", "finalizers")
    metadata = live["metadata"]
    assert isinstance(metadata, dict)
    wanted = {key: value for key, value in metadata.items() if key in kept} | {"namespace": namespace}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": wanted}


def _apply(place: Place, namespace: str) -> Run:
    folder = place.directory / "apply"
    folder.mkdir()
    for file in Path(place.directory / SAVED / "lrs").rglob("*.yaml"):
        text = re.sub(rf"^  namespace: {NAMESPACE}$", f"  namespace: {namespace}", file.read_text(), count=1, flags=re.MULTILINE)
        (folder / file.name).write_text(text)
    return place.kubectl("apply", "-f", str(folder))
