"""Verify, as `verify_` is told: the sums, and with a cluster a trial of the restore."""

from __future__ import annotations

import re
from dataclasses import replace

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Backups, Quiet, Selecting, Tables, Trusting
from kubectl_lrs.commands.verify_ import Flags
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.repository import Repository
from kubectl_lrs.repository.base import ALL, LISTED
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.stores.lrs.connect import connect, crd_to_install, resource_to_write
from kubectl_lrs.stores.lrs.flags import TargetOptions
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import BackupSource, saved_crd
from kubectl_lrs.stores.lrs.selected import Selected
from kubectl_lrs.usecases.restore import Restore
from kubectl_lrs.usecases.verify import Trial, hopeless, try_crd, try_restore, unchecked, verify


def run(given: Given) -> ExitCode:
    """Check the sums; then ask the cluster, where it is to be asked."""
    flags, output, quiet = given.of(Flags), given.of(Tables).output, given.of(Quiet).quiet
    directory = open_to_read(*given.of(Backups).where)
    progress, share = render.progress(quiet=quiet), share_of(flags)
    kube = connect(given.kube, given.cancel) if flags.against_cluster else None
    # A named one is held against its sums before the cluster is asked.
    folder = found(given, directory, flags.backup, kube.identity() if kube and flags.backup == LATEST else None)
    if flags.backup == LATEST:
        render.say_latest(folder, quiet=quiet)
    if flags.sample and folder.reads_all and folder.has_sums:
        raise UsageError(f"--sample says nothing here: {folder.name} is a plain backup, which is always read whole")
    is_asked = kube is not None and not folder.has_sums  # of what has no sums the cluster alone can tell something
    checked = unchecked(folder) if is_asked else verify(folder, progress, share=share)
    if checked.damages or kube is None:
        if checked.damages or folder.catalog.missing or not given.is_silent:
            render.show(render.damage_report(folder.name, folder.catalog, checked), output)
        return ExitCode.DIFFERENCE if checked.damages else ExitCode.DONE
    trial = _trial(kube, BackupSource(folder), given, directory, progress)
    if output == "name":
        for line in render.finding_lines(trial.findings):
            render.say(line)
    if trial.exit_code() is not ExitCode.DONE or folder.catalog.missing or not given.is_silent:
        render.show(render.trial_view(folder.name, folder.catalog, checked, trial), output)
    return trial.exit_code()


def share_of(flags: Flags) -> float:
    """How much of the contents is to be read: nothing, some, all. UsageError for what is no share."""
    if not flags.sample:
        return ALL if flags.full else LISTED
    found = _PERCENT.fullmatch(flags.sample)
    if not found or not 0 < float(found[1]) <= 100:
        raise UsageError(f"--sample {flags.sample}: not a share of more than 0 and at most 100%", hint="write it like 5%")
    return float(found[1]) / 100


_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%?")


def _trial(kube: KubeClient, source: BackupSource, given: Given, directory: Repository, progress: Progress) -> Trial:
    """What the cluster says of the backup, after its files were found to be as they were sealed."""
    if not source.folder.catalog.has_lrs:
        raise UsageError(
            f"{source.folder.describe()}: it holds no LRS, and of these alone the cluster is asked", hint="see: show"
        )
    source.check()
    identity, options = kube.identity(), given.of(TargetOptions)
    wanted = RestoreOptions(
        selection=given.of(Selecting).selection(given.kube.namespace),
        existing=Existing.REPLACE,  # so that objects that are there and differ are tried too
        namespace_map=options.namespaces,
        create_namespaces=True,
        try_each=True,
    )
    try:
        crd = crd_to_install(kube, source.folder) if options.install_crd else None
        resource = resource_to_write(kube, source, crd)
    except UsageError as error:
        could_install = not options.install_crd and kube.discover(GROUP, PLURAL) is None and saved_crd(source.folder)
        hint = f"{error.hint}{'; --install-crd takes the one in the backup' if could_install else ''}"
        return _hopeless(source, wanted, identity.server, Finding(Severity.ERROR, str(error), hint, ExitCode.DIFFERENCE))
    given.stop_on_signals()
    lrs = LrsRestorer(
        source,
        replace(wanted, crd=crd),
        kube=kube,
        resource=resource,
        directory=directory.journals,
        cluster=identity.uid or identity.server,
        stop=kube.stop,
        trust=given.of(Trusting).trust,
    )
    restore = Restore(
        [lrs],
        source=source.description,
        target=kube.connection.server,
        from_another_cluster=source.folder.catalog.cluster.is_another(identity),
        progress=progress,
        stop=kube.stop,
    )
    trial = try_restore(restore, workers=options.parallel, create_namespaces=options.create_namespaces)
    if crd and trial.exit_code() is not ExitCode.UNREACHABLE:
        trial.findings += try_crd(kube, crd)
    return trial


def _hopeless(source: BackupSource, wanted: RestoreOptions, server: str, why: Finding) -> Trial:
    """Nothing of it can be asked."""
    return hopeless(Selected(source, wanted.selection, (), wanted.namespace_map), wanted.selection.left_out, server, why)
