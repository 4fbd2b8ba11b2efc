"""Check, as `check_` is told: what a cluster and its stores hold now, or what a backup says of itself."""

from __future__ import annotations

from kubectl_lrs import render
from kubectl_lrs.commands.accounts import accounts_of, ends_the_run, refuse_token, refuse_unasked
from kubectl_lrs.commands.application_choice import known_elsewhere
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.check_ import STORE_OPTIONS, Flags, LiveFlags
from kubectl_lrs.commands.check_do import commands
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.places import say_named
from kubectl_lrs.commands.shared import Quiet
from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.stores import NONE, levels
from kubectl_lrs.model.units import limit_of_age
from kubectl_lrs.repository import open_repository
from kubectl_lrs.stores.deployments.connect import api_is_given
from kubectl_lrs.stores.deployments.flags import AlsoOptions
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.lrs.connect import require_namespace, target
from kubectl_lrs.usecases.check import API_FLAG, CheckReport, unavailable


def run(given: Given) -> ExitCode:
    """Look, and show the findings."""
    flags = given.of(Flags)
    report = _of_backup(given, flags) if flags.from_ else of_cluster(given, flags)
    if flags.output == "html":
        render.show_page(render.check_page(report))
    elif report.examination.findings or report.exit_code() is not ExitCode.DONE or not given.is_silent:
        render.show(render.check_view(report, commands(given, report)), flags.output)
    if not given.of(Quiet).quiet:
        for note in report.notes:
            render.remark(note)
    return report.exit_code()


def _of_backup(given: Given, flags: Flags) -> CheckReport:
    """What a backup says of itself."""
    if extra := given.all_given((LiveFlags, *STORE_OPTIONS.values(), AlsoOptions)):
        raise UsageError(f"{', '.join(extra)} says nothing with --from: a backup is held against itself")
    from kubectl_lrs.sources.place import open_to_read
    from kubectl_lrs.stores.lrs.saved import BackupSource
    from kubectl_lrs.usecases.check_backup import check_backup
    from kubectl_lrs.usecases.verify import require_intact

    quiet = given.of(Quiet).quiet
    stale_after, progress = limit_of_age(flags.spark_older_than, what="--spark-older-than"), render.progress(quiet=quiet)
    repository = open_to_read(*flags.where)
    folder = found(given, repository, flags.from_, applications=flags.applications)
    if flags.from_ == LATEST:
        render.say_latest(folder, quiet=quiet)
    for line in render.of_others(folder):
        render.say(line)
    require_intact(folder, progress)
    if folder.catalog.has_lrs:
        BackupSource(folder).check()
    namespace = None if flags.all_namespaces else given.kube.namespace or None
    try:
        return check_backup(folder, namespace, flags.applications, stale_after, progress)
    except UsageError as error:
        raise known_elsewhere(error, repository, folder, flags.applications) from error


def of_cluster(given: Given, flags: Flags) -> CheckReport:
    """What the cluster and the stores hold now."""
    from kubectl_lrs.usecases.check_live import check_live
    from kubectl_lrs.usecases.check_sources import SourceOptions, sources

    stale_after = limit_of_age(flags.spark_older_than, what="--spark-older-than")
    options = SourceOptions.of(given.of)
    wanted, asked = _wanted(given)
    if "mongo" in asked:
        options.refuse_contradictions()
    cluster = target(given.kube, given.cancel)
    namespace = None if flags.all_namespaces else cluster.connection.namespace
    if namespace is not None:
        require_namespace(cluster.kube, namespace)
    if not given.of(Quiet).quiet:
        say_named({name: given.of(kind) for name, kind in STORE_OPTIONS.items() if name in wanted})
    found = sources(
        cluster,
        namespace,
        options,
        wanted=wanted,
        asked=asked,
        accounts=_accounts(given),
        backups=open_repository(flags.path, flags.reach),
        stale_after=stale_after,
        is_named=given.kube.names_namespace,
    )
    return check_live(found, flags.applications, render.progress(quiet=given.of(Quiet).quiet))


def _wanted(given: Given) -> tuple[set[str], set[str]]:
    """(the stores to look at, those of them that are asked for by flags or the profile, and not by the environment alone)."""
    from kubectl_lrs.usecases.check_sources import SourceOptions, named_for_every_call

    profile = given.of(LiveFlags).profile
    asked = {name for name, level in levels(profile, {}).items() if level != NONE}
    wanted = asked | set(named_for_every_call(SourceOptions.of(given.of)))
    for name, kind in STORE_OPTIONS.items():
        options = given.of(kind)
        said, others = getattr(options, "wanted", None), [flag for flag in given.all_given((kind,)) if flag != f"--{name}"]
        if others and f"--{name}" in options.configured:
            said = None  # flags go before what the installation file says
        if said is False and others:
            raise UsageError(f"{others[0]} says nothing with --no-{name}", hint="leave one of the two out")
        if said is not None:
            wanted.discard(name)
        if said or others:
            wanted.add(name)
            asked.add(name)
    return wanted, asked & wanted


def _accounts(given: Given) -> list[Account] | Unchecked:
    """The users of the API, or why it is not asked."""
    options = given.of(AlsoOptions)
    if options.with_deployments is False:
        return Unchecked("the application's API was not to be asked", API_FLAG)
    if options.with_deployments is None and not api_is_given(options):
        refuse_unasked(options)
        return Unchecked("the application's API was not given", API_FLAG)
    refuse_token(given)
    try:
        return accounts_of(given, options)
    except LrsError as error:
        if ends_the_run(error, options) or (options.with_deployments and isinstance(error, UsageError)):
            raise
        return unavailable(error, API_FLAG)
