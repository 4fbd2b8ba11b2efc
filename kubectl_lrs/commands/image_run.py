"""Make the image, and push it, as `image_` is told."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from kubectl_lrs import __version__, render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.image_ import Flags
from kubectl_lrs.commands.shared import Quiet, Tables
from kubectl_lrs.image.build import TAG
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.image_names.reference import Reference, has_host, is_pinned, parse
from kubectl_lrs.stores.images.connect import registries
from kubectl_lrs.stores.images.flags import SpokenTo
from kubectl_lrs.usecases.image import Image, Wanted, making


def run(given: Given) -> None:
    """Make or take it, push it, show it."""
    flags = given.of(Flags)
    target = _target(flags) if flags.push else None
    folder = Path(flags.layout) if flags.layout else None
    if not target and not folder:
        raise UsageError("nothing says where the image is to go", hint="--push REGISTRY/REPO, or --layout DIR")
    progress = render.progress(quiet=given.of(Quiet).quiet)
    hosts = registries(given.of(SpokenTo))
    with (
        nullcontext(Image.read(Path(flags.source))) if flags.source else making(_wanted(flags), folder, hosts, progress) as image
    ):
        pushed = None
        if target:
            given.note(target.registry, target=str(target), what=f"the image of {__version__}, {image.top.digest}")
            pushed = image.push(target, hosts, replace=flags.replace, progress=progress)
        view = render.image_view(image, folder, pushed)
    render.show(view, given.of(Tables).output)


def _wanted(flags: Flags) -> Wanted:
    return Wanted(
        archives=tuple(map(Path, flags.archives)),
        architectures=tuple(dict.fromkeys(each.partition("/")[2] for each in flags.platforms)),
        base=_reference("--base", flags.base) if flags.base else None,
    )


def _target(flags: Flags) -> Reference:
    reference = _reference("--push", flags.push)
    if reference.digest:
        raise UsageError("--push: an image is pushed to a tag, not to a digest", hint="leave out what follows the @")
    return reference if is_pinned(flags.push) else replace(reference, tag=TAG)


def _reference(word: str, text: str) -> Reference:
    """Only with its registry: what is pushed is not to land at a public one because a host was forgotten."""
    try:
        found = parse(text)
    except ValueError as error:
        raise UsageError(f"{word}: {text!r}: {error}", hint="as in registry.example.com/tools/kubectl-lrs:v1") from error
    if not has_host(text):
        raise UsageError(f"{word}: {text!r} names no registry", hint=f"is {found} meant? Then say so")
    return found
