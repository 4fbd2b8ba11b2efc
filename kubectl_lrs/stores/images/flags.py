"""What can be said of images and their registries on a command line. Pure data."""

from __future__ import annotations

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Group, Options, Source, flag
from kubectl_lrs.model.stores import STORES

IMAGES = Group.IMAGES
LEVELS = STORES["images"].levels
DEFAULT_PARALLEL = 6


class SpokenTo(Options):
    """How registries are spoken to."""

    ca_file: str = flag(
        "--registry-ca-file",
        key="images.caFile",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=IMAGES,
        help="Certificate file of a registry's authority, beside the system's.",
    )
    plain: tuple[str, ...] = flag(
        "--registry-plain-http",
        key="images.plainHttp",
        default=(),
        metavar="HOST[:PORT]",
        group=IMAGES,
        help="A registry that is spoken to without TLS; may be repeated. One on this machine needs no flag.",
    )


class RegistryOptions(SpokenTo):
    """Which registries are asked, as whom, and how many questions at once."""

    pull_secrets: bool = flag(
        "--registry-pull-secrets",
        key="images.pullSecrets",
        default=False,
        group=IMAGES,
        help="Use the image pull secrets that LRS and their service accounts name, beside docker's own configuration.",
    )
    hosts: tuple[str, ...] = flag(
        "--registry",
        key="images.registries",
        default=(),
        metavar="HOST[:PORT]",
        group=IMAGES,
        help="Contact only this registry, whatever others are named in LRS and documents; may be repeated.",
    )
    parallel: int = flag(
        "--images-parallel",
        key="images.parallel",
        default=DEFAULT_PARALLEL,
        least=1,
        most=32,
        shown=True,
        group=IMAGES,
        help="Requests to registries at once.",
    )


class WhichImages(RegistryOptions):
    """Which images are meant."""

    also: tuple[str, ...] = flag(
        "--image",
        key="images.include",
        default=(),
        metavar="NAME",
        group=IMAGES,
        help="Take this image too, such as one that could not be decided; may be repeated.",
    )
    excluded: tuple[str, ...] = flag(
        "--exclude-image",
        key="images.exclude",
        default=(),
        metavar="PATTERN",
        group=IMAGES,
        help="Leave out images whose whole name fits ('docker.io/*'); may be repeated.",
    )


class BackupOptions(WhichImages):
    """Which images a backup takes."""

    level: str | None = flag(
        "--images",
        key="images.level",
        default=None,
        choices=LEVELS,
        group=IMAGES,
        help=f"How much of the {STORES['images'].holds} to take; else what --profile says.",
    )


class CheckOptions(WhichImages):
    """Whether `check` asks the registries."""

    wanted: bool | None = flag(
        "--images",
        key="check.images",
        off="--no-images",
        default=None,
        group=IMAGES,
        help="Look at the images too; by default as --profile says, or where flags name it.",
    )


class RestoreOptions(RegistryOptions):
    """Where a restore takes images to."""

    registry_maps: tuple[str, ...] = flag(
        "--map-registry",
        key="images.mapRegistry",
        default=(),
        metavar="OLD=NEW",
        group=IMAGES,
        help="Images of registry OLD go to NEW, each a host or a host with a path, and specs name them there; may be repeated.",
    )
    existing: Existing = flag(
        "--images-existing",
        default=Existing.SKIP,
        choices=(Existing.SKIP, Existing.REPLACE),
        shown=True,
        group=IMAGES,
        help="With a tag that is there and names another digest: leave it, or move it.",
    )


class RehearseOptions(SpokenTo):
    """Where a rehearsal pushes images."""

    scratch: str = flag(
        "--scratch-repository",
        default="",
        metavar="HOST/PATH",
        group=IMAGES,
        help="Push images into this repository, which nothing else uses, read them back and remove them; else none is pushed.",
    )

    def __post_init__(self) -> None:
        """It is a repository, and nothing in it."""
        from kubectl_lrs.stores.common.image_names.reference import named_repository  # help does not wait for it

        if self.scratch:
            named_repository(self.scratch, "--scratch-repository")


BACKUP, RESTORE, CHECK, REHEARSE = BackupOptions, RestoreOptions, CheckOptions, RehearseOptions
