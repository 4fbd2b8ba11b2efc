"""The flags and the help of `kubectl lrs prune`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Silent, Tables, Trusting, Trying, Yes
from kubectl_lrs.model.flags import Group, Options, Source, flag


def _count(name: str, what: str) -> int | None:
    return flag(
        f"--keep-{name}",
        key=f"retention.keep{name.title()}",
        default=None,
        metavar="N",
        least=1,
        group=Group.MEANT,
        help=f"Keep {what}.",
    )


def _within(name: str, what: str) -> str:
    key = f"retention.keepWithin{name.lstrip('-').title()}"
    return flag(
        f"--keep-within{name}", key=key, default="", metavar="DURATION", group=Group.MEANT, help=f"Keep {what} that is no older."
    )


class Keep(Options):
    """Which backups are kept."""

    last: int | None = _count("last", "the newest N")
    hourly: int | None = _count("hourly", "the newest of each of the last N hours that have one")
    daily: int | None = _count("daily", "the newest of each of N days")
    weekly: int | None = _count("weekly", "the newest of each of N weeks (ISO)")
    monthly: int | None = _count("monthly", "the newest of each of N months")
    yearly: int | None = _count("yearly", "the newest of each of N years")
    within: str = _within("", "each")
    within_hourly: str = _within("-hourly", "the newest of each hour")
    within_daily: str = _within("-daily", "the newest of each day")
    within_weekly: str = _within("-weekly", "the newest of each week")
    within_monthly: str = _within("-monthly", "the newest of each month")
    within_yearly: str = _within("-yearly", "the newest of each year")
    names: tuple[str, ...] = flag(
        "--keep-name",
        key="retention.keepNames",
        default=(),
        metavar="BACKUP,...",
        commas=True,
        source=Source.BACKUP_NAMES,
        group=Group.MEANT,
        help="Keep these.",
    )
    minimum: int = flag(
        "--minimum",
        key="retention.minimum",
        default=2,
        metavar="N",
        least=0,
        shown=True,
        group=Group.MEANT,
        help="Whole backups of each group that are kept whatever the rules say.",
    )


HELP = """Remove backups that no rule keeps.

Backups of the same cluster that were asked for the same (selection, profile, levels) are a group, and judged
together. Each rule keeps some, and what none keeps goes; --minimum whole ones of each group always stay, and so does
what is held, dated later than now, or another user's. A partial backup never takes the place of a whole one.
Periods are those of UTC.

Files that other backups share stay with these. In a pooled repository what nothing refers to any more is condemned,
and deleted by a prune after the grace time (48 hours, by the storage's clock); nothing is removed there while a seal,
a hold or a list cannot be read. A run that removes more than half of a group asks first.
"""


command = lrs_command(
    "prune",
    Keep,
    Backups,
    Trusting,
    Trying,
    Yes,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("What would go, and why the rest stays", "@ prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run=client"),
        ("Nightly, after the backup", "@ prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --backup-dir /var/backups/lrs"),
        ("All of the last month, one of each week of the last year", "@ prune --keep-within 30d --keep-within-weekly 365d"),
        ("Keep one for good", "@ hold lrs_backup_2026_11_23_08_16_10 --reason 'before the upgrade'"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
