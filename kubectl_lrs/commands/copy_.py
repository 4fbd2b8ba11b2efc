"""The flags and the help of `kubectl lrs copy`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Silent, Tables, Trusting
from kubectl_lrs.model.flags import Options, Source, argument


class Flags(Options):
    """From where to where, and which."""

    source: str = argument("source", default="", metavar="FROM", source=Source.DIRECTORY)
    target: str = argument("target", default="", metavar="TO", source=Source.DIRECTORY)
    names: tuple[str, ...] = argument("names", default=(), metavar="[BACKUP...]", many=True)


HELP = """Copy backups from one place into another, whatever their forms.

FROM and TO are folders of backups or URLs of pooled repositories, as --backup-dir takes them. All backups are copied,
or those that are named. A copy holds the same files and has the same identity; each content is held against its sum
on the way, and what TO has already is not copied again. A backup that is there already is left, and another one of
the same name is refused. Holds stay where they are.
"""


command = lrs_command(
    "copy",
    Flags,
    At,
    Trusting,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("All backups of a folder to object storage", "@ copy /var/backups/lrs s3://backups/lrs"),
        ("That of Tuesday", "@ copy /var/backups/lrs /mnt/usb latest --at tuesday"),
        ("One backup back to a plain folder", "@ copy s3://backups/lrs /var/backups/lrs lrs_backup_2026_11_23_08_16_10"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
