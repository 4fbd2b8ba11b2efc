"""`kubectl lrs diff`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.command import (
    backup_dir_option,
    exclude_type_option,
    kube_flags,
    output_option,
    quiet_option,
    selector_option,
    type_option,
    verb,
)
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.directory import BackupDir
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.stores.lrs.saved import BackupSource
from kubectl_lrs.stores.lrs.selected import namespace_map
from kubectl_lrs.usecases.diff import BackupSide, Comparison, Differ, LiveSide, Side
from kubectl_lrs.usecases.verify import require_intact

LIVE = "live"


@verb(
    "diff",
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
@click.argument("before", default="", metavar="A")
@click.argument("after", default=LIVE, metavar="[B|live]")
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces; overrides -n.")
@type_option
@exclude_type_option
@selector_option
@click.option(
    "--map-namespace",
    "maps",
    multiple=True,
    metavar="OLD=NEW",
    help="Hold the objects of a namespace of A against those of another one of B; may be repeated.",
)
@backup_dir_option
@output_option("table", "wide", "diff", "json", "yaml", "name")
@quiet_option
def command(ctx: click.Context, before: str, after: str, backup_dir: str, output: str, quiet: bool, **options: Any) -> ExitCode:
    """Show what differs between two backups, or a backup and the cluster.

    It does so object by object and field by field. A is before, B is after: an object that only A has is `removed`, one
    that only B has is `added`. A is a backup (a name in the folder of the backups, a path, or `latest`), B is another
    one, or `live`, the cluster, which is the default. A backup that is called live is named by its path. Without -n,
    all that A was taken for is compared.

    Compared is what a backup restores: not what the server sets, not owners, not status; against the cluster, after
    the defaults of its schema. An object that one side was not taken for (another namespace, a type that was left
    out, other labels) is not compared, but counted. Values are shown as they are, as kubectl diff does: LRS can carry
    credentials.
    """
    if not before:
        raise UsageError("diff needs an A: the backup to compare", hint="see what there is with: list")
    if before == LIVE:
        raise UsageError("A is a backup; live can only be B", hint="name the backup first; one that is called live by its path")
    flags = kube_flags(ctx)
    maps = namespace_map(options["maps"])
    namespace = None if options["all_namespaces"] else flags.namespace or None
    selection = Selection(
        namespace=namespace and maps.get(namespace, namespace),
        types=options["types"],
        excluded_types=options["excluded"],
        selector=options["selector"],
    )
    opened = _Backups(wiring.backup_dir(backup_dir), render.progress(quiet=quiet), quiet=quiet)
    sides: tuple[Side, Side]
    if after == LIVE:
        sides = _with_live(opened, before, wiring.connect(flags), maps, selection)
    else:
        sides = (BackupSide(opened.source(before), maps), BackupSide(opened.source(after), {}))
    return _show(Differ(*sides, selection, opened.progress), output, quiet=quiet)


class _Backups:
    """Opens the backups that are named, each held against its sums before anything of it is believed."""

    def __init__(self, directory: BackupDir, progress: Progress, *, quiet: bool) -> None:
        self.directory = directory
        self.progress = progress
        self._quiet = quiet

    def source(self, name: str, cluster: Cluster | None = None) -> BackupSource:
        """The backup of this name; `latest` is the newest of the cluster, where one is given."""
        folder = self.directory.latest_of(cluster) if cluster and name == LATEST else self.directory.find(name)
        if name == LATEST:
            self.say(f"latest is {folder.path.name}")
        require_intact(folder, self.progress)
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
    resource = wiring.served(kube, source.version)
    if resource.version != source.version:
        render.say(f"warning: the cluster does not serve version {source.version}, which the backup has, but {resource.version}")
    before = BackupSide(source, maps, kube.schema(resource))
    matches = selection.matcher(with_left_out=True)
    return before, LiveSide(
        kube, resource, selection.namespace or before.namespace, lambda manifest: matches(manifest) and before.covers(manifest)
    )


def _show(differ: Differ, output: str, *, quiet: bool) -> ExitCode:
    if output == "diff":
        texts = differ.run(render.unified)
        render.show_unified(texts.kept)
        comparison: Comparison[Any] = texts
        for line in () if quiet else (*render.side_lines(texts), render.summary(texts)):
            render.say(line)
    else:
        comparison = differ.run(render.difference_data)
        render.show(render.comparison_view(comparison), output)
    for line in render.comparison_remarks(comparison):
        render.say(line)
    return comparison.exit_code()
