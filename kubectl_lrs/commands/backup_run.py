"""Back up, as `backup_` is told: a collector for each store, one backup of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_lrs import render
from kubectl_lrs.commands.accounts import accounts_of, ends_the_run, refuse_token, refuse_unasked
from kubectl_lrs.commands.backup_ import STORE_OPTIONS, Flags
from kubectl_lrs.commands.confirm import HeldSignals
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.places import say_named
from kubectl_lrs.commands.shared import Quiet, Tables, Trusting
from kubectl_lrs.commands.spark import clean_first
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.errors import ExitCode, LrsError, NothingFoundError, UsageError
from kubectl_lrs.model.flags import Options
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import NONE, STORES, levels
from kubectl_lrs.model.units import shards
from kubectl_lrs.model.workloads import SPARK
from kubectl_lrs.repository import open_repository
from kubectl_lrs.stores.base import BackupContext, Carriers, Collector, Unavailable, connect_module
from kubectl_lrs.stores.deployments.collect import TIER, DeploymentsCollector
from kubectl_lrs.stores.deployments.connect import api_is_given
from kubectl_lrs.stores.deployments.flags import AlsoOptions
from kubectl_lrs.stores.files.flags import BackupOptions as FilesOptions
from kubectl_lrs.stores.lrs.collect import LrsCollector
from kubectl_lrs.stores.lrs.connect import Target, require_namespace, target
from kubectl_lrs.stores.lrs.instead import look_for
from kubectl_lrs.stores.spark.flags import CleanFirst
from kubectl_lrs.usecases.backup import back_up, without
from kubectl_lrs.usecases.clean_spark import SessionSelection
from kubectl_lrs.usecases.making import Destination
from kubectl_lrs.usecases.segments import ByHand
from kubectl_lrs.usecases.shrunk import Shrunk, shrunk


@dataclass(frozen=True, kw_only=True)
class Made:
    """A backup that is sealed. `is_clean`: whether all Spark sessions are gone that were to go before it."""

    location: str
    catalog: Catalog
    shrunk: Shrunk
    is_clean: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether all that was asked for is done, and it is not nothing where there was much."""
        return self.is_clean and not self.catalog.missing and not self.shrunk.is_gone


def run(given: Given) -> ExitCode:
    """Back up, report."""
    made = make(given, given.of(CleanFirst))
    if not (given.is_silent and made.is_whole):
        render.show(render.made(made.location, made.catalog, made.shrunk), given.of(Tables).output)
    for line in said(made, quiet=given.of(Quiet).quiet):
        render.say(line)
    return ExitCode.DONE if made.is_whole else ExitCode.PARTIAL


def said(made: Made, *, quiet: bool) -> Iterator[str]:
    """What is to be known of a backup that was just made."""
    yield from render.remarks(made.catalog, quiet=quiet)
    yield from render.shrunk(made.shrunk)


