"""`kubectl lrs diff`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import TABLES, Backups, Given, Quiet, Selecting, output_flag
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.flags import Options, Source, argument
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.connect import connect, served
from kubectl_lrs.stores.lrs.flags import Mapping as NamespaceMapping
from kubectl_lrs.stores.lrs.saved import BackupSource
from kubectl_lrs.usecases.diff import BackupSide, Comparison, Differ, LiveSide, Side
from kubectl_lrs.usecases.diff_stores import CHOSEN, NotCompared, StoreComparison, compare_stores, none_compared
from kubectl_lrs.usecases.diff_stores import LIVE as LIVE_WHY
from kubectl_lrs.usecases.verify import require_intact

LIVE = "live"


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    """What is compared, and how it is shown."""

    before: str = argument("before", default="", metavar="A", source=Source.BACKUPS)
    after: str = argument("after", default=LIVE, metavar="[B|live]", source=Source.BACKUPS_OR_LIVE)
    output: str = output_flag(TABLES[0], TABLES[1], "diff", *TABLES[2:])


@lrs_command(
    "diff",
    Flags,
    Selecting,
    NamespaceMapping,
    Backups,
    Quiet,
    examples=[
        ("What has changed in the cluster since the newest backup of it", "@ diff latest"),
        ("The same as kubectl diff shows it", "@ diff latest live -o diff"),
        ("What changed from one backup to the next", "@ diff lrs_backup_2026_11_22_08_16_10 lrs_backup_2026_11_23_08_16_10"),
        (
            "After a migration into another namespace of a new cluster",
            "@ diff ./lrs_backup_2026_11_23_08_16_10 --map-namespace old=new",
        ),
    ],
    exits=(0, 1, 2, 4, 5, 130),
)
def command(given: Given) -> ExitCode:
    """Show what differs between two backups, or a backup and the cluster.

    It does so object by object and field by field. A is before, B is after: an object that only A has is `removed`, one
    that only B has is `added`. A is a backup (a name in the folder of the backups, a path, or `latest`), B is another
    one, or `live`, the cluster, which is the default. A backup that is called live is named by its path. Without -n,
    all that A was taken for is compared.

    Compared is what a backup restores: not what the server sets, not owners, not status; against the cluster, after
    the defaults of its schema. An object that one side was not taken for (another namespace, a type that was left
    out, other labels) is not compared, but counted. Values are shown as they are, as kubectl diff does: LRS can carry
    credentials.

    Of two backups all else that both hold is compared too: Mongo documents by their _id and their bytes, images by
    digest, files by sum, the status of deployments. What was not compared is named, and "nothing differs" means all.
    """
    flags, quiet = given.of(Flags), given.of(Quiet).quiet
    before = flags.before
    if not before:
        raise UsageError("diff needs an A: the backup to compare", hint="see what there is with: list")
    if before == LIVE:
        raise UsageError("A is a backup; live can only be B", hint="name the backup first; one that is called live by its path")
    maps, namespace = given.of(NamespaceMapping).namespaces, given.kube.namespace
    selection = given.of(Selecting).selection(maps.get(namespace, namespace))
    opened = _Backups(BackupDir(Path(given.of(Backups).path)), render.progress(quiet=quiet), quiet=quiet)
    if flags.after == LIVE:
        sides = _with_live(opened, before, connect(given.kube, given.cancel), maps, selection)
        stores: Stores = ([], none_compared(opened.folders, LIVE_WHY))
    else:
        sides = (BackupSide(opened.source(before), maps), BackupSide(opened.source(flags.after), {}))
        stores = _stores(opened, is_narrow=selection.is_narrow or bool(namespace or maps))
    differ = Differ(*sides, selection, opened.progress)
    return _show(differ, stores, flags.output, quiet=quiet)


Stores: TypeAlias = "tuple[list[StoreComparison], list[NotCompared]]"


def _stores(opened: _Backups, *, is_narrow: bool) -> Stores:
    """What is beside the LRS in both."""
    before, after = opened.folders
    if is_narrow:
        return [], none_compared(opened.folders, CHOSEN)
    return compare_stores(before, after, opened.progress)


class _Backups:
    """Opens the backups that are named, each held against its sums before anything of it is believed."""

    def __init__(self, directory: BackupDir, progress: Progress, *, quiet: bool) -> None:
        self.directory = directory
        self.progress = progress
        self.folders: list[SealedFolder] = []
        self._quiet = quiet

    def source(self, name: str, cluster: Cluster | None = None) -> BackupSource:
        """The backup of this name; `latest` is the newest of the cluster, where one is given."""
        folder = self.directory.latest_of(cluster) if cluster and name == LATEST else self.directory.find(name)
        if name == LATEST:
            render.say_latest(folder, quiet=self._quiet)
        require_intact(folder, self.progress)
        self.folders.append(folder)
        source = BackupSource(folder)
        source.check()
        return source

    def say(self, message: str) -> None:
        """A line for the user, unless the user wants none."""
        if not self._quiet:
            render.say(message)


def _with_live(opened: _Backups, name: str, kube: KubeClient, maps: Mapping[str, str], selection: Selection) -> tuple[Side, Side]:
    """A backup, and the cluster as it serves the version of the backup's objects."""
    identity = kube.identity()
    source = opened.source(name, identity)
    if not source.folder.catalog.cluster.is_same(identity):
        opened.say(f"note: {source.description} was taken of another cluster, {source.folder.catalog.cluster.server}")
    resource = served(kube, source.version)
    if resource.version != source.version:
        render.say(f"warning: the cluster does not serve version {source.version}, which the backup has, but {resource.version}")
    before = BackupSide(source, maps, kube.schema(resource))
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
