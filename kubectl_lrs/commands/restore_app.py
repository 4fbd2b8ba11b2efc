"""What `restore --app` means: the backup, what of it belongs to the application, and who shares that by now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import whole
from kubectl_lrs.commands.application_choice import namespaces_now, of_application
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.restore_ import SourceFlags
from kubectl_lrs.commands.restore_parts import held
from kubectl_lrs.model.belonging import Belongings
from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.repository import Backup, Repository
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.mapping import registry_map
from kubectl_lrs.stores.files.flags import RestoreOptions as FilesOptions
from kubectl_lrs.stores.files.saved import read as saved_files
from kubectl_lrs.stores.images.flags import RestoreOptions as ImagesOptions
from kubectl_lrs.stores.lrs.flags import RestoreFlags
from kubectl_lrs.stores.mongo.flags import RestoreOptions as MongoOptions
from kubectl_lrs.usecases.belonging import (
    Targets,
    applications_in,
    belongings_in,
    live_documents,
    live_lrs,
    lrs_shared_by_now,
    shared_by_now,
)

MONGO = "mongo"


def meant(
    given: Given, directory: Repository, cluster: Cluster, flags: SourceFlags, progress: Progress
) -> tuple[Backup, Belongings]:
    """(the backup, what belongs to the application in it). UsageError, DamageError."""
    backup = _backup(directory, flags)
    folder, application = of_application(given, directory, backup, cluster, flags.tiers)
    return folder, belongings_in(folder, application, progress)


def _backup(directory: Repository, flags: SourceFlags) -> str:
    """The backup that the words name; empty for the newest of the cluster that knows the application."""
    if not flags.names:
        return "" if flags.from_ == LATEST else flags.from_
    if len(flags.names) > 1 or not directory.names_backup(flags.names[0]):
        other = next(name for name in flags.names if len(flags.names) > 1 or not directory.names_backup(name))
        raise UsageError(f"{other!r} stands beside --app, which means all that belongs to it", hint="name a backup, or nothing")
    if flags.from_:
        raise UsageError(f"{flags.names[0]!r} is a backup, and --from names another", hint="give one of the two")
    return "" if flags.names[0] == LATEST else flags.names[0]


def own_lrs(only: Belongings) -> tuple[str, ...]:
    """Its LRS that are nobody else's."""
    return tuple(name for name, each in only.of(RESOURCES).items() if not each.others)


def tiers_of(asked: Sequence[str], folder: Backup, only: Belongings) -> list[str]:
    """The parts that hold something of it, in the order in which they are restored. UsageError where none does."""
    there = [name for name in held(folder) if (own_lrs(only) if name == RESOURCES else only.of(name))]
    found = [name for name in there if not asked or name in asked]
    if lost := [name for name in asked if name not in there]:
        raise UsageError(f"--tier {lost[0]}: {folder.name} holds nothing there of application {only.title}", hint=_said(there))
    if not found:
        raise UsageError(f"{folder.name} holds nothing of application {only.title} that is its own", hint="see: show --app")
    return found


def _said(there: Sequence[str]) -> str:
    return f"it has something in: {', '.join(there)}" if there else "see: show --app"


def lines(only: Belongings) -> Iterator[str]:
    """What the user should know of the selection."""
    if only.untold:
        yield f"warning: of application {only.title} the backup does not tell all: {'; '.join(only.untold)}"
    for each in only.of(RESOURCES).values():
        if each.others:
            yield f"warning: LRS {each.name} is {each.shared}: it is left alone"


def replaces(given: Given, tiers: Sequence[str]) -> list[str]:
    """The flags by which things that are there are replaced, beside LRS."""
    said = {
        MONGO: ("--mongo-existing", given.of(MongoOptions).existing),
        "images": ("--images-existing", given.of(ImagesOptions).existing),
        "files": ("--files-existing", given.of(FilesOptions).existing),
    }
    return [flag for tier, (flag, existing) in said.items() if existing is Existing.REPLACE and tier in tiers]


CHANGES = frozenset((Existing.UPDATE, Existing.REPLACE, Existing.RECREATE))
"""What may become of LRS that are there."""


def look_again(
    given: Given, folder: Backup, only: Belongings, tiers: Sequence[str], kube: KubeClient, progress: Progress
) -> Callable[[], Belongings] | None:
    """What finds the same with all who share something by now; None where nothing that is there may be replaced.

    What another has come to use stays. UsageError where the documents that tell it are not in the backup.
    """
    flags = replaces(given, tiers)
    alone = RESOURCES in tiers and given.of(RestoreFlags).existing in CHANGES
    if not flags and not alone:
        return None
    if flags and MONGO not in folder.catalog.tiers:
        raise UsageError(
            f"{flags[0]} replace with --app needs the documents, which tell who shares an image or a file, "
            f"and {folder.name} holds none",
            hint="leave it out; what is not there is made all the same",
        )
    maps = given.of(RestoreFlags).namespaces
    namespace, home = namespaces_now(folder, kube, maps)
    version = str(folder.catalog.tiers[RESOURCES].get("version"))
    targets = Targets(images=registry_map(given.of(ImagesOptions).registry_maps), namespaces=maps)

    def by_documents() -> Belongings:
        with live_documents(kube, namespace, home, version, given.of(MongoOptions)) as read:
            return whole(kube, lambda: shared_by_now(only, read, saved_files(folder), targets, progress))

    def by_lrs() -> Belongings:
        with live_lrs(kube, namespace, version) as read:
            return whole(kube, lambda: lrs_shared_by_now(only, read, applications_in(folder), targets, progress))

    return by_documents if flags or MONGO in tiers else by_lrs
