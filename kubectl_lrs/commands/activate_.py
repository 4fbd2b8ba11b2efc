"""The flags and the help of `kubectl lrs activate`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import At, Backups, Quiet, Tables, Trusting, Yes
from kubectl_lrs.model.flags import Group, Source, flag
from kubectl_lrs.stores.deployments.flags import ApiOptions, ChangeOptions, ChoiceOptions


class Flags(Backups):
    """What says which deployments were active."""

    journals: tuple[str, ...] = flag(
        "--journal",
        default=(),
        metavar="FILE",
        source=Source.FILE,
        group=Group.OUTPUT,
        help="The journal of deactivate; else every one in the folder of the backups that is not done.",
    )
    from_: str = flag(
        "--from",
        default="",
        metavar="BACKUP",
        source=Source.BACKUPS,
        group=Group.MEANT,
        help="In place of a lost journal: what was active when this backup was made, shown and asked about first.",
    )


HELP = """Activate the deployments that `deactivate` took down, and nothing else.

What is to be active again is in the journal that deactivate wrote. A deployment that somebody else has deleted,
archived or given another model meanwhile is reported, not forced. Run it again after an interruption: it goes on.
URL and token are found as `deactivate --help` says.
"""


command = lrs_command(
    "activate",
    ApiOptions,
    ChoiceOptions,
    Flags,
    At,
    Trusting,
    ChangeOptions,
    Yes,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("What would be activated", "@ activate --dry-run=client"),
        ("Everything that deactivate took down, by the journals in the current directory", "@ activate"),
        ("What one journal says", "@ activate --journal lrs_deactivated_2026_11_23_08_16_10.json"),
        ("The journal is lost: what was active when a backup was made", "@ activate --from lrs_backup_2026_11_23_08_16_10"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
