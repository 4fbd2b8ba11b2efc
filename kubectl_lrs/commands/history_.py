"""The flags and the help of `kubectl lrs history`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.model.flags import Group, argument, flag

VERBS = ("backup", "restore", "clean-spark", "deactivate", "activate", "prune", "forget", "rehearse", "schedule", "image")
"""Those that change something, and so are noted."""


class Flags(Tables):
    """Which acts."""

    verbs: tuple[str, ...] = argument("verbs", default=(), metavar="[VERB]...", many=True, offered=VERBS)
    since: str = flag(
        "--since",
        default="",
        metavar="DATE",
        group=Group.MEANT,
        help="Only what began then or later: 2026-11-24, '2026-11-24 08:00', tuesday, yesterday, 2d.",
    )


HELP = """Show what was done, by whom, when.

One row for each backup, restore, rehearse, clean-spark, deactivate, activate, prune, forget, schedule and image that
changed something, of all clusters, the newest last; with VERB, these alone. -o wide and json tell besides who it was
by the word of the API server, and the command, without what is secret in it. It is this user's own: it lies in
LRS_STATE_DIR, else in kubectl-lrs in XDG_STATE_HOME, else in ~/.local/state. What was done as another user, or on
another machine, is not in it. An act whose end is not known was killed, or is still at work.
"""


command = lrs_command(
    "history",
    Flags,
    help=HELP,
    examples=[
        ("Who restored what, and when", "@ history restore"),
        ("Since Tuesday, with commands and exit status", "@ history --since tuesday -o wide"),
    ],
)
