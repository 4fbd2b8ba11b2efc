"""`kubectl lrs verify`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.command import (
    backup_dir_option,
    exclude_type_option,
    kube_flags,
    output_option,
    quiet_option,
    selector_option,
    stop_on_signal,
    type_option,
    verb,
)
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.plan import Existing, Finding, Severity
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.stores.lrs.connect import DEFAULT_WORKERS
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import BackupSource, saved_crd
from kubectl_lrs.stores.lrs.selected import Chosen, namespace_map
from kubectl_lrs.usecases.restore import Restore
from kubectl_lrs.usecases.verify import Trial, hopeless, try_crd, try_restore, verify

CLUSTER_ONLY = {
    "all_namespaces": "-A",
    "types": "--type",
    "excluded": "--exclude-type",
    "selector": "-l",
    "maps": "--map-namespace",
    "create_namespaces": "--create-namespaces",
    "install_crd": "--install-crd",
    "parallel": "--parallel",
}
"""The flags that say nothing without --against-cluster."""


@verb(
    "verify",
    examples=[
        ("The newest backup", "@ verify"),
        ("The same with common tools", "cd lrs_backup_2026_11_23_08_16_10 && sha256sum -c SHA256SUMS"),
        ("Would the newest backup of this cluster restore here, now?", "@ verify --against-cluster"),
        (
            "Before a migration: would it restore into the new cluster?",
            "@ verify ./lrs_backup_2026_11_23_08_16_10 --against-cluster --context new --create-namespaces",
        ),
    ],
    exits=(0, 2, 4, 5, 130),
)
@click.argument("backup", default=LATEST, metavar="[BACKUP]")
@click.option(
    "--against-cluster", is_flag=True, help="Ask the cluster too whether it would take every object; nothing is written."
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces; overrides -n.")
@type_option
@exclude_type_option
@selector_option
@click.option(
    "--map-namespace",
    "maps",
    multiple=True,
    metavar="OLD=NEW",
    help="As restore --map-namespace: objects of one namespace go into another; may be repeated.",
)
@click.option("--create-namespaces", is_flag=True, help="As restore --create-namespaces: a missing one is no error.")
@click.option("--install-crd", is_flag=True, help="As restore --install-crd: a missing CRD that the backup holds is no error.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=DEFAULT_WORKERS, show_default=True, help="Objects asked about at once."
)
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context, backup: str, against_cluster: bool, backup_dir: str, output: str, quiet: bool, **options: Any
) -> ExitCode:
    """Check that a backup is as it was sealed.

    Every file must be there, none altered, none added. BACKUP is a name in the folder of the backups, a path, or
    `latest`, which is the default. No cluster is needed.

    With --against-cluster it then answers: would `restore`, with the same flags, work here and now? The plan is made
    with all its checks, and the API server is asked about every object by a dry run. An object that it would not take
    is `refused`; one that cannot be tried (its namespace or the CRD is not there yet, a webhook has side effects) is
    `not checked`. It would not work where an object is refused, or the CRD or a namespace is missing and the flag
    that makes it is not given; warnings, such as a Secret that a spec names and that is not there, do not count.
    `latest` is then the newest backup of that cluster. Without -n, all that the backup holds is asked about.
    """
    directory = wiring.backup_dir(backup_dir)
    progress = render.progress(quiet=quiet)
    if not against_cluster:
        _refuse_cluster_flags(ctx)
    kube = wiring.connect(kube_flags(ctx)) if against_cluster else None
    folder = directory.latest_of(kube.identity()) if kube and backup == LATEST else directory.find(backup)
    if backup == LATEST and not quiet:
        render.say(f"latest is {folder.path.name}")
    checked = verify(folder, progress)
    if checked.damages or kube is None:
        render.show(render.damage_report(folder.path.name, checked.damages, checked.files, checked.seconds), output)
        return ExitCode.DIFFERENCE if checked.damages else ExitCode.DONE
    trial = _trial(kube, BackupSource(folder), kube_flags(ctx).namespace, options, directory, progress)
    if output == "name":
        for line in render.finding_lines(trial.findings):
            render.say(line)
    render.show(render.trial_view(folder.path.name, checked, trial), output)
    return trial.exit_code()


def _refuse_cluster_flags(ctx: click.Context) -> None:
    given = [flag for name, flag in CLUSTER_ONLY.items() if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise UsageError(f"{', '.join(given)} says nothing here without --against-cluster: a backup is checked as a whole")


def _trial(
    kube: KubeClient, source: BackupSource, namespace: str, options: dict[str, Any], directory: BackupDir, progress: Progress
) -> Trial:
    """What the cluster says of the backup, after its files were found to be as they were sealed."""
    source.check()
    identity = kube.identity()
    wanted = RestoreOptions(
        selection=Selection(
            namespace=None if options["all_namespaces"] else namespace or None,
            types=options["types"],
            excluded_types=options["excluded"],
            selector=options["selector"],
        ),
        existing=Existing.REPLACE,  # so that objects that are there and differ are tried too
        namespace_map=namespace_map(options["maps"]),
        create_namespaces=True,
        try_each=True,
    )
    try:
        crd = wiring.crd_to_install(kube, source.folder) if options["install_crd"] else None
        resource = wiring.resource_to_write(kube, source, crd)
    except UsageError as error:
        chosen = Chosen(source, wanted.selection, (), wanted.namespace_map)
        could_install = not options["install_crd"] and kube.discover(GROUP, PLURAL) is None and saved_crd(source.folder)
        hint = f"{error.hint}{'; --install-crd takes the one in the backup' if could_install else ''}"
        return hopeless(
            chosen, wanted.selection.left_out, identity.server, Finding(Severity.ERROR, str(error), hint, ExitCode.DIFFERENCE)
        )
    kube.stop = stop_on_signal()
    lrs = LrsRestorer(
        source,
        replace(wanted, crd=crd),
        kube=kube,
        resource=resource,
        directory=directory.path,
        cluster=identity.uid or identity.server,
        stop=kube.stop,
    )
    restore = Restore(
        [lrs],
        source=source.description,
        target=kube.connection.server,
        from_another_cluster=not source.folder.catalog.cluster.is_same(identity),
        progress=progress,
        stop=kube.stop,
    )
    trial = try_restore(restore, workers=options["parallel"], create_namespaces=options["create_namespaces"])
    if crd and trial.exit_code() is not ExitCode.UNREACHABLE:
        trial.findings += try_crd(kube, crd)
    return trial
