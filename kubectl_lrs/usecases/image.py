"""Make the image of the plugin, or take one that was made; push it. What a run of `image` is, without words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.image import base, build
from kubectl_lrs.image.layout import Layout, made
from kubectl_lrs.image.plugin import Files, Plugin, archive, installed, plugin
from kubectl_lrs.image.push import Pushed, push
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.layout import Tree, parts_of
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.content import INDEXES, Manifest

NO_PYTHON = "this installation has no Python of its own that runs in an image"
CARRY = "name archives of this release for Linux, with SHA256SUMS beside them: --archive kubectl-lrs_v..._linux_amd64.tar.gz"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an image is to be made of. `architectures`: empty for all that are at hand."""

    archives: tuple[Path, ...] = ()
    architectures: tuple[str, ...] = ()
    base: Reference | None = None


@dataclass(frozen=True)
class Image:
    """An image that lies in a layout, and was read there as whoever gets it will: what a tag is to name, and all of it."""

    layout: Layout
    top: Manifest
    tree: Tree

    @classmethod
    def read(cls, folder: Path) -> Image:
        """The one in a folder; DamageError where a byte of it is another one, UsageError where it is not of this version."""
        layout = Layout(folder)
        top, tree = layout.tree()
        build.require_ours(top, str(folder))
        return cls(layout, top, tree)

    @property
    def platforms(self) -> Mapping[str, tuple[str, int]]:
        """(digest, bytes) for each platform."""
        each = parts_of(self.top).manifests if self.top.media_type in INDEXES else ()
        blobs = {below.digest: parts_of(self.tree.manifests[below.digest]).blobs for below in each}
        return {below.platform: (below.digest, sum(blob.size for blob in blobs[below.digest])) for below in each}

    def push(self, target: Reference, registries: Registries, *, replace: bool, progress: Progress) -> Pushed:
        """Into a registry."""
        registry = registries.of(target.registry)
        return push(self.layout, self.top, self.tree, target, registry, replace=replace, progress=progress)


@contextmanager
def making(wanted: Wanted, folder: Path | None, registries: Registries, progress: Progress) -> Iterator[Image]:
    """A new image: after the block it is in the folder that is named, without one it is gone."""
    with ExitStack() as stack:
        plugins = _plugins(wanted, stack)
        layout = stack.enter_context(made(folder))
        images = {each.architecture: _image(each, wanted.base, layout, registries, progress) for each in plugins}
        layout.finish(build.index(images, layout), build.TAG)
        yield Image.read(layout.folder)


def _plugins(wanted: Wanted, stack: ExitStack) -> Sequence[Plugin]:
    """One for each architecture that is wanted."""
    sources: list[Files] = [stack.enter_context(archive(path)) for path in wanted.archives]
    if not sources and (own := installed()):
        sources.append(own)
    found: dict[str, Plugin] = {}
    for each in map(plugin, sources):
        if each.architecture in found:
            raise UsageError(f"{each.source.what}: another archive for {each.architecture}", hint="name one for each platform")
        found[each.architecture] = each
    if not found:
        raise UsageError(NO_PYTHON, hint=CARRY)
    lacking = [name for name in wanted.architectures if name not in found]
    if lacking:
        raise UsageError(f"what is at hand is not for linux/{', linux/'.join(lacking)}", hint=CARRY)
    return [found[name] for name in sorted(wanted.architectures or found)]


def _image(plugin: Plugin, named: Reference | None, layout: Layout, registries: Registries, progress: Progress) -> Manifest:
    progress.begin(f"making the image for linux/{plugin.architecture}")
    try:
        if named is None:
            below = base.own(plugin, layout)
        else:
            below = base.of_registry(named, registries.of(named.registry), plugin.architecture, layout)
        return build.image(plugin, below, layout)
    finally:
        progress.end()
