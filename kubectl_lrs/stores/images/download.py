"""Blobs out of registries into a backup, each once, from whichever of the repositories that should have it gives it.

What is written has been held against its digest, so it does not matter who gave it. Whose it is does: with pull secrets
an image must be able to get each of its blobs as its own namespaces, or it would be given what another tenant has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository import Writer
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.access import OF_ONE, Access, Domain
from kubectl_lrs.stores.images.layout import Descriptor, Tree
from kubectl_lrs.stores.images.registry.client import RegistryClient
from kubectl_lrs.stores.images.registry.content import MissingError


@dataclass(frozen=True)
class Blob:
    """One blob to copy, and the images that consist of it, whose repositories should have it."""

    descriptor: Descriptor
    images: tuple[Reference, ...]


@dataclass(frozen=True)
class Copied:
    """What became of a blob. `reused`: it was there already, from an earlier backup or one that was broken off.

    `failures`: the images that it is not there for, each with what its own repository said.
    """

    digest: str
    size: int
    is_there: bool = True
    reused: bool = False
    failures: Mapping[Reference, LrsError] = field(default_factory=dict)


Place = tuple[str, Domain]
"""A repository, and whose pull secrets it is asked with: images that have these in common get the same answers."""


def blobs_of(trees: Iterable[tuple[Reference, Tree]]) -> list[Blob]:
    """Every blob of these images once, the largest first, so that none of them is waited for in the end."""
    owners: dict[str, list[Reference]] = {}
    descriptors: dict[str, Descriptor] = {}
    for reference, tree in trees:
        for blob in tree.blobs.values():
            descriptors.setdefault(blob.digest, blob)
            owners.setdefault(blob.digest, []).append(reference)
    made = [Blob(descriptors[digest], tuple(images)) for digest, images in owners.items()]
    return sorted(made, key=lambda each: each.descriptor.size, reverse=True)


class Downloads:
    """Copies blobs into a folder that is being made."""

    def __init__(self, writer: Writer, access: Access) -> None:
        self._writer = writer
        self._access = access

    def copy(self, blob: Blob) -> Copied:
        """Get one blob; what fails for one image alone is in the result."""
        part = blob.descriptor
        algorithm, _, value = part.digest.partition(":")
        if algorithm == "sha256" and self._writer.adopt(part.path, value):
            return Copied(part.digest, part.size, reused=True, failures=self._refused(blob, None))
        failures: dict[Place, LrsError] = {}
        for place, image in self._places(blob).items():
            try:
                self._fetch(part, image)
            except OF_ONE as error:
                failures[place] = error
                continue
            return Copied(part.digest, part.size, failures=self._refused(blob, place))
        return Copied(part.digest, part.size, is_there=False, failures=self._by_image(blob, failures))

    def _place(self, image: Reference) -> Place:
        return image.name, self._access.domain(image)

    def _places(self, blob: Blob) -> dict[Place, Reference]:
        """Where it may be had, each with one of the images for which it is asked there."""
        found: dict[Place, Reference] = {}
        for image in blob.images:
            found.setdefault(self._place(image), image)
        return found

    def _by_image(self, blob: Blob, failures: Mapping[Place, LrsError]) -> dict[Reference, LrsError]:
        return {image: failures[self._place(image)] for image in blob.images if self._place(image) in failures}

    def _fetch(self, blob: Descriptor, image: Reference) -> None:
        def work(registry: RegistryClient) -> None:
            with self._writer.stream(blob.path) as sink:
                for data in registry.blob(image.repository, blob.digest, blob.size, written=lambda: sink.digest):
                    sink.write(data)

        self._access.ask(image.registry, image.repository, self._access.domain(image), work)

    def _refused(self, blob: Blob, giver: Place | None) -> dict[Reference, LrsError]:
        """The images that may not have what the giver's pull secrets may have got, and that cannot get it themselves."""
        places = self._places(blob)
        if len({domain for _, domain in places}) == 1:
            return {}
        failures: dict[Place, LrsError] = {}
        for place, image in places.items():
            if giver is not None and giver[1] <= place[1]:
                continue
            try:
                self._require(blob.descriptor, image)
            except OF_ONE as error:
                failures[place] = error
        return self._by_image(blob, failures)

    def _require(self, blob: Descriptor, image: Reference) -> None:
        def work(registry: RegistryClient) -> None:
            if not registry.has_blob(image.repository, blob.digest, blob.size):
                raise MissingError(f"{image.name}@{blob.digest}: its repository does not have it")

        self._access.ask(image.registry, image.repository, self._access.domain(image), work)