def make(given: Given, first: CleanFirst, carriers: Carriers | None = None) -> Made:
    """Make the collectors, back up. `carriers`: who copies files beside this process, where the call itself does not say it."""
    flags, quiet = given.of(Flags), given.of(Quiet).quiet
    stores = {name: given.of(kind) for name, kind in STORE_OPTIONS.items()}
    wanted = levels(flags.profile, {name: getattr(options, "level", None) for name, options in stores.items()})
    _refuse_contradiction(flags, first)
    destination = _destination(given)
    cluster = target(given.kube, given.cancel)
    namespace = None if flags.all_namespaces else cluster.connection.namespace
    selection = flags.selection(namespace)
    if namespace is not None:
        require_namespace(cluster.kube, namespace)
    identity = cluster.kube.identity()
    collectors: dict[str, Collector] = {"resources": LrsCollector(cluster.kube, cluster.resource, selection, identity)}
    for name, level in wanted.items():
        where = BackupContext(
            level=level,
            kube=cluster.kube,
            namespace=namespace or cluster.connection.namespace,
            carriers=(_by_hand(given) or carriers) if name == "files" else None,
        )
        collectors |= _collector(name, stores[name], where)
    if not quiet:
        say_named({name: stores[name] for name in STORES if name in collectors})
    collectors |= _deployments(given)
    is_clean = _cleaned(given, first, cluster, namespace)
    what = f"{namespace or 'all namespaces'} into {flags.path}"
    given.note(identity.uid or identity.server, target=identity.server, what=what, verb="backup", by=cluster.kube.whoami())
    try:
        location, catalog = back_up(
            collectors,
            destination=destination,
            cluster=identity,
            selection=selection,
            profile=flags.profile,
            levels=wanted,
            progress=render.progress(quiet=quiet),
            signals=HeldSignals(),
            allow_empty=flags.allow_empty,
            extras=() if given.of(AlsoOptions).with_deployments else (TIER,),
        )
    except NothingFoundError as error:
        raise _explained(error, cluster, selection, is_named=given.kube.names_namespace) from error
    return Made(location=location, catalog=catalog, shrunk=shrunk(destination.repository, catalog), is_clean=is_clean)


def _destination(given: Given) -> Destination:
    flags = given.of(Flags)
    return Destination(
        repository=open_repository(flags.path, flags.reach),
        name=flags.name,
        trust=given.of(Trusting).trust,
        trust_previous=flags.trust_previous,
    )


def _refuse_contradiction(flags: Flags, first: CleanFirst) -> None:
    if first.clean_spark and SPARK in flags.types:
        raise UsageError(f"--clean-spark deletes what --type {SPARK} would save", hint="leave one of the two out")


def _cleaned(given: Given, first: CleanFirst, cluster: Target, namespace: str | None) -> bool:
    """Whether all Spark sessions are gone that were to go before it."""
    sessions = SessionSelection(namespace=namespace, selector=given.of(Flags).selector)
    return not first.clean_spark or clean_first(cluster, sessions, yes=first.yes, quiet=given.of(Quiet).quiet)


def _by_hand(given: Given) -> ByHand | None:
    """Whoever reads what is said copies files; None where nobody is asked to."""
    said = given.of(FilesOptions).shards
    if not said:
        return None
    return ByHand(shards=shards(said, what="--shards"), tell=lambda names: render.say(render.segments_line(names)))


def _explained(error: NothingFoundError, cluster: Target, selection: Selection, *, is_named: bool) -> NothingFoundError:
    """The same, with where was looked and what there is."""
    instead = look_for(cluster.kube, cluster.resource, selection.namespace)
    where = render.where(selection, is_named=is_named)
    return NothingFoundError(f"{where}: {error}", hint="; ".join(render.instead(selection, instead)))


def _collector(name: str, options: Options, context: BackupContext) -> dict[str, Collector]:
    """A store's part, none where nothing of it is taken; a failure says how to do without."""
    if context.level == NONE:
        if unused := options.given - {f"--{name}"}:
            message = f"{min(unused)} is about {name}, of which nothing is taken"
            raise UsageError(message, hint=f"take them with --{name} or --profile")
        return {}
    try:
        return {name: connect_module(name).collector(options, context)}
    except LrsError as error:
        without(error, name)
        raise


def _deployments(given: Given) -> dict[str, Collector]:
    """The status of deployments, where it is wanted or can be had; a failure says how to do without.

    Where nobody asked for it by --deployments it is an extra: the backup is made without what cannot be had of it.
    """
    options = given.of(AlsoOptions)
    if not options.with_deployments and (options.with_deployments is False or not api_is_given(options)):
        refuse_unasked(options)
        return {}
    refuse_token(given)
    try:
        return {TIER: DeploymentsCollector(accounts_of(given, options))}
    except LrsError as error:
        if options.with_deployments or ends_the_run(error, options):
            without(error, TIER)
            raise
        return {TIER: Unavailable(error)}
