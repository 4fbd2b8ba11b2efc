"""Compare, as `diff_` is told: two backups, or a backup and the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.backup_choice import found
from kubectl_lrs.commands.diff_ import LIVE, Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import At, Backups, OneApplication, Quiet, Selecting
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.stores import RESOURCES, STORES
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.stores.files.flags import StorageOptions
from kubectl_lrs.stores.images.flags import RegistryOptions
from kubectl_lrs.stores.lrs.connect import connect, served
from kubectl_lrs.stores.lrs.flags import Mapping as NamespaceMapping
from kubectl_lrs.stores.lrs.saved import BackupSource
from kubectl_lrs.stores.lrs.validate import Published
from kubectl_lrs.stores.mongo.flags import DatabaseOptions
from kubectl_lrs.usecases.diff import BackupSide, Comparison, Differ, LiveSide, Side
from kubectl_lrs.usecases.diff_stores import CHOSEN, NotCompared, StoreComparison, compare_stores, none_compared
from kubectl_lrs.usecases.diff_stores import LIVE as LIVE_WHY
from kubectl_lrs.usecases.verify import require_intact

if TYPE_CHECKING:
    from kubectl_lrs.usecases.diff_application import LiveStores

Stores: TypeAlias = "tuple[list[StoreComparison], list[NotCompared]]"


def run(given: Given) -> ExitCode:
    """Open both sides, compare, and show what differs."""
    flags, quiet = given.of(Flags), given.of(Quiet).quiet
    app = given.of(OneApplication).app
    before = flags.before or (LATEST if given.of(At).at or app else "")
    if not before:
        raise UsageError("diff needs an A: the backup to compare", hint="see what there is with: list")
    if before == LIVE:
        raise UsageError("A is a backup; live can only be B", hint="name the backup first; one that is called live by its path")
    maps, namespace = given.of(NamespaceMapping).namespaces, given.kube.namespace
    selection = given.of(Selecting).selection(maps.get(namespace, namespace))
    named = [name for name in (before, flags.after) if name != LIVE]
    opened = _Backups(given, named, render.progress(quiet=quiet), quiet=quiet)
    if app:
        return _show(*_of_application(opened, given, (before, flags.after), maps, selection), flags.output, quiet=quiet)
    if flags.after == LIVE:
        sides = _with_live(opened, before, connect(given.kube, given.cancel), maps, selection)
        stores: Stores = ([], none_compared(opened.folders, LIVE_WHY))
    else:
        sides = (BackupSide(opened.source(before), maps), BackupSide(opened.source(flags.after), {}))
        stores = _stores(opened, is_narrow=selection.is_narrow or bool(namespace or maps))
    differ = Differ(*sides, selection, opened.progress)
    return _show(differ, stores, flags.output, quiet=quiet)


def _of_application(
    opened: _Backups, given: Given, names: tuple[str, str], maps: Mapping[str, str], selection: Selection
) -> tuple[Differ, Stores]:
    """All that belongs to one application on either side."""
    from kubectl_lrs.usecases.belonging import belongings_in  # with all stores, of which a diff of LRS has no need
    from kubectl_lrs.usecases.diff_application import LiveApplication

    if given.of(Selecting).selects_some:
        raise UsageError("--type and -l choose LRS, and --app an application", hint="give one of the two")
    before, after = names
    if after == LIVE:
        kube = connect(given.kube, given.cancel)
        source, application = opened.of_application(before, kube.identity())
        mine = belongings_in(source.folder, application, opened.progress)
        sides = _sides_with_live(opened, source, kube, maps, selection)
        with _live_stores(given, kube, source, maps) as stores:
            now = LiveApplication(stores, source.folder, mine, opened.progress)
            compared = now.compare()
        theirs = now.after
    else:
        source, application = opened.of_application(before)
        other = opened.source(after)
        mine = belongings_in(source.folder, application, opened.progress)
        theirs = belongings_in(other.folder, application, opened.progress)
        sides = (BackupSide(source, maps), BackupSide(other, {}))
        only = {name: {*mine.of(name), *theirs.of(name)} for name in STORES}
        compared = compare_stores(source.folder, other.folder, opened.progress, only)
    opened.say_line(f"application {mine.title}: {len(mine.things)} things in {source.folder.name}")
    untold = [NotCompared("what belongs to it", f"{source.folder.name}: {why}") for why in mine.untold]
    lrs = {*(_mapped(name, maps) for name in mine.of(RESOURCES)), *theirs.of(RESOURCES)}
    return Differ(*sides, selection, opened.progress, lrs), (compared[0], [*compared[1], *untold])


def _mapped(key: str, maps: Mapping[str, str]) -> str:
    namespace, _, name = key.partition("/")
    return f"{maps.get(namespace, namespace)}/{name}"


@contextmanager
def _live_stores(given: Given, kube: KubeClient, source: BackupSource, maps: Mapping[str, str]) -> Iterator[LiveStores]:
    """The stores beside the cluster, as far as they can be had."""
    from kubectl_lrs.commands.application_choice import namespaces_now
    from kubectl_lrs.stores.files.connect import storage
    from kubectl_lrs.stores.images.connect import access as images_access
    from kubectl_lrs.stores.mongo.connect import access
    from kubectl_lrs.stores.mongo.inspect import LiveDocuments
    from kubectl_lrs.stores.mongo.levels import COMPLETE
    from kubectl_lrs.stores.mongo.server.client import Mongo
    from kubectl_lrs.usecases.diff_application import LiveStores, had

    namespace, home = namespaces_now(source.folder, kube, maps)
    mongo_options, files_options = given.of(DatabaseOptions), given.of(StorageOptions)
    mongo = Mongo(access(mongo_options, kube, home))
    try:
        yield LiveStores(
            kube=kube,
            resource=served(kube, source.version),
            namespace=namespace,
            documents=had(lambda: LiveDocuments(mongo, database=mongo_options.database, wanted=COMPLETE)),
            images=images_access(given.of(RegistryOptions), kube, {}, kube.stop),
            storage=had(lambda: storage(files_options, otherwise="without it files are not compared")),
        )
    finally:
        mongo.close()


def _stores(opened: _Backups, *, is_narrow: bool) -> Stores:
    """What is beside the LRS in both."""
    before, after = opened.folders
    if is_narrow:
        return [], none_compared(opened.folders, CHOSEN)
    return compare_stores(before, after, opened.progress)


class _Backups:
    """Opens the backups that are named, each held against its sums; its objects are while they are compared, all of them."""

    def __init__(self, given: Given, named: Sequence[str], progress: Progress, *, quiet: bool) -> None:
        self.directory = open_to_read(*given.of(Backups).where)
        self.progress = progress
        self.folders: list[Backup] = []
        self._given = given
        self._named = named
        self._quiet = quiet

    def source(self, name: str, cluster: Cluster | None = None) -> BackupSource:
        """The backup of this name; `latest` is the newest of the cluster, where one is given."""
        return self._opened(name, found(self._given, self.directory, name, cluster, named=self._named))

    def of_application(self, name: str, cluster: Cluster | None = None) -> tuple[BackupSource, tuple[str, str]]:
        """(the backup that knows the application of --app, id and name of that)."""
        from kubectl_lrs.commands.application_choice import of_application

        folder, application = of_application(self._given, self.directory, name, cluster)
        return self._opened(name, folder), application

    def _opened(self, name: str, folder: Backup) -> BackupSource:
        if name == LATEST:
            render.say_latest(folder, quiet=self._quiet)
        for line in () if self._quiet else render.of_others(folder):
            render.say(line)
        require_intact(folder, self.progress)
        self.folders.append(folder)
        return BackupSource(folder)

    def say_line(self, line: str) -> None:
        """The same, of one line."""
        if not self._quiet:
            render.say(line)

    def say(self, remark: Remark) -> None:
        """Something for the user, unless the user wants nothing."""
        if not self._quiet:
            render.remark(remark)


def _with_live(opened: _Backups, name: str, kube: KubeClient, maps: Mapping[str, str], selection: Selection) -> tuple[Side, Side]:
    """A backup, and the cluster as it serves the version of the backup's objects."""
    return _sides_with_live(opened, opened.source(name, kube.identity()), kube, maps, selection)


