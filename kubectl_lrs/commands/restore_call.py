"""What a call of `restore` means: from its names and flags to the restore of a backup, of plain manifests or of a mongodump."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.commands.accounts import accounts_of, ends_the_run, refuse_token, refuse_unasked
from kubectl_lrs.commands.backup_choice import to_restore
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.places import say_places
from kubectl_lrs.commands.restore_ import STORE_OPTIONS, ApplyFlags, SourceFlags
from kubectl_lrs.commands.restore_parts import (
    held,
    refuse_contradictions,
    refuse_unused,
    require_known,
    say_left_alone,
    wanted_parts,
)
from kubectl_lrs.commands.shared import OneApplication, Quiet, Selecting, Trusting
from kubectl_lrs.commands.state import state_folder
from kubectl_lrs.commands.unused import refuse
from kubectl_lrs.model.belonging import Belongings
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.stores import RESOURCES, STORES
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.repository import Backup, Repository
from kubectl_lrs.runtime import state
from kubectl_lrs.runtime.paths import exists
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.sources.place import is_ours, may_mean_a_path, open_to_read
from kubectl_lrs.stores.base import RestoreContext, Restorer, connect_module
from kubectl_lrs.stores.common.image_names.mapping import registry_map
from kubectl_lrs.stores.deployments.connect import api_is_given
from kubectl_lrs.stores.deployments.flags import ApiOptions
from kubectl_lrs.stores.deployments.inventory import Deployment, inventory
from kubectl_lrs.stores.deployments.ownership import Ownership
from kubectl_lrs.stores.images.flags import RestoreOptions as ImagesOptions
from kubectl_lrs.stores.lrs.connect import connect, crd_to_install, resource_to_write
from kubectl_lrs.stores.lrs.flags import VALIDATIONS, RestoreFlags
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import BackupSource, named_source, saved_crd
from kubectl_lrs.stores.lrs.saved import Source as LrsSource
from kubectl_lrs.usecases.known_deployments import known_deployments, left_to_activate
from kubectl_lrs.usecases.restore import Restore
from kubectl_lrs.usecases.verify import require_intact

if TYPE_CHECKING:
    from kubectl_lrs.stores.lrs.plain_files import FilesSource


@dataclass(frozen=True)
class Call:
    """What one call of the command is about."""

    given: Given
    flags: SourceFlags
    directory: Repository
    kube: KubeClient
    identity: Cluster
    progress: Progress

    @classmethod
    def of(cls, given: Given) -> Call:
        """The cluster and the folder of the backups are looked for."""
        flags = given.of(SourceFlags)
        require_known(flags.tiers)
        refuse_contradictions(given)
        if not (flags.names or flags.files or given.of(OneApplication).app):
            raise UsageError("restore needs a NAME: an LRS, a backup, or latest", hint="see what there is with: list, show")
        kube = connect(given.kube, given.cancel)
        progress = render.progress(quiet=given.of(Quiet).quiet)
        return cls(given, flags, open_to_read(*flags.where), kube, kube.identity(), progress)

    @property
    def namespace(self) -> str:
        """That of -n."""
        return str(self.given.kube.namespace)

    @cached_property
    def state(self) -> Path | None:
        """Where journals lie too; made where something may be written."""
        whom = self.identity.uid or self.identity.server
        return state_folder(whom, make=self.given.of(ApplyFlags).dry_run == "none")


def restore_of(call: Call) -> Restore:
    """The restore that the user asks for; nothing is written."""
    dump = None if call.given.of(OneApplication).app else _mongodump(call)
    return _of_dump(call, dump) if dump else _of_source(call)


class _Sought(NamedTuple):
    """Where it is restored from, and what: all of it, some LRS by name, or one application."""

    source: LrsSource
    folder: Backup | None
    objects: tuple[str, ...]
    only: Belongings | None = None


def _sought(call: Call) -> _Sought:
    if call.given.of(OneApplication).app:
        from kubectl_lrs.commands.restore_app import lines, meant, own_lrs  # with what knows whose things are

        folder, only = meant(call.given, call.directory, call.identity, call.flags, call.progress)
        source = _intact(call, folder, f"application {only.title} out of ")
        for line in lines(only):
            render.say(line)
        return _Sought(source, folder, own_lrs(only), only)
    if call.flags.files:
        paths, objects = _plain_manifests(call)
        refuse_unused(call.given, (RESOURCES,), why="plain manifests hold LRS alone")
        refuse(set(call.given.words) & {"--at"}, "of plain manifests, which are of no time")
        return _Sought(_plain_files(call, paths), None, objects)
    backup, objects = _meaning(call)
    folder, objects = to_restore(call.given, call.directory, call.identity, backup, call.flags.tiers, objects)
    return _Sought(_of_few(call, folder, objects) or _intact(call, folder, _few(objects)), folder, objects)


def _of_source(call: Call) -> Restore:
    """The restore of a backup, of some LRS out of one, or of plain manifests."""
    source, folder, objects, only = _sought(call)
    again: Callable[[], Belongings] | None = None
    if only and folder:
        from kubectl_lrs.commands.restore_app import look_again, tiers_of

        tiers = tiers_of(call.flags.tiers, folder, only)
        again = look_again(call.given, folder, only, tiers, call.kube, call.progress)
        only = again() if again else only
    else:
        tiers = wanted_parts(call.flags.tiers, folder, call.given, objects)
        say_left_alone(folder, tiers)
    refuse_unused(call.given, tiers, why=_alone(folder))
    contexts = {name: _context(call, folder, only) for name in tiers if name in STORES and folder}
    stores = [_store(name, call, context) for name, context in contexts.items()]
    places = {name: connect_module(name).place(call.given.of(STORE_OPTIONS[name]), each) for name, each in contexts.items()}
    if not call.given.of(Quiet).quiet:
        say_places(places)
    if RESOURCES in tiers:
        stores.append(_resources(call, source, folder, objects))
    return Restore(
        stores,
        source=source.description,
        target=call.kube.connection.server,
        context=call.kube.connection.context,
        from_another_cluster=folder is not None and folder.catalog.cluster.is_another(call.identity),
        owner=folder.owner if folder else "",
        reads=None if objects and not only else folder,
        lacking=_lacking(folder, objects),
        only=only,
        again=again,
        namespaces=call.given.of(RestoreFlags).namespaces,
        places=places,
        progress=call.progress,
        stop=call.kube.stop,
    )


def _store(name: str, call: Call, context: RestoreContext) -> Restorer:
    """A store beside the cluster."""
    return connect_module(name).restorer(call.given.of(STORE_OPTIONS[name]), context)


def _context(call: Call, folder: Backup, only: Belongings | None) -> RestoreContext:
    """What the stores beside the cluster are restored in."""
    saved = str(folder.catalog.selection["namespace"] or call.kube.connection.namespace)
    namespaces = call.given.of(RestoreFlags).namespaces
    return RestoreContext(
        folder=folder,
        kube=call.kube,
        namespace=namespaces.get(saved, saved),
        namespaces=namespaces,
        stop=call.kube.stop,
        journals=call.directory.journals,
        state=call.state,
        only=only,
    )


# ---- what the names mean


def _plain_manifests(call: Call) -> tuple[list[Path], tuple[str, ...]]:
    """(files and folders, LRS names) of -f."""
    if call.flags.from_:
        raise UsageError("-f takes plain manifests, and --from a backup", hint="give one of the two")
    return [Path(name) for name in call.flags.files], call.flags.names


def _alone(folder: Backup | None) -> str:
    """Why what others saved has no more parts, where that is what is restored."""
    if folder is None or folder.has_sums:
        return ""
    return (
        f"of {folder.catalog.origin} {' and '.join('LRS' if name == RESOURCES else name for name in held(folder))} alone are read"
    )


def _lacking(folder: Backup | None, objects: tuple[str, ...]) -> list[str]:
    """What others should have saved and have not, imported or not; LRS that are named are there, and alone asked for."""
    if folder is None or folder.catalog.origin is None or objects:
        return []
    return [each.sentence for each in folder.catalog.missing]


def _mongodump(call: Call) -> Path | None:
    """The plain mongodump that a single name means, if it means one."""
    names = call.flags.names
    if len(names) != 1 or not may_mean_a_path(names[0]) or call.flags.files:
        return None
    from kubectl_lrs.stores.mongo.plain_dump import is_mongodump

    for path in (call.directory.journals / names[0], Path(names[0])):
        if exists(path) and not is_ours(path) and is_mongodump(path):
            return None if call.directory.has(names[0]) else path  # what a repository has goes first
    return None


def _of_dump(call: Call, path: Path) -> Restore:
    """The restore of what the real mongodump wrote; the database's part of a recovery, and nothing else."""
    from kubectl_lrs.stores.mongo import connect as mongo
    from kubectl_lrs.stores.mongo.flags import RestoreOptions as MongoOptions
    from kubectl_lrs.stores.mongo.plain_dump import dumped
    from kubectl_lrs.stores.mongo.replaced import ReplacedJournal

    alone = "a mongodump holds collections alone"
    refuse(set(call.given.words) & {"--map-namespace", "--at"}, f"here: {alone}")
    refuse_unused(call.given, ("mongo",), why=alone)
    refuse_contradictions(call.given)
    if call.flags.from_ or set(call.flags.tiers) - {"mongo"}:
        raise UsageError(f"{path} is a mongodump; it holds collections alone", hint="name collections with --mongo-collection")
    render.say(f"restoring the mongodump {path}: there are no sums, so nothing tells whether it is as it was written")
    options = call.given.of(MongoOptions)
    dump = dumped(path, only=options.only or tuple({each.partition("/")[0]: "" for each in options.ids}))
    namespace = call.namespace or call.kube.connection.namespace
    journal = ReplacedJournal(call.directory.journals, call.state)
    return Restore(
        [mongo.dump_restorer(dump, options, call.kube, namespace=namespace, stop=call.kube.stop, journal=journal)],
        source=f"mongodump {path}",
        target=call.kube.connection.server,
        context=call.kube.connection.context,
        from_another_cluster=False,
        progress=call.progress,
        stop=call.kube.stop,
    )


