"""Images: copied out of a registry and pushed back, beside the tools that copy them one after the other.

skopeo is taken where it is installed; regctl and crane are built from their Go modules.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency import Latency
from benchmarks.measure import Row, Run
from benchmarks.place import API_VERSION, KIND, NAMESPACE, Place
from tests.bed import images, loader, samples, toolchain
from tests.bed.registry import Registry

COUNT, MEGABYTES = 40, 2_000
SHARED, OWN = 4, 2
"""Images, and bytes of all; layers that all of them share, and those that each has of its own."""
LATENCY = 0.02
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
REPOSITORY = "datarobot/custom-apps/managed-image"
GO = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Peer:
    """A tool: what copies an image out of the registry into a layout, and back; `budget` as it stands in the table."""

    name: str
    pull: str
    push: str
    budget: float


def measure(megabytes: int = MEGABYTES) -> Iterator[Row]:
    """A backup of so many images, once more with nothing changed, and the way back into an empty registry."""
    with (
        Place.fresh() as place,
        Registry(place.directory.parent / "registry") as registry,
        Latency(registry.port, LATENCY) as way,
    ):
        host = f"127.0.0.1:{way.port}"
        names = _fill(place, registry, host, size=megabytes * 1_000_000 // (SHARED + COUNT * OWN))
        yield from _rows(place, registry, names, _peers(host), f"{COUNT} images, {megabytes:,} MB")


def _rows(place: Place, registry: Registry, names: list[str], peers: list[Peer], what: str) -> Iterator[Row]:
    first = place.lrs("backup", "-n", NAMESPACE, "--images", "copy", "--name", "saved", "-q")
    again = place.lrs("backup", "-n", NAMESPACE, "--images", "copy", "--name", "again", "-q")
    trusted = place.lrs("backup", "-n", NAMESPACE, "--images", "copy", "--name", "trusted", "-q", "--trust-previous")
    pulled = {peer.name: place.clean("layout", _each(place, "pull", peer.pull, names)) for peer in peers}
    ours = _into_nothing(registry, lambda: place.lrs("restore", "saved", "--tier", "images", "--yes", "-q"))
    onto = place.lrs("restore", "saved", "--tier", "images", "--yes", "-q")
    for peer in peers:
        place.clean("layout", _each(place, "pull", peer.pull, names))
        pushed = _into_nothing(registry, _each(place, "push", peer.push, names)) if peer.push else None
        yield from _beside(f"backup of {what}", first, pulled[peer.name], peer)
        if pushed:
            yield from _beside(f"restore of {what}", ours, pushed, peer)
    for name, run in (("again", again), ("again, --trust-previous", trusted)):
        yield Row(what=f"backup of them {name}", ours=run.wall, against="the first", theirs=first.wall, budget=0.1)
        yield Row(what=f"backup of them {name}: processor time", ours=run.cpu, against="the first", theirs=first.cpu, budget=None)
    yield Row(what="restore of them onto equal ones", ours=onto.wall, against="the restore", theirs=ours.wall, budget=None)


def _beside(what: str, ours: Run, theirs: Run, peer: Peer) -> Iterator[Row]:
    yield Row(what=what, ours=ours.wall, against=peer.name, theirs=theirs.wall, budget=peer.budget)
    yield Row(what=f"{what}: processor time", ours=ours.cpu, against=peer.name, theirs=theirs.cpu, budget=None)


def _peers(host: str) -> list[Peer]:
    """Into one layout, so that layers which are shared are fetched once where the tool sees to that."""
    regctl = toolchain.program(GO / "go-regctl", "github.com/regclient/regclient/cmd/regctl", "regctl")
    crane = toolchain.program(GO / "go-crane", "github.com/google/go-containerregistry/cmd/crane", "crane")
    copy = f"{regctl} --host reg={host},tls=disabled -v error image copy"
    found = [
        Peer("regctl image copy", f"{copy} {{name}} ocidir://layout:{{tag}}", f"{copy} ocidir://layout:{{tag}} {{name}}", 0.8),
        Peer("crane pull", f"{crane} pull --insecure --format=oci {{name}} layout", "", 0.8),
    ]
    if skopeo := shutil.which("skopeo"):
        start = f"{skopeo} --policy policy.json copy -q"
        pull = f"{start} --src-tls-verify=false docker://{{name}} oci:layout:{{tag}}"
        push = f"{start} --dest-tls-verify=false oci:layout:{{tag}} docker://{{name}}"
        found.append(Peer("skopeo copy", pull, push, 0.5))
    return found


def _each(place: Place, script: str, command: str, names: list[str]) -> Callable[[], Run]:
    """A command for each image, one after the other."""
    lines = [command.format(name=name, tag=name.rpartition(":")[2]) for name in names]
    (place.directory / "policy.json").write_text(POLICY)
    (place.directory / f"{script}.sh").write_text("\n".join(lines) + "\n")
    return lambda: place.run("sh", "-e", f"{script}.sh")


def _into_nothing(registry: Registry, command: Callable[[], Run]) -> Run:
    """Run a command that pushes, after the registry was emptied."""
    registry.destroy()
    return command()


def _fill(place: Place, registry: Registry, host: str, *, size: int) -> list[str]:
    """Push the images, and name each by an LRS."""
    loader.create_namespace(place.plane, NAMESPACE)
    shared = [f"shared-{number}" for number in range(SHARED)]
    names, pushed = [], set[str]()
    for number in range(COUNT):
        made = images.image(*shared, *(f"{number}-{own}" for own in range(OWN)), size=size)
        made.blobs = {name: data for name, data in made.blobs.items() if name not in pushed}
        pushed.update(made.blobs)
        images.push(registry, REPOSITORY, f"app-{number}", made)
        names.append(f"{host}/{REPOSITORY}:app-{number}")
        lrs = samples.filler(number, API_VERSION, KIND, NAMESPACE)
        lrs["spec"]["image"] = names[-1]
        loader.create_many(place.plane, [lrs])
    return names
