"""What a call of `restore` means: from its names and flags to the restore of a backup, of plain manifests or of a mongodump."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient, Resource
from kubectl_lrs.commands.command import kube_flags
from kubectl_lrs.commands.deployment_options import accounts_of, api_flags
from kubectl_lrs.commands.stores import RESOURCES, STORES, RestoreCall, held, wanted_tiers
from kubectl_lrs.model.catalog import FILE as CATALOG_FILE
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import DeniedError, UnreachableError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.plan import Existing
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.runtime.paths import is_folder
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Restorer
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.deployments.ownership import Whose
from kubectl_lrs.stores.images.mapping import registry_map
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import BackupSource, Source, saved_crd
from kubectl_lrs.stores.lrs.selected import namespace_map
from kubectl_lrs.usecases.deployments import known_deployments, left_to_activate
from kubectl_lrs.usecases.restore import Restore
from kubectl_lrs.usecases.verify import require_intact

if TYPE_CHECKING:
    from kubectl_lrs.stores.lrs.plain_files import FilesSource

VALIDATIONS = {"strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore"}


def restore_of(call: Call, names: tuple[str, ...]) -> Restore:
    """The restore that the user asks for; nothing is written."""
    dump = _mongodump(call.directory, names, call.options)
    return _of_dump(call, dump) if dump else _of_source(call, names)


def _of_source(call: Call, names: tuple[str, ...]) -> Restore:
    """The restore of a backup, of some LRS out of one, or of plain manifests."""
    options, kube, directory = call.options, call.kube, call.directory
    folder: SealedFolder | None = None
    if options["files"]:
        objects = names
        source: Source = _plain_files(options, kube.connection.namespace)
    else:
        backup, objects = _meaning(names, options["from_"], directory)
        folder = directory.find(backup) if backup else directory.latest_of(call.identity)
        source = _intact(directory, folder, objects, call.progress)
    namespace = kube_flags(call.ctx).namespace
    tiers = wanted_tiers(options["tiers"], folder, selects_objects=_selects(namespace, objects, options))
    _say_left_alone(folder, tiers)
    is_foreign = folder is not None and not folder.catalog.cluster.is_same(call.identity)
    chosen = _Chosen(source, folder, objects, namespace, is_foreign)
    stores: list[Restorer] = [STORES[name].restorer(_store_call(call, folder)) for name in tiers if name in STORES and folder]
    if RESOURCES in tiers:
        stores.append(_resources(call, chosen))
    return Restore(
        stores,
        source=source.description,
        target=kube.connection.server,
        from_another_cluster=is_foreign,
        progress=call.progress,
        stop=kube.stop,
    )


def _mongodump(directory: BackupDir, names: tuple[str, ...], options: dict[str, Any]) -> Path | None:
    """The folder of a plain mongodump that a single path names, if it is one."""
    if len(names) != 1 or os.sep not in names[0] or options["files"]:
        return None
    from kubectl_lrs.stores.mongo.saved import is_mongodump

    for path in (directory.path / names[0], Path(names[0])):
        if is_folder(path) and not os.path.lexists(path / CATALOG_FILE) and is_mongodump(path):
            return path
    return None


def _of_dump(call: Call, path: Path) -> Restore:
    """The restore of what the real mongodump wrote; the database's part of a recovery, and nothing else."""
    from kubectl_lrs.stores.mongo import connect as mongo
    from kubectl_lrs.stores.mongo.saved import dumped

    options = call.options
    if options["from_"] or _selects("", (), options) or set(options["tiers"]) - {"mongo"}:
        raise UsageError(f"{path} is a mongodump; it holds collections alone", hint="name collections with --mongo-collection")
    render.say(f"restoring the mongodump {path}: there are no sums, so nothing tells whether it is as it was written")
    namespace = kube_flags(call.ctx).namespace or call.kube.connection.namespace
    dump = dumped(path, only=options["mongo_only"])
    return Restore(
        [mongo.restorer(dump, call.kube, namespace, options, call.kube.stop)],
        source=f"mongodump {path}",
        target=call.kube.connection.server,
        from_another_cluster=False,
        progress=call.progress,
        stop=call.kube.stop,
    )


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
class Call:
    """What one call of the verb is about."""

    ctx: click.Context
    options: dict[str, Any]
    directory: BackupDir
    kube: KubeClient
    identity: Cluster
    progress: Progress
    quiet: bool


