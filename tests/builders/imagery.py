"""LRS that name images of a registry of the bed, for the tests of backup and restore of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bed import images, loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.registry import Registry
from tests.conftest import Cli, Crd

APP = "custom-apps/managed-image"
PREFIX = "datarobot"


def lrs(crd_api_version: str, kind: str, namespace: str, number: int, image: str) -> dict[str, Any]:
    """An LRS of a custom application; `image` stands at `spec.image` and in its only container."""
    made = samples.samples(crd_api_version, kind, namespace)[12 + number % 5]
    made["metadata"]["name"] = f"app-{number}"
    made["spec"]["image"] = image
    made["spec"]["template"]["containers"][0]["image"] = image
    return made


def standard(registry: Registry, login: dict[str, str] | None = None) -> dict[str, images.Image]:
    """Four images that share layers, pushed: OCI, Docker's schema 2, an index in each word. By their references."""
    made = {
        f"{PREFIX}/{APP}:one": images.image("base", "one"),
        f"{PREFIX}/{APP}:two": images.image("base", "two", kind="docker"),
        "managed-image:three": images.index("base", "three", kind="docker"),
        f"{PREFIX}/base-image:four": images.index("base", "four"),
    }
    for name, image in made.items():
        repository, _, tag = name.rpartition(":")
        images.push(registry, repository, tag, image, login)
    return {f"{registry.host}/{name}": image for name, image in made.items()}


@contextmanager
def saved(
    plane: ControlPlane,
    crd: Crd,
    registry: Registry,
    space: str,
    directory: Path,
    *,
    mirror: str = "",
) -> Iterator[tuple[Path, dict[str, images.Image]]]:
    """A backup of the standard images, and of an LRS for each, in a namespace of its own; the images by their references.

    `mirror`: what the first LRS has in its environment as such.
    """
    loader.create_namespace(plane, space)
    made = standard(registry)
    every = [lrs(crd.api_version, crd.kind, space, number, name) for number, name in enumerate(made)]
    if mirror:
        every[0]["spec"]["env"]["MIRROR"] = mirror
    loader.create_many(plane, every)
    Cli(plane.kubeconfig, directory).ok("backup", "-n", space, "--images", "copy", "--name", "saved")
    yield directory / "saved", made
    loader.delete_namespace(plane, space, wait=False)


def repository_of(reference: str) -> tuple[str, str]:
    """(repository, tag) of a reference with a host."""
    repository, _, tag = reference.partition("/")[2].rpartition(":")
    return repository, tag


def blobs_in(folder: Path) -> list[str]:
    """The digests of what lies in the layout of a backup."""
    return sorted(f"sha256:{path.name}" for path in (folder / "images/blobs/sha256").iterdir())


def digests_of(made: Sequence[images.Image]) -> list[str]:
    """The digests of all that these images consist of, each once."""
    return sorted({digest for each in made for digest in (*each.manifests, *each.blobs)})
