"""Remove what no rule keeps, as `prune_` is told; and how a plan to remove is carried out, for `forget` too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from kubectl_lrs import render
from kubectl_lrs.commands import again
from kubectl_lrs.commands.confirm import confirm
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.prune_ import Keep
from kubectl_lrs.commands.shared import Backups, Quiet, Tables, Trusting, Trying, Yes
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.retention import PERIODS, Rules
from kubectl_lrs.model.units import limit_of_age
from kubectl_lrs.repository import open_pruner
from kubectl_lrs.usecases.prune import PrunePlan, PruneReport, apply, plan_prune


def run(given: Given) -> ExitCode:
    """Plan by the rules, and carry it out."""
    rules = rules_of(given.of(Keep))
    plan = plan_prune(open_pruner(given.of(Backups).path, given.of(Trusting).trust, given.of(Backups).reach), rules)
    dry_run = given.of(Trying).dry_run == "client"
    return carry_out(given, plan, dry_run=dry_run, must_ask=bool(plan.thinned or plan.last_holding))


def rules_of(keep: Keep) -> Rules:
    """What is to be kept, as rules; UsageError where nothing says what is kept."""
    rules = rules_if_any(keep)
    if rules.is_empty:
        raise UsageError(
            "nothing says which backups are to be kept",
            hint="say it, for example: prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run=client",
        )
    return rules


def rules_if_any(keep: Keep) -> Rules:
    """The same; empty where nothing says what is kept."""
    values: Mapping[str, object] = vars(keep)
    ages = {name: text for name in PERIODS if isinstance(text := values[f"within_{name}"], str) and text}
    return Rules(
        last=keep.last or 0,
        counts={name: count for name in PERIODS if isinstance(count := values[name], int) and count},
        within=_age("", keep.within) if keep.within else None,
        ages={name: _age(f"-{name}", text) for name, text in ages.items()},
        names=frozenset(keep.names),
        minimum=keep.minimum,
    )


def _age(name: str, text: str) -> timedelta:
    return limit_of_age(text, what=f"--keep-within{name}")


def carry_out(given: Given, plan: PrunePlan, *, dry_run: bool, must_ask: bool) -> ExitCode:
    """Show the plan, or ask where that is to be, and do it."""
    output, yes = given.of(Tables).output, given.of(Yes).yes
    is_asked = must_ask and not yes
    for line in render.prune_remarks(plan):
        render.say(line)
    if dry_run:
        then = [("carry it out", again.this(given, without=again.TRIAL))] if plan.to_remove else []
        render.show(render.prune_plan_view(plan, plan.weight(), then=then), output)
        return ExitCode.DONE
    if is_asked:
        weight = plan.weight()
        render.show(render.prune_plan_view(plan, weight), "table", err=True)
        confirm(render.prune_question(plan, weight), yes=False)
    report = carried_out(given, plan)
    if report.exit_code() is not ExitCode.DONE or not given.is_silent:
        render.show(render.prune_report_view(report), output)
    return report.exit_code()


def carried_out(given: Given, plan: PrunePlan, *, verb: str = "") -> PruneReport:
    """Do what a plan says that was agreed to; what is to be known of it is said."""
    if plan.to_remove:
        given.note("backups", target=plan.location, what=", ".join(step.name for step in plan.to_remove), verb=verb)
    report = apply(plan, given.stop_on_signals(), render.progress(quiet=given.of(Quiet).quiet))
    for line in render.prune_report_remarks(report):
        render.say(line)
    return report
