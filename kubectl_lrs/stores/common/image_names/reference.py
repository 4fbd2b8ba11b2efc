"""Names of container images: what a registry, a repository, a tag and a digest are, and how a name is read. Pure.

The grammar is the one that docker, containerd and kubectl share (distribution/reference): without a host a name means
Docker Hub, there without a folder `library/`; without tag and digest it means the tag `latest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubectl_lrs.model.errors import UsageError

HUB = "docker.io"
HUB_ALIASES = frozenset(("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"))
DEFAULT_TAG = "latest"
MAX_NAME = 255
MAX_TEXT = 800

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


@dataclass(frozen=True, order=True)
class Reference:
    """One image of a registry. `tag` is empty where only a digest was given; with both, the digest is what counts."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """`registry/repository`."""
        return f"{self.registry}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """What a name of an image means; ValueError where it is none."""
    if not text or len(text) > MAX_TEXT:
        raise ValueError("not the name of an image")
    rest, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise ValueError(f"{digest[:80]!r} is not a digest that can be checked")
    tag = ""
    last = rest.rpartition("/")[2]
    if ":" in last:
        rest, _, tag = rest.rpartition(":")
        if not _TAG.fullmatch(tag):
            raise ValueError(f"{tag[:80]!r} is not a tag")
    host, repository = _split_host(rest)
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(repository):
        raise ValueError("not the name of an image")
    if len(host) + 1 + len(repository) > MAX_NAME:
        raise ValueError(f"the name of an image has at most {MAX_NAME} characters")
    return Reference(host, repository, tag or ("" if digest else DEFAULT_TAG), digest)


def named_repository(text: str, flag: str) -> Reference:
    """The repository that a flag names; UsageError where it names none, or an image in one."""
    try:
        found = parse(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text!r}: {error}", hint="write it like registry.example.com/folder/name") from error
    if not has_host(text) or is_pinned(text):
        why = "an image, and no repository" if has_host(text) else "it says no registry"
        raise UsageError(f"{flag} {text!r}: {why}", hint="write it like registry.example.com/folder/name")
    return Reference(found.registry, found.repository)


def _split_host(name: str) -> tuple[str, str]:
    host, slash, repository = name.partition("/")
    if not slash or not is_host(host):
        return HUB, name if slash else f"library/{name}"
    host = normal_host(host)
    if host == HUB:
        return HUB, repository if "/" in repository else f"library/{repository}"
    return host, repository


def normal_host(host: str) -> str:
    """The one way to write a host."""
    return HUB if host.lower() in HUB_ALIASES else host.lower()


def is_host(first: str) -> bool:
    """Whether the first part of a name is a host: it has a dot or a port, or is `localhost`."""
    return ("." in first or ":" in first or first == "localhost") and _HOST.fullmatch(first) is not None


def has_host(text: str) -> bool:
    """Whether a name says itself which registry it means."""
    first, slash, _ = text.partition("/")
    return bool(slash) and is_host(first)


def is_pinned(text: str) -> bool:
    """Whether a name says itself which tag or digest it means."""
    return "@" in text or ":" in text.rpartition("/")[2]


def is_digest(text: str) -> bool:
    """Whether it is a digest by an algorithm that can be checked here."""
    return _DIGEST.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    """Whether it is a path of a repository."""
    return _REPOSITORY.fullmatch(text) is not None
