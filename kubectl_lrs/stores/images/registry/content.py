"""What registries hold: manifests by their bytes, blobs by their digest, the media types that are known. No requests here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime import redact

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
        raise WrongContentError(f"{redact.text(algorithm)}: not an algorithm that digests are checked by")
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
        raise WrongContentError(f"{what}: its manifest is of a kind that cannot be copied: {redact.text(media_type)}")
    return media_type
