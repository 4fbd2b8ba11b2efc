"""The flags and the help of `kubectl lrs schedule`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.schedule_flags import Settings
from kubectl_lrs.commands.shared import Quiet, Tables
from kubectl_lrs.model.flags import Group, Options, argument, flag
from kubectl_lrs.model.nightly import PARTS

STATUS, RUN = "status", "run"


class Flags(Options):
    """What is done."""

    what: str | None = argument("what", default=None, metavar="[status|run]", choices=(STATUS, RUN))
    part: str | None = argument("part", default=None, metavar="[PART]", choices=PARTS)
    apply: bool = flag("--apply", default=False, group=Group.HOW, help="Make it in the cluster, or bring it up to date.")
    delete: bool = flag("--delete", default=False, group=Group.HOW, help="Remove from the cluster what --apply has made.")
    dry_run: str = flag(
        "--dry-run",
        default="none",
        alone="client",
        choices=("none", "client", "server"),
        group=Group.HOW,
        help="Print it, as without --apply (client); have the API server check all of it, and write nothing (server).",
    )


HELP = """Set up nightly runs in the cluster, show how they go, or start one now.

Prints what they need and nothing more, for kubectl apply or a repository of manifests: the installation file as a
ConfigMap, which has the uids of the cluster and is refused in any other; for each part a CronJob, a service account
and, where it asks the cluster, the smallest Role for the profile. `backup` may read and not delete, `prune` deletes
backups and has no rights in the cluster, `prove` is off unless it is named. Secrets are named and never read. --apply
makes all of it or brings it up to date: it is tried as a whole first, what another manager owns is left alone, and
what an earlier --apply made and is needed no more goes. --delete removes what --apply has made.

It needs an installation file. Files that this one names are keys of the Secret of --backup-files (--prune-files), by
their names; what storages need as environment is in those of --backup-env (--prune-env).

`status` shows the last runs, the newest backup, the next run and what is wrong, which makes the exit status 4. `run`
starts PART (backup) now and follows its log; its exit status is that of the run.
"""


command = lrs_command(
    "schedule",
    Flags,
    Settings,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("What would be made", "@ schedule --config prod.yaml"),
        ("Would the cluster take it?", "@ schedule --config prod.yaml --apply --dry-run=server"),
        ("Every night", "@ schedule --config prod.yaml --apply"),
        ("How did it go?", "@ schedule status --config prod.yaml"),
        ("A backup now", "@ schedule run --config prod.yaml"),
        ("No more", "@ schedule --config prod.yaml --delete"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
