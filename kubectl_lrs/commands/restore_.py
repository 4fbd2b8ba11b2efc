"""`kubectl lrs restore`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kubectl_lrs import render, wiring
from kubectl_lrs.backupdir import BackupDir
from kubectl_lrs.catalog import Cluster
from kubectl_lrs.clients.kube import KubeClient, Resource
from kubectl_lrs.commands.deployment_options import accounts_of, api_flags, api_options
from kubectl_lrs.commands.stores import RESOURCES, STORES, RestoreCall, held, restore_options, wanted_tiers
from kubectl_lrs.commands.verb import (
    backup_dir_option,
    confirm,
    exclude_type_option,
    kube_flags,
    output_option,
    quiet_option,
    selector_option,
    split,
    stop_on_signal,
    type_option,
    verb,
    yes_option,
)
from kubectl_lrs.errors import DeniedError, ExitCode, UnreachableError, UsageError
from kubectl_lrs.folder import SealedFolder
from kubectl_lrs.manifest import Manifest
from kubectl_lrs.names import LATEST
from kubectl_lrs.operations.chosen import namespace_map
from kubectl_lrs.operations.deployments import known_deployments, left_to_activate
from kubectl_lrs.operations.recovery import Recovery
from kubectl_lrs.operations.restore import Restore, Wanted
from kubectl_lrs.operations.verify import require_intact
from kubectl_lrs.plan import Effort, Plan, Policy
from kubectl_lrs.progress import Progress
from kubectl_lrs.selection import Selection
from kubectl_lrs.settings import duration
from kubectl_lrs.tiers.deployments.inventory import Account
from kubectl_lrs.tiers.deployments.whose import Whose
from kubectl_lrs.tiers.images.mapping import registry_map
from kubectl_lrs.tiers.resources.stored import BackupSource, Source, saved_crd
from kubectl_lrs.workloads import GROUP, PLURAL

if TYPE_CHECKING:
    from kubectl_lrs.tiers.resources.files import FilesSource

VALIDATIONS = {"strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore"}


@verb(
    "restore",
    examples=[
        ("Everything in the newest backup of this cluster", "@ restore latest"),
        ("What that would do, object by object and field by field", "@ restore latest --existing update --dry-run=client"),
        ("Two LRS out of a certain backup", "@ restore my-model datarobot/my-app --from lrs_backup_2026_11_23_08_16_10"),
        (
            "Into another namespace of a new cluster",
            "@ restore ./lrs_backup_2026_11_23_08_16_10 --map-namespace old=new --create-namespaces",
        ),
        ("What the vendor's script or kubectl get -o yaml saved", "@ restore -f lrs_backup_2026_11_23_08_16/"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option(
    "--from",
    "from_",
    default="",
    metavar="BACKUP",
    help="The backup that LRS names are taken from; else the newest of this cluster.",
)
@click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    metavar="FILE",
    help="Plain manifests in place of a backup: a file, a folder, or -.",
)
@click.option("-R", "--recursive", is_flag=True, help="With -f: folders below folders too.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces; overrides -n.")
@type_option
@exclude_type_option
@selector_option
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    metavar="T,...",
    callback=lambda _c, _p, value: split(value),
    help=f"Only these parts: {', '.join((*STORES, RESOURCES))}; else all that a backup holds, {RESOURCES} where LRS are chosen.",
)
@click.option(
    "--existing",
    type=click.Choice([policy.value for policy in Policy]),
    default=Policy.SKIP.value,
    show_default=True,
    help="What to do with an object that is there and differs.",
)
@click.option(
    "--map-namespace",
    "maps",
    multiple=True,
    metavar="OLD=NEW",
    help="Restore what was saved in OLD into NEW; may be repeated. -n and names mean namespaces as they were saved.",
)
@click.option(
    "--accept-unmapped", is_flag=True, help="Take it that something still names a namespace or registry that was mapped."
)
@click.option("--create-namespaces", is_flag=True, help="Make the namespaces that are not there.")
@click.option("--install-crd", is_flag=True, help="Install the CRD that the backup holds, where the cluster has none.")
@click.option("--restore-status", is_flag=True, help="Set the saved status too.")
@click.option(
    "--validate",
    type=click.Choice(list(VALIDATIONS)),
    default="strict",
    show_default=True,
    help="What the server does with fields it does not know.",
)
@click.option("--pause-operator", is_flag=True, help="Scale the LRS operator to 0 while objects are written, and back.")
@click.option(
    "--operator", default="", metavar="NAMESPACE/NAME", help="The operator's Deployment, where it is not found by itself."
)
@click.option(
    "--operator-replicas",
    type=click.IntRange(0),
    metavar="N",
    help="What the operator is scaled to afterwards; needed where it is at 0 now.",
)
@click.option("--wait", is_flag=True, help="Wait until what was ready at backup is ready again, by its conditions.")
@click.option(
    "--timeout", default="5m", show_default=True, metavar="DURATION", help="For what is being deleted to go, and for --wait."
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=wiring.DEFAULT_WORKERS, show_default=True, help="Objects written at once."
)
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    help="Show the plan, or ask the server about each write.",
)
@click.option(
    "--journal",
    "journals",
    multiple=True,
    metavar="FILE",
    help="Journal of deactivate, beside those in the folder of the backups: what it took down is left to activate.",
)
@click.option(
    "--force", is_flag=True, help="While a deactivation is open: also write LRS of which nothing tells whose deployment they are."
)
@restore_options
@api_options
@yes_option
@backup_dir_option
@output_option("table", "wide", "json", "yaml", "name")
@quiet_option
def command(
    ctx: click.Context, names: tuple[str, ...], output: str, quiet: bool, yes: bool, dry_run: str, **options: Any
) -> ExitCode:
    """Restore a backup, or some LRS out of one.

    NAME is a backup (a name in the folder of the backups, a path, or `latest`), or an LRS (`name`, `namespace/name`).
    Sums are checked and the whole plan is made before anything is written. An object that is there and equal is not
    written; one that is there and differs is left alone and reported, unless --existing says otherwise. Where no -n is
    given, all namespaces that the backup holds are meant.

    A whole backup is restored with all that it holds: Mongo collections, images and files first, then the LRS that need
    them. Chosen LRS are restored alone, unless --tier says more.
    """
    flags = kube_flags(ctx)
    directory = wiring.backup_dir(options["backup_dir"])
    progress = render.progress(quiet=quiet)
    kube = wiring.connect(flags)
    identity = kube.identity()
    if options["files"]:
        folder, objects = None, names
        source: Source = _plain_files(options, kube.connection.namespace)
    else:
        backup, objects = _meaning(names, options["from_"], directory)
        folder = directory.find(backup) if backup else directory.latest_of(identity)
        source = _intact(directory, folder, progress)
    tiers = wanted_tiers(options["tiers"], folder, selects_objects=_selects(flags.namespace, objects, options))
    _say_left_alone(folder, tiers)
    call = _Call(ctx, options, directory, folder, source, kube, identity, progress, quiet)
    recovery = Recovery(
        [STORES[name].restorer(_store_call(call)) for name in tiers if name in STORES],
        _resources(call, flags.namespace, objects) if RESOURCES in tiers else None,
        source=source.description,
        target=kube.connection.server,
        from_another_cluster=call.is_foreign,
        progress=progress,
        stop=kube.stop,
    )
    try:
        plan = recovery.plan()
    finally:
        progress.end()
    if dry_run == "client":
        return _show_plan(plan, output)
    _say_findings(plan)
    if plan.errors:
        return plan.errors[0].exit_code
    if dry_run == "none" and plan.stakes:
        if not yes and sys.stderr.isatty():
            render.show(render.plan_view(plan, applied=True), "table", err=True)
        confirm(f"{'; '.join(plan.stakes)} on {plan.target}. Go on?", yes=yes)
    effort = Effort(
        workers=options["parallel"],
        timeout=duration(options["timeout"], what="--timeout").total_seconds(),
        wait=options["wait"],
        dry_run=dry_run == "server",
    )
    stop_on_signal(kube.stop)  # not before: as long as nothing is written, a signal ends the run at once
    report = recovery.apply(plan, effort)
    render.show(render.report_view(report, dry_run=effort.dry_run), output)
    return report.exit_code()


def _meaning(names: tuple[str, ...], from_: str, directory: BackupDir) -> tuple[str, tuple[str, ...]]:
    """(backup, LRS names): what the arguments mean; backup empty for the newest of the cluster."""
    if not names:
        raise UsageError("restore needs a NAME: an LRS, a backup, or latest", hint="see what there is with: list, show")
    backups = [name for name in names if directory.names_backup(name)]
    if not backups:
        return ("" if from_ == LATEST else from_), names
    if len(names) > 1:
        raise UsageError(f"{backups[0]!r} is a backup; it stands alone", hint="name the LRS, and the backup with --from")
    if from_:
        raise UsageError(f"{backups[0]!r} is a backup, and --from names another", hint="give one of the two")
    return ("" if backups[0] == LATEST else backups[0]), ()


@dataclass(frozen=True)
class _Call:
    """What one call of the verb is about. `folder` is None where plain files are restored."""

    ctx: click.Context
    options: dict[str, Any]
    directory: BackupDir
    folder: SealedFolder | None
    source: Source
    kube: KubeClient
    identity: Cluster
    progress: Progress
    quiet: bool

    @property
    def is_foreign(self) -> bool:
        """Whether the backup is one of another cluster."""
        return self.folder is not None and not self.folder.catalog.cluster.is_same(self.identity)


def _selects(namespace: str, objects: tuple[str, ...], options: dict[str, Any]) -> bool:
    """Whether the user chose some LRS, not a backup."""
    return bool(objects or namespace or options["types"] or options["selector"])


def _say_left_alone(folder: SealedFolder | None, tiers: list[str]) -> None:
    """What the backup holds beside what is restored."""
    if folder and (alone := [name for name in (*held(folder), RESOURCES) if name not in tiers]):
        render.say(f"note: left alone: {', '.join(alone)}; --tier restores them too")


def _store_call(call: _Call) -> RestoreCall:
    if call.folder is None:
        raise AssertionError("plain files have no stores")
    saved = call.folder.catalog.selection["namespace"] or call.kube.connection.namespace
    return RestoreCall(
        folder=call.folder,
        kube=call.kube,
        namespace=namespace_map(call.options["maps"]).get(saved, saved),
        options=call.options,
        stop=call.kube.stop,
    )


def _resources(call: _Call, namespace: str, objects: tuple[str, ...]) -> Restore:
    """The restore of the LRS."""
    options, kube, folder = call.options, call.kube, call.folder
    crd = wiring.crd_to_install(kube, folder) if folder and options["install_crd"] else None
    wanted = Wanted(
        selection=Selection(
            namespace=None if options["all_namespaces"] else namespace or None,
            types=options["types"],
            excluded_types=options["excluded"],
            selector=options["selector"],
        ),
        names=objects,
        policy=Policy(options["existing"]),
        namespace_map=namespace_map(options["maps"]),
        registry_map=registry_map(options["registry_maps"]),
        create_namespaces=options["create_namespaces"],
        crd=crd,
        validation=VALIDATIONS[options["validate"]],
        restore_status=options["restore_status"],
        accept_unmapped=options["accept_unmapped"],
        operator=options["operator"],
        pause_operator=options["pause_operator"],
        operator_replicas=options["operator_replicas"],
        from_another_cluster=call.is_foreign,
        left_alone=left_to_activate(_whose(call), force=options["force"]),
    )
    return Restore(
        call.source,
        wanted,
        kube=kube,
        resource=_resource(kube, call.source, crd, folder),
        directory=call.directory.path,
        cluster=call.identity.uid or call.identity.server,
        progress=call.progress,
        stop=kube.stop,
    )


def _whose(call: _Call) -> Whose:
    """What is known of the deployments; the application may be down, and then it is said."""
    accounts: list[Account] = []
    if wiring.api_is_given(api_flags(call.options)):
        try:
            accounts = accounts_of(call.ctx, call.options, quiet=call.quiet)
        except (UnreachableError, DeniedError) as error:
            render.say(f"warning: the application does not tell which deployments are deactivated: {error}")
    return known_deployments(call.directory.path, call.options["journals"], call.folder, accounts, call.progress)


def _plain_files(options: dict[str, Any], default_namespace: str) -> FilesSource:
    if options["from_"] or options["install_crd"]:
        raise UsageError("-f takes plain manifests; --from and --install-crd need a backup", hint="give one of the two")
    render.say("restoring from plain files: there are no sums, so nothing tells whether they are as they were written")
    from kubectl_lrs.tiers.resources.files import FilesSource

    return FilesSource(
        [Path(name) for name in options["files"]], recursive=options["recursive"], default_namespace=default_namespace
    )


def _intact(directory: BackupDir, folder: SealedFolder, progress: Progress) -> BackupSource:
    """The backup as a source, after every file of it was held against its sum."""
    catalog = folder.catalog
    taken = f"taken {render.local(catalog.instant)} of {catalog.cluster.server}"
    render.say(f"backup {folder.path.name}, {taken}, {render.scope(catalog)}")
    if folder.path.parent.resolve() == directory.path.resolve() and (before := directory.narrower_than_before(folder)):
        render.say(f"warning: it holds less than {before.path.name}, the one before it ({render.scope(before.catalog)})")
    require_intact(folder, progress)
    return BackupSource(folder)


def _resource(kube: KubeClient, source: Source, crd: Manifest | None, folder: SealedFolder | None) -> Resource:
    """The resource to write to; where the cluster has none, the error says so when the backup could bring it."""
    try:
        return wiring.resource_to_write(kube, source, crd)
    except UsageError as error:
        if crd is None and folder is not None and saved_crd(folder) and kube.discover(GROUP, PLURAL) is None:
            error.hint += "; --install-crd takes the one in the backup"
        raise


def _show_plan(plan: Plan, output: str) -> ExitCode:
    _say_findings(plan)
    render.show(render.plan_view(plan), output)
    return plan.errors[0].exit_code if plan.errors else ExitCode.DONE


def _say_findings(plan: Plan) -> None:
    for line in render.finding_lines(plan.all_findings):
        render.say(line)
