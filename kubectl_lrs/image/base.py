"""What an image stands on: the base that the plugin brings, or another image, taken out of a registry or named by its digest."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubectl_lrs.image.layer import Layer, unpacked_digest
from kubectl_lrs.image.layout import Layout
from kubectl_lrs.image.plugin import Plugin
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.layout import Descriptor, parts_of
from kubectl_lrs.stores.images.registry.client import RegistryClient
from kubectl_lrs.stores.images.registry.content import INDEXES, MAX_MANIFEST, Manifest, WrongContentError

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
LOADERS = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
"""What starts a program that is linked against glibc."""

_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYERS = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
    **{f"{_TAR}{form}": f"{_TAR}{form}" for form in ("", "+gzip", "+zstd")},
}
"""The media types of layers that are known → what an OCI manifest calls the same bytes."""

NEEDS = "it must have glibc 2.17 or newer and certificates of authorities, as Debian, Ubuntu, UBI and distroless have"


@dataclass(frozen=True, kw_only=True)
class Base:
    """The layers below the plugin. `name` and `digest`: of the image that they are from, empty for the plugin's own."""

    layers: tuple[Layer, ...]
    environment: tuple[str, ...] = ()
    name: str = ""
    digest: str = ""


def own(plugin: Plugin, layout: Layout) -> Base:
    """The base that the plugin brings."""
    data = plugin.base()
    return Base(layers=(Layer(LAYER, layout.add(data), len(data), unpacked_digest(data)),))


def of_registry(reference: Reference, registry: RegistryClient, architecture: str, layout: Layout) -> Base:
    """The base that an image is: its layers are fetched, each held against its digest.

    UsageError where it has none for the architecture, or nothing that could start the plugin's Python.
    """
    what = f"--base {reference}"
    manifest = _for(architecture, registry.manifest(reference.repository, reference.wanted), reference, registry)
    config_at, *blobs = parts_of(manifest).blobs
    if config_at.size > MAX_MANIFEST:
        raise WrongContentError(f"{what}: its configuration is too large for that of an image")
    config = _config(b"".join(registry.blob(reference.repository, config_at.digest, config_at.size)), what)
    if config.get("os") != "linux" or config.get("architecture") != architecture:
        raise UsageError(f"{what}: it is not for linux/{architecture}")
    ids = config["rootfs"]["diff_ids"]
    declared = json.loads(manifest.data)["layers"]
    if not len(ids) == len(blobs) == len(declared) or any(each.media_type not in LAYERS for each in blobs):
        raise UsageError(f"{what}: its layers are of a kind that cannot be built on")
    for blob in blobs:
        _fetch(reference, registry, blob, layout)
    if not any(_has(layout.blob(each.digest), LOADERS[architecture], what) for each in blobs):
        raise UsageError(f"{what}: it has no {LOADERS[architecture]}, which starts the plugin's Python", hint=NEEDS)
    layers = (Layer(LAYERS[each.media_type], each.digest, each.size, str(diff)) for each, diff in zip(blobs, ids, strict=True))
    return Base(layers=tuple(layers), environment=tuple(config["config"]["Env"]), name=str(reference), digest=manifest.digest)


def _for(architecture: str, top: Manifest, reference: Reference, registry: RegistryClient) -> Manifest:
    if top.media_type not in INDEXES:
        return top
    wanted = [each for each in parts_of(top).manifests if each.platform.split("/")[:2] == ["linux", architecture]]
    if not wanted:
        raise UsageError(f"--base {reference}: it is not there for linux/{architecture}")
    found = registry.manifest(reference.repository, wanted[0].digest)
    if found.media_type in INDEXES:
        raise UsageError(f"--base {reference}: for linux/{architecture} it is another index, and no image")
    return found


def _config(data: bytes, what: str) -> Mapping[str, Any]:
    """What an image says of itself; `config` with its `Env` and `rootfs` are there."""
    try:
        config = json.loads(data)
        environment = list((config.get("config") or {}).get("Env") or ())
        if all(isinstance(each, str) for each in (*config["rootfs"]["diff_ids"], *environment)):
            return {**config, "config": {"Env": environment}}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise UsageError(f"{what}: its configuration is not that of an image")


def _fetch(reference: Reference, registry: RegistryClient, blob: Descriptor, layout: Layout) -> None:
    with layout.part.open("wb") as file:
        for data in registry.blob(reference.repository, blob.digest, blob.size):
            file.write(data)
    layout.keep(blob.digest)


def _has(layer: Path, name: str, what: str) -> bool:
    """Whether a layer has a file or link of this name. What cannot be read is not taken for a yes."""
    try:
        with tarfile.open(layer, mode="r|*") as tar:
            return any(each.name.rpartition("/")[2] == name for each in tar)
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise UsageError(f"{what}: a layer of it cannot be read here: {error}") from error