def _sides_with_live(
    opened: _Backups, source: BackupSource, kube: KubeClient, maps: Mapping[str, str], selection: Selection
) -> tuple[Side, Side]:
    identity = kube.identity()
    if source.folder.catalog.cluster.is_another(identity):
        why = f"{source.description} was taken of another cluster, {source.folder.catalog.cluster.title}"
        opened.say(Remark(why, Note.ANOTHER_CLUSTER))
    resource = served(kube, source.version)
    if resource.version != source.version:
        why = f"the cluster does not serve version {source.version}, which the backup has, but {resource.version}"
        render.remark(Remark(why, Note.OTHER_VERSION, is_warning=True))
    published = Published.by(kube, resource)
    if published.lack:
        why = f"{published.lack}: what differs in a default of its alone counts as different"
        render.remark(Remark(why, Note.SCHEMA_NOT_READ, is_warning=True))
    before = BackupSide(source, maps, published.schema)
    matches = selection.matcher(with_left_out=True)
    return before, LiveSide(
        kube, resource, selection.namespace or before.namespace, lambda manifest: matches(manifest) and before.covers(manifest)
    )


def _show(differ: Differ, stores: Stores, output: str, *, quiet: bool) -> ExitCode:
    comparison: Comparison[Any] = differ.run(render.unified if output == "diff" else render.difference_data)
    comparison.stores, comparison.parts_not_compared = stores
    if output == "diff":
        render.show_unified(comparison.kept)
        for line in (
            () if quiet else (*render.side_lines(comparison), *render.store_lines(comparison), render.summary(comparison))
        ):
            render.say(line)
    else:
        render.show(render.comparison_view(comparison), output)
    for line in render.comparison_remarks(comparison):
        render.say(line)
    return comparison.exit_code()