def _meaning(call: Call) -> tuple[str, tuple[str, ...]]:
    """(backup, LRS names): what the arguments mean; backup empty for the newest of the cluster."""
    names, from_ = call.flags.names, call.flags.from_
    backups = [name for name in names if call.directory.names_backup(name)]
    if not backups:
        return ("" if from_ == LATEST else from_), names
    if len(names) > 1:
        raise UsageError(f"{backups[0]!r} is a backup; it stands alone", hint="name the LRS, and the backup with --from")
    if from_:
        raise UsageError(f"{backups[0]!r} is a backup, and --from names another", hint="give one of the two")
    return ("" if backups[0] == LATEST else backups[0]), ()


# ---- the LRS


def _resources(call: Call, source: LrsSource, folder: Backup | None, objects: tuple[str, ...]) -> LrsRestorer:
    """The restore of the LRS."""
    flags, kube = call.given.of(RestoreFlags), call.kube
    crd = crd_to_install(kube, folder) if folder and flags.install_crd else None
    options = RestoreOptions(
        selection=call.given.of(Selecting).selection(call.namespace),
        names=objects,
        existing=flags.existing,
        namespace_map=flags.namespaces,
        registry_map=registry_map(call.given.of(ImagesOptions).registry_maps),
        create_namespaces=flags.create_namespaces,
        crd=crd,
        validation=VALIDATIONS[flags.validate],
        restore_status=flags.restore_status,
        accept_unmapped=flags.accept_unmapped,
        operator=flags.operator,
        pause_operator=flags.pause_operator,
        operator_replicas=flags.operator_replicas,
        left_alone=left_to_activate(_ownership(call, folder), force=flags.force),
    )
    return LrsRestorer(
        source,
        options,
        kube=kube,
        resource=_resource(kube, source, crd, folder),
        directory=call.directory.journals,
        cluster=call.identity.uid or call.identity.server,
        stop=kube.stop,
        trust=call.given.of(Trusting).trust,
        state=call.state,
    )


