"""Rehearse, as `rehearse_` is told: what the call means, then the proof and its report."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.places import say_named
from kubectl_lrs.commands.rehearse_ import STORE_OPTIONS, Flags
from kubectl_lrs.commands.restore_parts import chosen_parts, held, refuse_others, require_known
from kubectl_lrs.commands.shared import Backups, Quiet, Tables
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.plan import ApplyOptions, errors_of
from kubectl_lrs.model.rehearsal import Rehearsed
from kubectl_lrs.model.stores import RESOURCES, STORES
from kubectl_lrs.repository import Backup
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.stores.base import Rehearsal, RestoreContext, connect_module
from kubectl_lrs.stores.lrs.connect import connect, rehearsal, resource_to_write
from kubectl_lrs.stores.lrs.flags import DEFAULT_WORKERS, RehearseFlags
from kubectl_lrs.stores.lrs.saved import BackupSource
from kubectl_lrs.usecases.rehearse import Rehearse

OPTIONS = ApplyOptions(workers=DEFAULT_WORKERS, timeout=60.0)


def run(given: Given) -> ExitCode:
    """Prove, report."""
    _refuse_at_once(given)
    if given.of(Flags).dry_run == "client":
        return _shown(given)
    proof = prove(given)
    if given.is_silent and proof.is_proved:
        for line in proof.removed:
            render.say(line)
    else:
        render.show(render.rehearsal_view(proof), given.of(Tables).output)
    return proof.exit_code()


def prove(given: Given, backup: str = "") -> Rehearsed:
    """What the rehearsal of the call, or of this `backup`, has shown; the act is noted in the history."""
    kube = connect(given.kube, given.cancel)
    folder = _backup(given, kube, backup or given.of(Flags).backup)
    rehearse = _rehearsal(given, kube, folder)
    identity = kube.identity()
    whom = identity.uid or identity.server
    given.note(whom, target=identity.server, what=folder.name, verb="rehearse", by=kube.whoami())
    return rehearse.prove(OPTIONS, given.stop_on_signals)  # not before: as long as all is read, a signal ends the run at once


def _refuse_at_once(given: Given) -> None:
    """UsageError for what cannot be, whatever the backup and the cluster hold."""
    require_known(given.of(Flags).tiers)
    for kind in STORE_OPTIONS.values():
        given.of(kind)
    _ = given.of(RehearseFlags).namespaces


def _shown(given: Given) -> ExitCode:
    kube = connect(given.kube, given.cancel)
    folder = _backup(given, kube, given.of(Flags).backup)
    plans = _rehearsal(given, kube, folder).plan()
    findings = [each for _, plan in plans for each in plan.findings]
    for line in render.finding_lines(findings, all_details=given.of(Tables).output == "wide"):
        render.say(line)
    render.show(render.rehearsal_plan_view(folder.name, plans), given.of(Tables).output)
    errors = errors_of(findings)
    return errors[0].exit_code if errors else ExitCode.DONE


def _backup(given: Given, kube: KubeClient, name: str) -> Backup:
    directory = open_to_read(*given.of(Backups).where)
    folder = found(given, directory, name, kube.identity() if name == LATEST else None)
    if name == LATEST:
        render.say_latest(folder, quiet=given.of(Quiet).quiet)
    for line in render.of_others(folder):
        render.say(line)
    return folder


def _rehearsal(given: Given, kube: KubeClient, folder: Backup) -> Rehearse:
    tiers = chosen_parts(given.of(Flags).tiers, folder)
    refuse_others(given, tiers, {**STORE_OPTIONS, RESOURCES: RehearseFlags})
    if not given.of(Quiet).quiet:
        say_named({name: given.of(STORE_OPTIONS[name]) for name in tiers if name in STORES})
    return Rehearse(
        folder,
        list(_stores(given, kube, folder, tiers)),
        left_out=[name for name in held(folder) if name not in tiers],
        progress=render.progress(quiet=given.of(Quiet).quiet),
        stop=kube.stop,
    )


def _stores(given: Given, kube: KubeClient, folder: Backup, tiers: list[str]) -> Iterator[Rehearsal]:
    """Each part, in the order in which it would be restored."""
    flags = given.of(RehearseFlags)
    saved = str(folder.catalog.selection["namespace"] or kube.connection.namespace)
    context = RestoreContext(
        folder=folder,
        kube=kube,
        namespace=flags.namespaces.get(saved, saved),
        namespaces=flags.namespaces,
        stop=kube.stop,
    )
    for name in (name for name in tiers if name in STORES):
        yield connect_module(name).rehearsal(given.of(STORE_OPTIONS[name]), context)
    if RESOURCES in tiers:
        source = BackupSource(folder)
        yield rehearsal(kube, source, resource_to_write(kube, source, None), flags)
