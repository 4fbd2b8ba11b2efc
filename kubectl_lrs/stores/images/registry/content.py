"""What registries hold: manifests by their bytes, blobs by their digest, the media types that are known. No requests here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.model.errors import ExitCode, LrsError, UnreachableError
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


ABSENT = frozenset(("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND"))
"""By which a registry says, with a 404, that it does not have something. The last one is Harbor's; the others are OCI's."""

MAX_ERRORS = 3


class MissingError(LrsError):
    """The registry itself says, in the words of the protocol, that it does not have it."""


class UnclearError(LrsError):
    """What answered does not tell whether the registry has it: a 404 of a proxy, an empty one, a method that is not allowed.

    It is neither there nor missing: nothing is written on it, and nothing is said to be lost.
    """


class BusyError(UnclearError, UnreachableError):
    """The registry answers that it cannot answer (429, 5xx), time after time. That may be so of this one thing alone."""

    exit_code = ExitCode.UNREACHABLE


class WrongContentError(UnclearError):
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


@dataclass(frozen=True)
class Said:
    """What a registry says with a failure. `codes` and `text` are empty where it is not said in the form of the protocol."""

    codes: frozenset[str] = frozenset()
    text: str = ""

    @property
    def is_absence(self) -> bool:
        """Whether, with a 404, it is the registry's own word that it does not have something, and nothing else."""
        return bool(self.codes) and self.codes <= ABSENT


def said_in(data: bytes) -> Said:
    """What the body of a failure says: `{"errors": [{"code": ..., "message": ...}]}`."""
    try:
        errors = json.loads(data)["errors"][:MAX_ERRORS]
        codes = [str(each["code"]) for each in errors]
        return Said(frozenset(codes), "; ".join(f"{each['code']}: {each.get('message', '')}" for each in errors))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Said()