def _ownership(call: Call, folder: Backup | None) -> Ownership:
    """What is known of the deployments; the application may be down, and then it is said."""
    live, endpoint = _live_deployments(call)
    is_same = folder is None or not folder.catalog.cluster.is_another(call.identity)
    return known_deployments(
        call.directory.journals,
        call.flags.journals,
        folder,
        live,
        trust=call.given.of(Trusting).trust,
        states=state.folders() if is_same or endpoint else (),
        endpoint=endpoint,
    )


def _live_deployments(call: Call) -> tuple[Collection[Deployment], str]:
    """Those that the application shows, and its URL; none where it is not asked or does not tell."""
    api = call.given.of(ApiOptions)
    if not api_is_given(api):
        refuse_unasked(api)
        return (), ""
    refuse_token(call.given)
    try:
        accounts = accounts_of(call.given, api)
        call.progress.begin("looking at the deployments")
        found = inventory(accounts).values()
        for note in (note for account in accounts for note in account.client.notes.values()):
            render.say(f"warning: {note}: the LRS of one that is deactivated and lacks in it is restored like any other")
        return found, accounts[0].client.endpoint
    except LrsError as error:
        if ends_the_run(error, api):
            raise
        render.say(f"warning: the application does not tell which deployments are deactivated: {error}")
        return (), ""
    finally:
        call.progress.end()


