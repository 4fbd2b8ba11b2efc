"""`kubectl lrs prune`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Backups, Given, Quiet, Tables, Trusting, Yes
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.flags import Group, Options, Source, flag
from kubectl_lrs.model.retention import PERIODS, Rules
from kubectl_lrs.model.units import duration
from kubectl_lrs.usecases.prune import PrunePlan, apply, freed, plan_prune


def _count(name: str, what: str) -> int | None:
    return flag(f"--keep-{name}", default=None, metavar="N", least=1, group=Group.MEANT, help=f"Keep {what}.")


def _within(name: str, what: str) -> str:
    return flag(f"--keep-within{name}", default="", metavar="DURATION", group=Group.MEANT, help=f"Keep {what} that is no older.")


@dataclass(frozen=True, kw_only=True)
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
        default=(),
        metavar="BACKUP,...",
        commas=True,
        source=Source.BACKUP_NAMES,
        group=Group.MEANT,
        help="Keep these.",
    )
    minimum: int = flag(
        "--minimum",
        default=2,
        metavar="N",
        least=0,
        shown=True,
        group=Group.MEANT,
        help="Whole backups of each group that are kept whatever the rules say.",
    )

    def rules(self) -> Rules:
        """As rules; UsageError where nothing says what is kept."""
        values: Mapping[str, object] = vars(self)
        ages = {name: text for name in PERIODS if isinstance(text := values[f"within_{name}"], str) and text}
        rules = Rules(
            last=self.last or 0,
            counts={name: count for name in PERIODS if isinstance(count := values[name], int) and count},
            within=_age("", self.within) if self.within else None,
            ages={name: _age(f"-{name}", text) for name, text in ages.items()},
            names=frozenset(self.names),
            minimum=self.minimum,
        )
        if rules.is_empty:
            raise UsageError(
                "nothing says which backups are to be kept",
                hint="say it, for example: prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run=client",
            )
        return rules


def _age(name: str, text: str) -> timedelta:
    return duration(text, what=f"--keep-within{name}")


@dataclass(frozen=True, kw_only=True)
class Trying(Options):
    """Whether anything is removed."""

    dry_run: str = flag(
        "--dry-run", default="none", choices=("none", "client"), group=Group.HOW, help="Only show what would be removed."
    )


@lrs_command(
    "prune",
    Keep,
    Backups,
    Trusting,
    Trying,
    Yes,
    Tables,
    Quiet,
    examples=[
        ("What would go, and why the rest stays", "@ prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run=client"),
        ("Nightly, after the backup", "@ prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --backup-dir /var/backups/lrs"),
        ("All of the last month, one of each week of the last year", "@ prune --keep-within 30d --keep-within-weekly 365d"),
        ("Keep one for good", "@ hold lrs_backup_2026_11_23_08_16_10 --reason 'before the upgrade'"),
    ],
    exits=(0, 1, 2, 3, 130),
)
def command(given: Given) -> ExitCode:
    """Remove backups that no rule keeps.

    Backups of the same cluster that were asked for the same (selection, profile, levels) are a group, and judged
    together. Each rule keeps some, and what none keeps goes; --minimum whole ones of each group always stay, and so does
    what is held, dated later than now, or another user's. A partial backup never takes the place of a whole one.
    Periods are those of UTC.

    Files that other backups share stay with these. A run that removes more than half of a group asks first.
    """
    rules = given.of(Keep).rules()
    plan = plan_prune(Path(given.of(Backups).path), rules, given.of(Trusting).trust)
    dry_run = given.of(Trying).dry_run == "client"
    return carry_out(given, plan, dry_run=dry_run, must_ask=bool(plan.thinned))


def carry_out(given: Given, plan: PrunePlan, *, dry_run: bool, must_ask: bool) -> ExitCode:
    """Show the plan, or ask where that is to be, and do it."""
    output, quiet, yes = given.of(Tables).output, given.of(Quiet).quiet, given.of(Yes).yes
    is_asked = must_ask and not yes
    room = freed(plan) if dry_run or is_asked else None
    for line in render.prune_remarks(plan):
        render.say(line)
    if dry_run:
        render.show(render.prune_plan_view(plan, room), output)
        return ExitCode.DONE
    if is_asked:
        render.show(render.prune_plan_view(plan, room), "table", err=True)
        confirm(render.prune_question(plan, room), yes=False)
    report = apply(plan, given.stop_on_signals(), render.progress(quiet=quiet))
    render.show(render.prune_report_view(report), output)
    return report.exit_code()
