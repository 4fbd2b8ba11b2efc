"""Images made of invented layers, put into a registry's storage the way that a push would: small, and different by a seed.

Docker's schema 2, OCI's manifest, and indexes of several architectures in both words. Standard library only.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bed.registry import Registry

TYPES = {
    "docker": {
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    },
    "oci": {
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "index": "application/vnd.oci.image.index.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
    },
}


@dataclass
class Image:
    """An image by its bytes: `manifests` by digest (the last is the one that a tag names), `blobs` by digest."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of what a tag names."""
        return list(self.manifests)[-1]

    def add_blob(self, data: bytes) -> str:
        """Its digest."""
        self.blobs[digest(data)] = data
        return digest(data)


def digest(data: bytes) -> str:
    """`sha256:...`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@functools.lru_cache(maxsize=8)
def layer(seed: str, size: int = 4096) -> tuple[bytes, str]:
    """(gzip of a tar with one file that does not compress, digest of the tar): the same for the same seed."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo(f"opt/{seed}")
        entry.size = size
        tar.addfile(entry, io.BytesIO(random.Random(seed).randbytes(size)))
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=1, fileobj=packed, mtime=0) as file:
        file.write(plain.getvalue())
    return packed.getvalue(), digest(plain.getvalue())


def image(*seeds: str, kind: str = "oci", size: int = 4096, architecture: str = "amd64", into: Image | None = None) -> Image:
    """An image of one architecture with a layer for each seed."""
    made = into or Image()
    layers, diffs = [], []
    for seed in seeds:
        data, diff = layer(seed, size)
        layers.append({"mediaType": TYPES[kind]["layer"], "digest": made.add_blob(data), "size": len(data)})
        diffs.append(diff)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Labels": {"seeds": ",".join(seeds)}},
        "rootfs": {"type": "layers", "diff_ids": diffs},
    }
    packed = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPES[kind]["manifest"],
        "config": {"mediaType": TYPES[kind]["config"], "digest": made.add_blob(packed), "size": len(packed)},
        "layers": layers,
    }
    data = json.dumps(manifest, indent=3).encode()
    made.manifests[digest(data)] = (TYPES[kind]["manifest"], data)
    return made


def index(*seeds: str, kind: str = "oci", size: int = 4096, architectures: Sequence[str] = ("amd64", "arm64")) -> Image:
    """An index of images that share the layers, each with one of its own."""
    made = Image()
    entries = []
    for architecture in architectures:
        image(*seeds, f"{seeds[0]}-{architecture}", kind=kind, size=size, architecture=architecture, into=made)
        media_type, data = made.manifests[made.digest]
        entries.append(
            {
                "mediaType": media_type,
                "digest": made.digest,
                "size": len(data),
                "platform": {"architecture": architecture, "os": "linux"},
            }
        )
    document = {"schemaVersion": 2, "mediaType": TYPES[kind]["index"], "manifests": entries}
    data = json.dumps(document, indent=3).encode()
    made.manifests[digest(data)] = (TYPES[kind]["index"], data)
    return made


def push(registry: Registry, repository: str, tag: str, made: Image, headers: Mapping[str, str] | None = None) -> str:
    """Push it through the registry's API; the digest."""
    login = dict(headers or {})
    for name, data in made.blobs.items():
        status, answer, body = registry.call("POST", f"/v2/{repository}/blobs/uploads/", b"", login)
        assert status == 202, (status, body)
        location = answer["Location"].partition(registry.host)[2] or answer["Location"]
        status, _, body = registry.call("PUT", f"{location}&digest={name}", data, login)
        assert status == 201, (status, body)
    for name, (media_type, data) in made.manifests.items():
        reference = tag if name == made.digest and tag else name
        path = f"/v2/{repository}/manifests/{reference}"
        status, _, body = registry.call("PUT", path, data, {**login, "Content-Type": media_type})
        assert status == 201, (status, body)
    return made.digest


def held(registry: Registry, repository: str, made: Image, headers: Mapping[str, str] | None = None) -> None:
    """Everything that the image consists of is in the repository, byte for byte, through the registry's API."""
    login: dict[str, Any] = dict(headers or {})
    for name, (media_type, data) in made.manifests.items():
        status, answer, body = registry.call("GET", f"/v2/{repository}/manifests/{name}", None, {**login, "Accept": media_type})
        assert (status, body, answer["Content-Type"]) == (200, data, media_type)
    for name, data in made.blobs.items():
        status, _, body = registry.call("GET", f"/v2/{repository}/blobs/{name}", None, login)
        assert (status, digest(body)) == (200, digest(data))
