"""`kubectl lrs clean-spark`."""

from __future__ import annotations

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import kube_flags, output_option, quiet_option, selector_option, verb, yes_option
from kubectl_lrs.commands.spark_options import DEFAULT_TIMEOUT, agree, apply, effort_of, plan_of, require_rights, show
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.usecases.clean_spark import Wanted


@verb(
    "clean-spark",
    examples=[
        ("Which sessions there are in the context's namespace", "@ clean-spark --dry-run=client"),
        ("Delete them after a question, and wait until they are gone", "@ clean-spark"),
        ("Stale ones of every namespace, without a question", "@ clean-spark -A --older-than 24h --yes"),
        ("As the first step of a backup", "@ backup --clean-spark"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces; overrides -n.")
@selector_option
@click.option("--older-than", default="", metavar="DURATION", help="Only sessions older than this (45m, 24h, 7d).")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until they are gone.")
@click.option("--timeout", default=DEFAULT_TIMEOUT, show_default=True, metavar="DURATION", help="For all of it.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=wiring.DEFAULT_WORKERS, show_default=True, help="Sessions deleted at once."
)
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    help="Show the sessions, or ask the server about each deletion.",
)
@click.option(
    "--operator",
    default="",
    metavar="NAMESPACE/NAME",
    help="The operator's Deployment, which is looked at when a session is stuck; found by itself as a rule.",
)
@yes_option
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context,
    all_namespaces: bool,
    selector: str,
    older_than: str,
    wait: bool,
    timeout: str,
    parallel: int,
    dry_run: str,
    operator: str,
    yes: bool,
    output: str,
    quiet: bool,
) -> ExitCode:
    """Delete Spark sessions, as before a backup.

    These are the LRS with the label datarobot-lrs-type=spark_app; without them the application does not connect to
    stale ones after a restore. They are shown first. Each is deleted by its uid, so that one born meanwhile stays, and
    is waited for; what is stuck is named with the finalizers that hold it and the likely cause. Do it while the LRS
    operator still runs, before the application is scaled down: the operator takes the finalizers off.
    """
    flags = kube_flags(ctx)
    effort = effort_of(parallel=parallel, timeout=timeout, wait=wait, dry_run=dry_run == "server")
    age = duration(older_than, what="--older-than") if older_than else None
    Selection(selector=selector)  # refused here, before anything is asked of a cluster
    target = wiring.target(flags)
    namespace = None if all_namespaces else target.connection.namespace
    wanted = Wanted(namespace=namespace, selector=selector, older_than=age)
    if namespace is not None:
        wiring.require_namespace(target.kube, namespace)
    plan = plan_of(target, wanted, quiet=quiet, operator=operator)
    if dry_run == "client" or not plan.sessions:
        for line in render.finding_lines(plan.findings):
            render.say(line)
        render.show(render.spark_plan_view(plan), output)
        return plan.errors[0].exit_code if plan.errors else ExitCode.DONE
    require_rights(plan)
    if dry_run == "none":
        agree(plan, yes=yes, quiet=quiet)
    report = apply(target, plan, effort, operator=operator, quiet=quiet)
    show(report, output)
    return report.exit_code()
