"""`kubectl lrs backup`."""

from __future__ import annotations

from typing import Any

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import (
    backup_dir_option,
    exclude_type_option,
    kube_flags,
    output_option,
    quiet_option,
    selector_option,
    type_option,
    verb,
)
from kubectl_lrs.commands.deployment_options import accounts_of, api_flags, api_options
from kubectl_lrs.commands.spark_options import clean_first, clean_spark_options
from kubectl_lrs.commands.stores import BackupCall, backup_options, collectors, given_levels
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.profiles import PROFILES, levels
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import SPARK
from kubectl_lrs.stores.base import Collector
from kubectl_lrs.stores.deployments.collect import TIER, DeploymentsTier
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.stores.lrs.collect import ResourcesTier
from kubectl_lrs.usecases.backup import Destination, back_up, without
from kubectl_lrs.usecases.clean_spark import Wanted


@verb(
    "backup",
    examples=[
        ("Everything in the context's namespace, into the current directory", "@ backup"),
        ("Every namespace, into a folder of backups", "@ backup -A --backup-dir /var/backups/lrs"),
        ("The vendor's procedure: stale Spark sessions first, then the backup", "@ backup -n datarobot --clean-spark"),
        (
            "All that custom applications need: collections, images and files too",
            "@ backup -n datarobot --profile complete --files-url s3://datarobot/storage",
        ),
        ("Custom models of one namespace only", "@ backup -n datarobot --type deployment"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces; overrides -n.")
@type_option
@exclude_type_option
@selector_option
@backup_dir_option
@click.option(
    "--name", default="", metavar="NAME", help="Name of the backup; lrs_backup_ and the UTC time where it is not given."
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="lrs",
    show_default=True,
    help="How much to take: the LRS alone, or the vendor's minimum or complete recovery of custom applications.",
)
@backup_options
@click.option(
    "--deployments/--no-deployments",
    "with_deployments",
    default=None,
    help="Save the status of each deployment too; by default when the application's URL and token are given.",
)
@clean_spark_options
@api_options
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context,
    all_namespaces: bool,
    types: tuple[str, ...],
    excluded: tuple[str, ...],
    selector: str,
    backup_dir: str,
    name: str,
    profile: str,
    with_deployments: bool | None,
    clean_spark: bool,
    yes: bool,
    output: str,
    quiet: bool,
    **options: Any,
) -> ExitCode:
    """Back up LRS into a folder that plain kubectl can restore from.

    Takes every LRS but Spark sessions, running and failed alike, in one consistent snapshot. The folder gets its name
    when all of it is on the disk; before that it does not look like a backup.

    With --profile minimum or complete, custom applications can be brought back too: their Mongo collections, images
    and files are saved beside the LRS. Where one of these stores cannot be had, no backup is made, and the message
    names the flag that leaves it out. What a store itself no longer has is listed, and the backup is `partial`.
    """
    flags = kube_flags(ctx)
    wanted = levels(profile, given_levels(options))
    if clean_spark and SPARK in types:
        raise UsageError(f"--clean-spark deletes what --type {SPARK} would save", hint="leave one of the two out")
    destination = Destination(directory=wiring.backup_dir(backup_dir).path, name=name)
    target = wiring.target(flags)
    namespace = None if all_namespaces else target.connection.namespace
    selection = Selection(namespace=namespace, types=types, excluded_types=excluded, selector=selector)
    if namespace is not None:
        wiring.require_namespace(target.kube, namespace)
    tiers: dict[str, Collector] = {"resources": ResourcesTier(target.kube, target.resource, selection)}
    where = namespace or target.connection.namespace
    tiers |= collectors(wanted, lambda level: BackupCall(level=level, kube=target.kube, namespace=where, options=options))
    if with_deployments or (with_deployments is None and wiring.api_is_given(api_flags(options))):
        tiers[TIER] = DeploymentsTier(_accounts(ctx, options, quiet=quiet))
    sessions = Wanted(namespace=namespace, selector=selector)
    is_clean = not clean_spark or clean_first(target, sessions, yes=yes, quiet=quiet)
    progress = render.progress(quiet=quiet)
    path, catalog = back_up(
        tiers,
        destination=destination,
        cluster=target.kube.identity(),
        selection=selection,
        profile=profile,
        levels=wanted,
        progress=progress,
    )
    render.show(render.made(str(path), catalog), output)
    for line in render.remarks(catalog):
        render.say(line)
    return ExitCode.DONE if is_clean and not catalog.missing else ExitCode.PARTIAL


def _accounts(ctx: click.Context, api: dict[str, Any], *, quiet: bool) -> list[Account]:
    """The users of the API; a failure says how to do without."""
    try:
        return accounts_of(ctx, api, quiet=quiet)
    except LrsError as error:
        without(error, TIER)
        raise
