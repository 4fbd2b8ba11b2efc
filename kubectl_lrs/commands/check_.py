"""`kubectl lrs check`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from kubectl_lrs import render
from kubectl_lrs.commands.command import backup_dir_option, kube_flags, output_option, quiet_option, verb
from kubectl_lrs.commands.deployment_options import accounts_of, api_flags, api_options
from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.profiles import LEVELS, NONE, PROFILES
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.files import flags as files_options
from kubectl_lrs.stores.images import flags as images_options
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.stores.mongo import flags as mongo_options
from kubectl_lrs.usecases.check import API_FLAG, CheckReport, unavailable

F = TypeVar("F", bound=Callable[..., Any])

PREFIXES = {"mongo": ("mongo_",), "images": ("images_", "registry_"), "files": ("files_",)}
"""Store → how the names of its parameters begin."""

LIVE_ONLY = ("mongo_", "images_", "registry_", "files_", "with_deployments", "url", "token_files", "ca_file", "scheme", "profile")
"""How the parameters begin that say nothing of a backup."""


def _store_option(store: str) -> Callable[[F], F]:
    return click.option(
        f"--{store}/--no-{store}",
        f"{store}_wanted",
        default=None,
        help=f"Look at the {store if store != 'mongo' else 'MongoDB'} too; by default as --profile says, or where flags name it.",
    )


@verb(
    "check",
    examples=[
        ("The LRS and their Spark sessions, and what the environment names", "@ check -n datarobot"),
        (
            "Everything, before a backup and after a restore",
            "@ check -n datarobot --profile complete --files-url s3://bucket/storage",
        ),
        ("A page to sign off with", "@ check -n datarobot --profile complete -o html > check.html"),
        ("One application that is temporarily unavailable", "@ check -n datarobot --mongo 65f0c0ffee0123456789abcd"),
        ("Did everything agree when the newest backup was made?", "@ check --from latest"),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
@click.argument("applications", nargs=-1, metavar="[APPLICATION]...")
@click.option("-A", "--all-namespaces", is_flag=True, help="LRS of all namespaces; overrides -n.")
@click.option("--from", "from_", default="", metavar="BACKUP", help="Check what a backup holds, not the cluster.")
@click.option(
    "--spark-older-than",
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="From which age on a Spark session is stale.",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="lrs",
    show_default=True,
    help="Which stores must be looked at, as in backup.",
)
@_store_option("mongo")
@mongo_options.check_options
@_store_option("images")
@images_options.backup_options
@_store_option("files")
@files_options.check_options
@click.option(
    "--deployments/--no-deployments",
    "with_deployments",
    default=None,
    help="Ask the application's API too; by default when its URL and token are given.",
)
@api_options
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name", "html")
@quiet_option
def command(
    ctx: click.Context,
    applications: tuple[str, ...],
    all_namespaces: bool,
    from_: str,
    backup_dir: str,
    output: str,
    quiet: bool,
    **options: Any,
) -> ExitCode:
    """Check that applications, LRS, MongoDB, images, files and deployments agree.

    Each custom application has one document in longrunningservices and, while it runs, one LRS, both under its id; the
    images and files that they name must be there; an active deployment has an LRS. Whatever breaks that is a finding,
    with why it matters and what to do. APPLICATION is an id or a name: then only its findings are shown.

    A store that was not given or cannot be had is said to be unchecked, with the flag that changes that. Encryption
    keys are held against the newest backup of this cluster. With --from, a backup is held against itself: did all agree
    when it was made? Nothing is written. What changes while it is looked at may seem wrong: check again.

    Exit status 4 means that there is an error among the findings; warnings alone give 0.
    """
    flags = kube_flags(ctx)
    stale_after = duration(options["spark_older_than"], what="--spark-older-than")
    directory = wiring.backup_dir(backup_dir)
    progress = render.progress(quiet=quiet)
    if from_:
        _refuse_live_flags(ctx)
        from kubectl_lrs.stores.lrs.saved import BackupSource
        from kubectl_lrs.usecases.check_backup import check_backup
        from kubectl_lrs.usecases.verify import require_intact

        folder = directory.find(from_)
        if from_ == LATEST and not quiet:
            render.say(f"latest is {folder.path.name}")
        require_intact(folder, progress)
        BackupSource(folder).check()
        namespace = None if all_namespaces else flags.namespace or None
        return _show(check_backup(folder, namespace, applications, stale_after, progress), output)
    wanted = _wanted(ctx, options)
    mongo_options.refuse_two_ways(options)
    target = wiring.target(flags)
    namespace = None if all_namespaces else target.connection.namespace
    if namespace is not None:
        wiring.require_namespace(target.kube, namespace)
    from kubectl_lrs.usecases.check_live import check_live
    from kubectl_lrs.usecases.check_sources import sources

    found = sources(
        target,
        namespace,
        options,
        wanted=wanted,
        place=files_options.place_of(options),
        accounts=_accounts(ctx, options, quiet=quiet),
        backups=directory,
        stale_after=stale_after,
    )
    return _show(check_live(found, applications, progress), output)


def _show(report: CheckReport, output: str) -> ExitCode:
    if output == "html":
        render.show_page(render.check_page(report))
    else:
        render.show(render.check_view(report), output)
    for note in report.notes:
        render.say(f"note: {note}")
    return report.exit_code()


def _given(ctx: click.Context, prefixes: Collection[str]) -> list[str]:
    """The flags on the command line whose parameters begin so, but for those that say whether a store is wanted."""
    return [
        param.opts[0]
        for param in ctx.command.params
        if param.name
        and param.name.startswith(tuple(prefixes))
        and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]


def _refuse_live_flags(ctx: click.Context) -> None:
    if given := _given(ctx, LIVE_ONLY):
        raise UsageError(f"{', '.join(given)} says nothing with --from: a backup is held against itself")


def _wanted(ctx: click.Context, options: dict[str, Any]) -> set[str]:
    """The stores to look at: asked for, named by flags or the environment, or part of the profile."""
    from kubectl_lrs.usecases.check_sources import named_in_environment

    wanted = {name for name in LEVELS if PROFILES[options["profile"]][name] != NONE} | set(named_in_environment())
    for name, prefixes in PREFIXES.items():
        said = options[f"{name}_wanted"]
        given = [flag for flag in _given(ctx, prefixes) if flag != f"--{name}"]
        if said is False and given:
            raise UsageError(f"{given[0]} says nothing with --no-{name}", hint="leave one of the two out")
        if said is not None:
            wanted.discard(name)
        if said or given:
            wanted.add(name)
    return wanted


def _accounts(ctx: click.Context, options: dict[str, Any], *, quiet: bool) -> list[Account] | Unchecked:
    """The users of the API, or why it is not asked."""
    asked = options["with_deployments"]
    if asked is False:
        return Unchecked("the application's API was not to be asked", API_FLAG)
    if asked is None and not wiring.api_is_given(api_flags(options)):
        return Unchecked("the application's API was not given", API_FLAG)
    try:
        return accounts_of(ctx, options, quiet=quiet)
    except UsageError:
        raise
    except LrsError as error:
        return unavailable(error, API_FLAG)
