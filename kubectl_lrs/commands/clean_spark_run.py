"""Clean Spark sessions away, as `clean_spark_` is told."""

from __future__ import annotations

from kubectl_lrs import render
from kubectl_lrs.commands import again
from kubectl_lrs.commands.clean_spark_ import Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Quiet, Tables, Yes
from kubectl_lrs.commands.spark import agree, apply, apply_options, plan_of, require_rights, show
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.units import limit_of_age
from kubectl_lrs.stores.lrs.connect import require_namespace, target
from kubectl_lrs.stores.spark.flags import CleanOptions
from kubectl_lrs.usecases.clean_spark import SessionSelection


def run(given: Given) -> ExitCode:
    """Plan, ask, delete, report."""
    flags, options, quiet = given.of(Flags), given.of(CleanOptions), given.of(Quiet).quiet
    output = given.of(Tables).output
    dry_run = options.dry_run
    applied = apply_options(parallel=options.parallel, timeout=options.timeout, wait=options.wait, dry_run=dry_run == "server")
    age = limit_of_age(options.older_than, what="--older-than") if options.older_than else None
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
        then = [("carry it out", again.this(given, without=again.TRIAL))] if plan.to_delete and not plan.errors else []
        render.show(render.spark_plan_view(plan, then=then), output)
        return plan.errors[0].exit_code if plan.errors else ExitCode.DONE
    require_rights(plan)
    if dry_run == "none":
        agree(plan, yes=given.of(Yes).yes, quiet=quiet)
        identity = cluster.kube.identity()
        by = cluster.kube.whoami()
        given.note(identity.uid or identity.server, target=identity.server, what=selection.scope, by=by)
    report = apply(cluster, plan, applied, operator=options.operator, quiet=quiet)
    show(report, output)
    return report.exit_code()
