"""One OCI layout for all images of a backup, under `images/`: blobs shared by digest, each image named in `index.json`.

Plain tools read it: `skopeo copy oci:images:NAME docker://...`. Source: OCI image layout specification 1.0. It is written
into a folder that is being made, and read without trust out of one that is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository import Backup, Writer
from kubectl_lrs.stores.common.image_names.reference import is_digest
from kubectl_lrs.stores.images.registry.content import (
    INDEXES,
    MANIFESTS,
    MAX_MANIFEST,
    OCI_INDEX,
    Manifest,
    WrongContentError,
    digest_of,
)

TOP = "images"
VERSION_FILE = f"{TOP}/oci-layout"
INDEX_FILE = f"{TOP}/index.json"
VERSION = "1.0.0"
NAME = "org.opencontainers.image.ref.name"

MAX_INDEX = 64 << 20
MAX_CHILDREN = 200
MAX_LAYERS = 1000
MAX_DEPTH = 3
MAX_BLOB = 1 << 42
"""Bounds of what an index and a manifest may hold; far more than any image has."""

NOT_COPIED = ("foreign", "nondistributable")
"""Layers whose media type has one of these words lie elsewhere, by their licence; registries do not hold them."""


@dataclass(frozen=True)
class Descriptor:
    """What an index or a manifest says of a part."""

    media_type: str
    digest: str
    size: int
    platform: str = ""

    @property
    def path(self) -> str:
        """Where it lies in the backup."""
        return blob_path(self.digest)


@dataclass(frozen=True)
class Parts:
    """What a manifest consists of: further manifests (of an index), or blobs."""

    manifests: tuple[Descriptor, ...] = ()
    blobs: tuple[Descriptor, ...] = ()


@dataclass
class Tree:
    """An image as a whole: its manifests, what they point to before what points to it; its blobs, each once."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    blobs: dict[str, Descriptor] = field(default_factory=dict)
    platforms: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of all of it."""
        return sum(len(each.data) for each in self.manifests.values()) + sum(each.size for each in self.blobs.values())


def blob_path(digest: str) -> str:
    """Where a blob lies in the backup; the digest must be one."""
    if not is_digest(digest):
        raise ValueError(digest)
    algorithm, _, value = digest.partition(":")
    return f"{TOP}/blobs/{algorithm}/{value}"


def parts_of(manifest: Manifest) -> Parts:
    """What a manifest names; WrongContentError where it is not what its media type says."""
    try:
        document = json.loads(manifest.data)
        if manifest.media_type in INDEXES:
            return Parts(manifests=_descriptors(document["manifests"], MAX_CHILDREN, INDEXES | MANIFESTS))
        layers = _descriptors(document["layers"], MAX_LAYERS)
        config = _descriptors([document["config"]], 1)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WrongContentError(f"{manifest.digest}: not a manifest of an image: {type(error).__name__}") from error
    kept = [each for each in layers if not any(word in each.media_type for word in NOT_COPIED)]
    return Parts(blobs=(*config, *kept))


def _descriptors(entries: Any, most: int, wanted: frozenset[str] | None = None) -> tuple[Descriptor, ...]:
    if not isinstance(entries, list) or len(entries) > most:
        raise ValueError("too many")
    found = tuple(_descriptor(entry) for entry in entries)
    if wanted is not None and any(each.media_type not in wanted for each in found):
        raise ValueError("media type")
    return found


def _descriptor(entry: Mapping[str, Any]) -> Descriptor:
    media_type, digest, size = entry["mediaType"], entry["digest"], entry["size"]
    if not isinstance(media_type, str) or not isinstance(digest, str) or not is_digest(digest):
        raise ValueError("digest")
    if type(size) is not int or not 0 <= size <= MAX_BLOB:
        raise ValueError("size")
    platform = entry.get("platform") or {}
    words = [str(platform[key]) for key in ("os", "architecture", "variant") if platform.get(key)]
    return Descriptor(media_type, digest, size, "/".join(words)[:80])


def tree(top: Manifest, fetch: Callable[[str], Manifest]) -> Tree:
    """All of an image; `fetch(digest)` gives the manifests that an index names. Its errors are passed on."""
    found = Tree()
    _grow(found, top, fetch, 0)
    return found


def _grow(found: Tree, manifest: Manifest, fetch: Callable[[str], Manifest], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WrongContentError(f"{manifest.digest}: indexes within indexes, more than {MAX_DEPTH} deep")
    parts = parts_of(manifest)
    for child in parts.manifests:
        if child.platform and child.platform not in found.platforms:
            found.platforms.append(child.platform)
        if child.digest not in found.manifests:
            below = fetch(child.digest)
            if below.media_type != child.media_type or len(below.data) != child.size:
                raise WrongContentError(f"{child.digest}: not what the index {manifest.digest} says of it")
            _grow(found, below, fetch, depth + 1)
    for blob in parts.blobs:
        if found.blobs.setdefault(blob.digest, blob).size != blob.size:
            raise WrongContentError(f"{blob.digest}: two sizes are said of it")
    found.manifests[manifest.digest] = manifest


# ---- writing


def write_frame(writer: Writer, named: Iterable[tuple[str, Manifest]]) -> None:
    """`oci-layout` and `index.json`: the names of the images, each with its manifest, which is written already."""
    writer.write(VERSION_FILE, json.dumps({"imageLayoutVersion": VERSION}).encode())
    entries = [
        {"mediaType": each.media_type, "digest": each.digest, "size": len(each.data), "annotations": {NAME: name}}
        for name, each in named
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    writer.write(INDEX_FILE, (json.dumps(document, indent=1) + "\n").encode(), limit=MAX_INDEX)


# ---- reading


class Layout:
    """The layout of a sealed backup."""

    def __init__(self, folder: Backup) -> None:
        self.folder = folder
        self.named = dict(self._named())

    def _named(self) -> Iterator[tuple[str, Descriptor]]:
        where = self.folder.describe(INDEX_FILE)
        try:
            version = json.loads(self._read(VERSION_FILE, 4096))["imageLayoutVersion"]
            entries = json.loads(self._read(INDEX_FILE, MAX_INDEX))["manifests"]
            found = [(str(entry["annotations"][NAME]), _descriptor(entry)) for entry in entries]
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamageError(f"{where}: not the index of an OCI layout: {error!r}") from error
        if version != VERSION:
            raise DamageError(f"{self.folder.describe(VERSION_FILE)}: a layout of version {str(version)[:20]!r} is not known")
        yield from found

    def tree(self, name: str) -> Tree:
        """All of an image by its name; DamageError where something of it is not there or not right."""
        if name not in self.named:
            raise DamageError(f"{self.folder.describe(INDEX_FILE)}: it does not name {name}")
        top = self.named[name]
        try:
            found = tree(self._manifest(top.digest, top.media_type), self._manifest)
        except WrongContentError as error:
            raise DamageError(f"{self.folder.describe(TOP)}: {error}") from error
        for blob in found.blobs.values():
            self._require_size(blob)
        return found

    def _manifest(self, digest: str, media_type: str = "") -> Manifest:
        data = self._read(blob_path(digest), MAX_MANIFEST)
        if digest_of(data, digest.partition(":")[0]) != digest:
            raise DamageError(f"{self.folder.describe(blob_path(digest))}: altered: it is not what its name says")
        return Manifest(data, digest, media_type or _media_type(data))

    def _require_size(self, blob: Descriptor) -> None:
        with self.folder.reading(blob.path) as file:
            if file.seek(0, 2) != blob.size:
                raise DamageError(f"{self.folder.describe(blob.path)}: not {blob.size} bytes, as its manifest says")

    def _read(self, relative: str, limit: int) -> bytes:
        with self.folder.reading(relative) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise DamageError(f"{self.folder.describe(relative)}: larger than {limit >> 20} MiB")
        return data


def _media_type(data: bytes) -> str:
    """Of a manifest that an index names: `tree` holds it against what the index says."""
    try:
        document = json.loads(data)
        said = document.get("mediaType")
    except (ValueError, AttributeError, RecursionError) as error:
        raise WrongContentError("a manifest is not JSON") from error
    if isinstance(said, str) and said:
        return said
    return OCI_INDEX if "manifests" in document else "application/vnd.oci.image.manifest.v1+json"
