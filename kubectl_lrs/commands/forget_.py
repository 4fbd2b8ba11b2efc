"""`kubectl lrs forget`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Backups, Given, Quiet, Tables, Trusting, Yes
from kubectl_lrs.commands.prune_ import Trying, carry_out
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.flags import Source, argument
from kubectl_lrs.usecases.prune import plan_forget


@dataclass(frozen=True, kw_only=True)
class Flags(Backups):
    """What goes."""

    names: tuple[str, ...] = argument("names", default=(), metavar="BACKUP...", many=True, source=Source.BACKUP_NAMES)


@lrs_command(
    "forget",
    Flags,
    Trusting,
    Trying,
    Yes,
    Tables,
    Quiet,
    examples=[
        ("Remove two backups, after a question", "@ forget lrs_backup_2026_11_22_08_16_10 lrs_backup_2026_11_23_08_16_10"),
        ("What would go", "@ forget lrs_backup_2026_11_23_08_16_10 --dry-run=client"),
    ],
    exits=(0, 1, 2, 3, 130),
)
def command(given: Given) -> ExitCode:
    """Remove backups that are named, for good.

    Only by their names in the folder of the backups: not `latest`, and no paths. A backup that is held is refused, and
    so is another user's. Files that other backups share stay with these. What is forgotten cannot be brought back.
    """
    flags = given.of(Flags)
    if not flags.names:
        raise UsageError("no backup is named", hint="name them as list shows them; prune removes by rules")
    plan = plan_forget(Path(flags.path), flags.names, given.of(Trusting).trust)
    return carry_out(given, plan, dry_run=given.of(Trying).dry_run == "client", must_ask=True)
