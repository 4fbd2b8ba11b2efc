"""An image of a layout into a registry: what it lacks is sent, the tag last, and what it then has is held against what was sent.

Why in this order: a registry shows a tag from the moment it is written, and nothing can take it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_lrs.image.layout import Layout
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.report import Result
from kubectl_lrs.runtime.progress import BYTES, Progress
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.layout import Descriptor, Tree
from kubectl_lrs.stores.images.registry.client import RegistryClient
from kubectl_lrs.stores.images.registry.content import Manifest, MissingError, PushError
from kubectl_lrs.stores.images.targets import creation


@dataclass(frozen=True)
class Pushed:
    """What the registry was sent, in blobs and manifests, and what it had already."""

    reference: Reference
    result: Result
    sent: int
    there: int
    bytes: int


def push(
    layout: Layout, top: Manifest, tree: Tree, target: Reference, registry: RegistryClient, *, replace: bool, progress: Progress
) -> Pushed:
    """Push it. LrsError where the tag names another image, unless it may be replaced, or where it is not there afterwards."""
    before = registry.digest_of(target.repository, target.tag)
    _require_free(before, top, target, replace=replace)
    progress.begin(f"{target}: pushing", tree.bytes, unit=BYTES)
    try:
        sent = [blob for blob in tree.blobs.values() if _sent(layout, blob, target, registry, progress)]
        manifests = [each for each in tree.manifests.values() if _put(each, target, registry, progress)]
    except (PushError, MissingError) as error:
        if command := creation(target.registry, target.repository):
            raise error.with_hint(f"where the repository is not there: {command}") from error
        raise
    finally:
        progress.end()
    if before != top.digest:
        _require_free(registry.digest_of(target.repository, target.tag), top, target, replace=replace, planned=before)
        _tag(top, target, registry)
    result = Result.UNCHANGED if before == top.digest else Result.REPLACED if before else Result.CREATED
    parts = len(tree.blobs) + len(tree.manifests)
    count = len(sent) + len(manifests)
    size = sum(each.size for each in sent) + sum(len(each.data) for each in manifests)
    return Pushed(target, result, count, parts - count, size)


def _require_free(now: str, top: Manifest, target: Reference, *, replace: bool, planned: str | None = None) -> None:
    if planned is not None and now not in (planned, top.digest):
        raise LrsError(
            f"{target}: it has become {now or 'nothing'} meanwhile; left as it is", hint="the same command looks again"
        )
    if now and now != top.digest and not replace:
        raise LrsError(f"{target}: it names another image, {now}", hint="push to another tag, or say --replace")


def _sent(layout: Layout, blob: Descriptor, target: Reference, registry: RegistryClient, progress: Progress) -> bool:
    path = layout.blob(blob.digest)
    is_sent = registry.push_blob(target.repository, blob.digest, blob.size, lambda: path.open("rb"))
    progress.advance(blob.size)
    return is_sent


def _put(manifest: Manifest, target: Reference, registry: RegistryClient, progress: Progress) -> bool:
    """Whether a manifest had to be sent; under its digest it can be nothing else."""
    if registry.digest_of(target.repository, manifest.digest):
        return False
    held = registry.push_manifest(target.repository, manifest.digest, manifest)
    if held.media_type != manifest.media_type:
        raise PushError(f"{target}: {manifest.digest} was sent as {manifest.media_type}, and is {held.media_type} there")
    progress.advance(len(manifest.data))
    return True


def _tag(top: Manifest, target: Reference, registry: RegistryClient) -> None:
    held = registry.push_manifest(target.repository, target.tag, top)
    if (held.digest, held.media_type) != (top.digest, top.media_type):
        raise PushError(f"{target}: the registry has {held.digest} under this tag, not {top.digest} as it was sent")
