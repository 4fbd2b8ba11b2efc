"""The flags and the help of `kubectl lrs image`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Quiet, Tables
from kubectl_lrs.model.flags import Group, Options, Source, flag
from kubectl_lrs.stores.images.flags import SpokenTo

MEANT = Group.MEANT
PLATFORMS = ("linux/amd64", "linux/arm64")


class Flags(Options):
    """What it is made of, and where it goes."""

    push: str = flag(
        "--push",
        default="",
        metavar="REGISTRY/REPO[:TAG]",
        help="Push it there; without a tag, the version is the tag.",
    )
    layout: str = flag(
        "--layout", default="", metavar="DIR", source=Source.DIRECTORY, help="Write it into this new folder, as an OCI layout."
    )
    source: str = flag(
        "--from",
        default="",
        metavar="DIR",
        source=Source.DIRECTORY,
        group=MEANT,
        help="Take the image that --layout wrote into this folder, and make none.",
    )
    archives: tuple[str, ...] = flag(
        "--archive",
        default=(),
        metavar="FILE",
        source=Source.FILE,
        group=MEANT,
        help="Make it of this krew archive for Linux, in place of this installation; one for each platform. SHA256SUMS must be "
        "beside it.",
    )
    platforms: tuple[str, ...] = flag(
        "--platform",
        default=(),
        choices=PLATFORMS,
        group=MEANT,
        help="Make it for this platform alone; may be repeated. By default for all that there are files for.",
    )
    base: str = flag(
        "--base",
        default="",
        metavar="IMAGE",
        group=MEANT,
        help="Stand on this image of a registry, in place of the Debian libraries that the plugin brings.",
    )
    replace: bool = flag("--replace", default=False, help="Move a tag that names another image.")


HELP = """Make the container image of this plugin, and push it to a registry.

For nightly runs in a cluster. It is made without Docker, of what the plugin was installed from by krew, for Linux on
amd64 and arm64: nothing is downloaded, so it works without internet. The same files give the same image, byte for byte.
--push sends what the registry lacks; a tag that names another image is only moved with --replace.
"""


command = lrs_command(
    "image",
    Flags,
    SpokenTo,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("Of this installation, for its own platform", "@ image --push registry.example.com/tools/kubectl-lrs"),
        (
            "For both platforms, of the archives of a release",
            "@ image --archive kubectl-lrs_v0.1.0_linux_amd64.tar.gz --archive kubectl-lrs_v0.1.0_linux_arm64.tar.gz "
            "--push registry.example.com/tools/kubectl-lrs:v0.1.0",
        ),
        ("Into a folder, and from there to a registry elsewhere", "@ image --layout ./image"),
        ("The second half", "@ image --from ./image --push registry.example.com/tools/kubectl-lrs"),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
