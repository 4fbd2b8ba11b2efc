"""`kubectl lrs clean-spark`."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Given, Quiet, Tables, Yes
from kubectl_lrs.commands.spark import agree, apply, apply_options, plan_of, require_rights, show
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.flags import Group, Options, flag
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.lrs.connect import require_namespace, target
from kubectl_lrs.stores.spark.flags import CleanOptions
from kubectl_lrs.usecases.clean_spark import SessionSelection


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    """Where sessions are looked for."""

    all_namespaces: bool = flag("-A", "--all-namespaces", default=False, group=Group.MEANT, help="All namespaces; overrides -n.")
    selector: str = flag(
        "-l",
        "--selector",
        default="",
        metavar="SELECTOR",
        group=Group.MEANT,
        help="Only objects with these labels (app=web,tier!=cache).",
    )


@lrs_command(
    "clean-spark",
    Flags,
    CleanOptions,
    Yes,
    Tables,
    Quiet,
    examples=[
        ("Which sessions there are in the context's namespace", "@ clean-spark --dry-run=client"),
        ("Delete them after a question, and wait until they are gone", "@ clean-spark"),
        ("Stale ones of every namespace, without a question", "@ clean-spark -A --older-than 24h --yes"),
        ("As the first step of a backup", "@ backup --clean-spark"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
def command(given: Given) -> ExitCode:
    """Delete Spark sessions, as before a backup.

    These are the LRS with the label datarobot-lrs-type=spark_app; without them the application does not connect to
    stale ones after a restore. They are shown first. Each is deleted by its uid, so that one born meanwhile stays, and
    is waited for; what is stuck is named with the finalizers that hold it and the likely cause. Do it while the LRS
    operator still runs, before the application is scaled down: the operator takes the finalizers off.
    """
    flags, options, quiet = given.of(Flags), given.of(CleanOptions), given.of(Quiet).quiet
    output = given.of(Tables).output
    dry_run = options.dry_run
    applied = apply_options(parallel=options.parallel, timeout=options.timeout, wait=options.wait, dry_run=dry_run == "server")
    age = duration(options.older_than, what="--older-than") if options.older_than else None
    Selection(selector=flags.selector)  # refused here, before anything is asked of a cluster
    cluster = target(given.kube, given.cancel)
    namespace = None if flags.all_namespaces else cluster.connection.namespace
    selection = SessionSelection(namespace=namespace, selector=flags.selector, older_than=age)
    if namespace is not None:
        require_namespace(cluster.kube, namespace)
    plan = plan_of(cluster, selection, quiet=quiet, operator=options.operator)
    if dry_run == "client" or not plan.sessions:
        for line in render.finding_lines(plan.findings):
            render.say(line)
        render.show(render.spark_plan_view(plan), output)
        return plan.errors[0].exit_code if plan.errors else ExitCode.DONE
    require_rights(plan)
    if dry_run == "none":
        agree(plan, yes=given.of(Yes).yes, quiet=quiet)
    report = apply(cluster, plan, applied, operator=options.operator, quiet=quiet)
    show(report, output)
    return report.exit_code()
