"""Images: copied out of a registry and pushed back, beside `skopeo copy` where that is installed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from benchmarks.measure import Row, Run, side_by_side
from benchmarks.place import API_VERSION, KIND, NAMESPACE, Place
from tests.bed import images, loader, samples
from tests.bed.registry import Registry

COUNT = 12
SHARED = 4
LAYER = 8 << 20
"""Images, layers that all of them share, and bytes of a layer; each image has two layers of its own."""

TIMES = 3
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'


def measure() -> Iterator[Row]:
    """A backup of so many images against as many `skopeo copy` into one layout; the way back the same."""
    skopeo = shutil.which("skopeo")
    with Place.fresh() as place, Registry(place.directory.parent / "registry") as registry:
        names = _fill(place, registry)
        (place.directory / "policy.json").write_text(POLICY)
        (place.directory / "pull.sh").write_text(_script(f"{skopeo}", names, "docker://{name} oci:layout:{name}", "src"))
        (place.directory / "push.sh").write_text(_script(f"{skopeo}", names, "oci:layout:{name} docker://{name}", "dest"))
        flags = ("-n", NAMESPACE, "--images", "copy", "--name", "saved", "-q")
        total = sum(path.stat().st_size for path in registry.storage.rglob("data")) / 1e6
        what = f"{COUNT} images, {total:.0f} MB"
        if not skopeo:
            run = place.clean("saved", lambda: place.lrs("backup", *flags))
            yield Row(
                what=f"backup of {what}", ours=run.wall, against="nothing: skopeo is not installed", theirs=run.wall, budget=None
            )
            return
        ours, theirs = side_by_side(
            lambda: place.clean("saved", lambda: place.lrs("backup", *flags)),
            lambda: place.clean("layout", lambda: place.run("sh", "-e", "pull.sh")),
            TIMES,
        )
        yield Row(
            what=f"backup of {what}", ours=ours.wall, against="skopeo copy, one after the other", theirs=theirs.wall, budget=1.0
        )

        ours, theirs = side_by_side(
            lambda: _into_nothing(registry, lambda: place.lrs("restore", "saved", "--tier", "images", "-q")),
            lambda: _into_nothing(registry, lambda: place.run("sh", "-e", "push.sh")),
            TIMES,
        )
        yield Row(
            what="restore into an empty registry, sums checked first",
            ours=ours.wall,
            against="skopeo copy, one after the other",
            theirs=theirs.wall,
            budget=1.0,
        )


def _into_nothing(registry: Registry, command: Callable[[], Run]) -> Run:
    """Run a command that pushes, after the registry was emptied."""
    registry.destroy()
    return command()


def _fill(place: Place, registry: Registry) -> list[str]:
    """Push the images, and name each by an LRS."""
    loader.create_namespace(place.plane, NAMESPACE)
    shared = [f"shared-{number}" for number in range(SHARED)]
    names = []
    for number in range(COUNT):
        repository = "datarobot/custom-apps/managed-image"
        made = images.image(*shared, f"one-{number}", f"two-{number}", size=LAYER)
        images.push(registry, repository, f"app-{number}", made)
        names.append(f"{registry.host}/{repository}:app-{number}")
        lrs = samples.filler(number, API_VERSION, KIND, NAMESPACE)
        lrs["spec"]["image"] = names[-1]
        loader.create_many(place.plane, [lrs])
    return names


def _script(skopeo: str, names: list[str], arguments: str, side: str) -> str:
    """One `skopeo copy` for each image."""
    command = f"{skopeo} --policy policy.json copy -q --{side}-tls-verify=false"
    return "".join(f"{command} {arguments.format(name=name)}\n" for name in names)
