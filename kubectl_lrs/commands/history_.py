"""The flags and the help of `kubectl lrs history`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Tables
from kubectl_lrs.model.flags import argument


class Flags(Tables):
    """Which acts."""

    verbs: tuple[str, ...] = argument("verbs", default=(), metavar="[VERB]...", many=True)


HELP = """Show what was done, by whom, when.

One row for each backup, restore, clean-spark, deactivate, activate, prune and forget that changed something, of all clusters, the
newest last; with VERB, these alone. It is this user's own: it lies in LRS_STATE_DIR, else in kubectl-lrs in
XDG_STATE_HOME, else in ~/.local/state. What was done as another user, or on another machine, is not in it. An act
whose end is not known was killed, or is still at work.
"""


command = lrs_command(
    "history",
    Flags,
    help=HELP,
    examples=[("Who restored what, and when", "@ history restore"), ("With targets and exit status", "@ history -o wide")],
)
