"""What registries hold: manifests by their bytes, blobs by their digest, the media types that are known. No requests here."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.stores.images.registry.http import CHUNK, StoppedError, words

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = frozenset((OCI_INDEX, DOCKER_LIST))
MANIFESTS = frozenset((OCI_MANIFEST, DOCKER_MANIFEST))
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))

MAX_MANIFEST = 4 << 20
"""Bytes: what the distribution specification says that a registry takes."""


class MissingError(LrsError):
    """The registry does not have it (404)."""


class WrongContentError(LrsError):
    """What the registry gives is not what its digest says, or not what an image consists of."""


class PushError(LrsError):
    """The registry refused what was pushed: an immutable tag, a quota, a manifest that it does not take."""


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index, exactly as the registry gave it."""

    data: bytes
    digest: str
    media_type: str


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """`sha256:...` of some bytes; WrongContentError where the algorithm is not one that can be checked."""
    if algorithm not in ("sha256", "sha512"):
        raise WrongContentError(f"{words(algorithm)}: not an algorithm that digests are checked by")
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def media_type_of(data: bytes, content_type: str, what: str) -> str:
    """What the manifest says of itself, else the header; WrongContentError where it is nothing that can be copied."""
    try:
        document: Any = json.loads(data)
        said = document.get("mediaType")
        version = document.get("schemaVersion")
    except (ValueError, AttributeError, RecursionError):
        raise WrongContentError(f"{what}: its manifest is not JSON") from None
    media_type = said if isinstance(said, str) and said else content_type
    if version != 2 or media_type not in INDEXES | MANIFESTS:
        raise WrongContentError(f"{what}: its manifest is of a kind that cannot be copied: {words(media_type)}")
    return media_type


class Body:
    """A file as requests sends it bit by bit; once `stop` is set it ends with StoppedError."""

    def __init__(self, file: IO[bytes], stop: threading.Event) -> None:
        self._file = file
        self._stop = stop
        self._size = file.seek(0, 2)
        file.seek(0)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(CHUNK):
            yield data

    def read(self, size: int = -1) -> bytes:
        """Some of it."""
        if self._stop.is_set():
            raise StoppedError("stopped")
        return self._file.read(size)

    def rewind(self) -> None:
        """From its beginning again."""
        self._file.seek(0)