def _plain_files(call: Call, paths: list[Path]) -> FilesSource:
    if call.given.of(RestoreFlags).install_crd:
        raise UsageError("--install-crd needs a backup, and plain manifests hold no CRD", hint="leave it out")
    named = ", ".join(map(str, paths[:3]))
    render.say(f"restoring from plain files ({named}): there are no sums, so nothing tells whether they are as they were written")
    from kubectl_lrs.stores.lrs.plain_files import FilesSource

    return FilesSource(
        paths,
        recursive=call.flags.recursive,
        default_namespace=call.kube.connection.namespace,
    )


def _few(objects: tuple[str, ...]) -> str:
    return f"{len(objects)} LRS out of " if objects else ""


def _of_few(call: Call, folder: Backup, objects: tuple[str, ...]) -> BackupSource | None:
    """The few LRS that are meant, whose files are held against their sums as they are read; None where all is to be."""
    if not objects or folder.reads_all or call.given.of(RestoreFlags).restore_status:
        return None
    found = named_source(folder, objects)
    if found:
        _say_taken(call, folder, _few(objects))
    return found


def _intact(call: Call, folder: Backup, selected: str) -> BackupSource:
    """The backup as a source, after every file of it was held against its sum."""
    _say_taken(call, folder, selected)
    require_intact(folder, call.progress)
    return BackupSource(folder)


def _say_taken(call: Call, folder: Backup, selected: str) -> None:
    """What the arguments were taken for."""
    catalog, directory = folder.catalog, call.directory
    taken = f"taken {render.local(catalog.instant)} of {catalog.cluster.title}"
    render.say(f"{selected}{'backup ' if folder.has_sums else ''}{folder.name}, {taken}, {render.scope(catalog)}")
    for line in render.of_others(folder):
        render.say(line)
    for line in render.backup_warnings(folder):
        render.say(f"warning: {line}")
    if folder.parent == directory.resolved and (less := directory.less_than_before(folder)):
        render.say(f"warning: {less}")


def _resource(kube: KubeClient, source: LrsSource, crd: Manifest | None, folder: Backup | None) -> Resource:
    """The resource to write to; where the cluster has none, the error says so when the backup could bring it."""
    try:
        return resource_to_write(kube, source, crd)
    except UsageError as error:
        if crd is None and folder is not None and saved_crd(folder) and kube.discover(GROUP, PLURAL) is None:
            error.with_hint("--install-crd takes the one in the backup")
        raise