@dataclass(frozen=True)
class _Chosen:
    """What LRS are taken from: `folder` is None for plain files; `namespace` is that of -n; `is_foreign`: of another cluster."""

    source: Source
    folder: SealedFolder | None
    objects: tuple[str, ...]
    namespace: str
    is_foreign: bool


def _selects(namespace: str, objects: tuple[str, ...], options: dict[str, Any]) -> bool:
    """Whether the user chose some LRS, not a backup."""
    one_namespace = namespace and not options["all_namespaces"]
    return bool(objects or one_namespace or options["types"] or options["selector"])


def _say_left_alone(folder: SealedFolder | None, tiers: list[str]) -> None:
    """What the backup holds beside what is restored."""
    if folder and (alone := [name for name in (*held(folder), RESOURCES) if name not in tiers]):
        render.say(f"note: left alone: {', '.join(alone)}; --tier restores them too")


def _store_call(call: Call, folder: SealedFolder) -> RestoreCall:
    saved = folder.catalog.selection["namespace"] or call.kube.connection.namespace
    return RestoreCall(
        folder=folder,
        kube=call.kube,
        namespace=namespace_map(call.options["maps"]).get(saved, saved),
        options=call.options,
        stop=call.kube.stop,
    )


def _resources(call: Call, chosen: _Chosen) -> LrsRestorer:
    """The restore of the LRS."""
    options, kube, folder = call.options, call.kube, chosen.folder
    crd = wiring.crd_to_install(kube, folder) if folder and options["install_crd"] else None
    wanted = RestoreOptions(
        selection=Selection(
            namespace=None if options["all_namespaces"] else chosen.namespace or None,
            types=options["types"],
            excluded_types=options["excluded"],
            selector=options["selector"],
        ),
        names=chosen.objects,
        existing=Existing(options["existing"]),
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
        left_alone=left_to_activate(_whose(call, folder), force=options["force"]),
    )
    return LrsRestorer(
        chosen.source,
        wanted,
        kube=kube,
        resource=_resource(kube, chosen.source, crd, folder),
        directory=call.directory.path,
        cluster=call.identity.uid or call.identity.server,
        stop=kube.stop,
    )


def _whose(call: Call, folder: SealedFolder | None) -> Whose:
    """What is known of the deployments; the application may be down, and then it is said."""
    accounts: list[Account] = []
    if wiring.api_is_given(api_flags(call.options)):
        try:
            accounts = accounts_of(call.ctx, call.options, quiet=call.quiet)
        except (UnreachableError, DeniedError) as error:
            render.say(f"warning: the application does not tell which deployments are deactivated: {error}")
    return known_deployments(call.directory.path, call.options["journals"], folder, accounts, call.progress)


def _plain_files(options: dict[str, Any], default_namespace: str) -> FilesSource:
    if options["from_"] or options["install_crd"]:
        raise UsageError("-f takes plain manifests; --from and --install-crd need a backup", hint="give one of the two")
    render.say("restoring from plain files: there are no sums, so nothing tells whether they are as they were written")
    from kubectl_lrs.stores.lrs.plain_files import FilesSource

    return FilesSource(
        [Path(name) for name in options["files"]], recursive=options["recursive"], default_namespace=default_namespace
    )


def _intact(directory: BackupDir, folder: SealedFolder, objects: tuple[str, ...], progress: Progress) -> BackupSource:
    """The backup as a source, after every file of it was held against its sum; what the arguments were taken for is said."""
    catalog = folder.catalog
    taken = f"taken {render.local(catalog.instant)} of {catalog.cluster.server}"
    chosen = f"{len(objects)} LRS out of " if objects else ""
    render.say(f"{chosen}backup {folder.path.name}, {taken}, {render.scope(catalog)}")
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
