"""The flags of images and their registries, for `backup` and `restore`. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from kubectl_lrs.commands.stores import BackupCall, RestoreCall
    from kubectl_lrs.stores.base import Collector, Restorer

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PARALLEL = 6

_REGISTRY = (
    click.option(
        "--registry-ca-file", default="", metavar="FILE", help="Certificate file of a registry's authority, beside the system's."
    ),
    click.option(
        "--registry-plain-http",
        "registry_plain",
        multiple=True,
        metavar="HOST[:PORT]",
        help="A registry that is spoken to without TLS; may be repeated. One on this machine needs no flag.",
    ),
    click.option(
        "--registry-pull-secrets",
        is_flag=True,
        help="Use the image pull secrets that LRS and their service accounts name, beside docker's own configuration.",
    ),
    click.option(
        "--images-parallel",
        type=click.IntRange(1, 32),
        default=DEFAULT_PARALLEL,
        show_default=True,
        help="Requests to registries at once.",
    ),
)

_BACKUP = (
    click.option(
        "--image",
        "images_also",
        multiple=True,
        metavar="NAME",
        help="Take this image too, such as one that could not be decided; may be repeated.",
    ),
    click.option(
        "--exclude-image",
        "images_excluded",
        multiple=True,
        metavar="PATTERN",
        help="Leave out images whose whole name fits ('docker.io/*'); may be repeated.",
    ),
    *_REGISTRY,
)

_RESTORE = (
    click.option(
        "--map-registry",
        "registry_maps",
        multiple=True,
        metavar="OLD=NEW",
        help="Images of registry OLD go to NEW, each a host or a host with a path, and specs name them there; may be repeated.",
    ),
    click.option(
        "--images-existing",
        type=click.Choice(["skip", "replace"]),
        default="skip",
        show_default=True,
        help="What to do with a tag that is there and names another digest.",
    ),
    *_REGISTRY,
)


def _all(options: Sequence[Callable[[Any], Any]]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


backup_options = _all(_BACKUP)
restore_options = _all(_RESTORE)


def collector(call: BackupCall) -> Collector:
    """The images' part of a backup."""
    from kubectl_lrs.stores.images import connect as images

    return images.collector(call.kube, call.level, call.options)


def restorer(call: RestoreCall) -> Restorer:
    """The images' part of a restore."""
    from kubectl_lrs.stores.images import connect as images
    from kubectl_lrs.stores.lrs.selected import namespace_map

    return images.restorer(call.folder, call.kube, call.options, namespace_map(call.options["maps"]), call.stop)
