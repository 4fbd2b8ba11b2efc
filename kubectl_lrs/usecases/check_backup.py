"""What a backup holds, gathered for `check --from`: no cluster and no store is asked; it speaks of when it was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from kubectl_lrs.consistency import Deployed, ImageAt, Inventory, LostFile, LrsObject, Occurrence, Part, SparkSession, Unchecked
from kubectl_lrs.model.catalog import Catalog, Missing
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.manifest import Manifest, loads
from kubectl_lrs.model.units import age
from kubectl_lrs.model.workloads import SPARK
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import APPLICATIONS, LRS_DOCUMENTS, LRS_FILE, Document, collections
from kubectl_lrs.stores.deployments.collect import saved as saved_deployments
from kubectl_lrs.stores.images.find import ImageFilter
from kubectl_lrs.stores.images.saved import Inventory as SavedImages
from kubectl_lrs.stores.images.saved import State
from kubectl_lrs.stores.images.saved import saved as saved_images
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.usecases.check import CheckReport, deployed, image_at, report_of, scope_of
from kubectl_lrs.usecases.scan import Scan

LIVE = "check without --from"


def check_backup(
    folder: Backup, namespace: str | None, only: Sequence[str], stale_after: timedelta, progress: Progress
) -> CheckReport:
    """Hold what it holds against the rules. Its sums and its objects must have been checked."""
    catalog = folder.catalog
    _require_held(catalog, folder.name, namespace)
    images = saved_images(folder)
    scan = Scan(now=catalog.instant, stale_after=stale_after, namespace=namespace)
    progress.begin("LRS and documents")
    try:
        scan.read(_lrs(folder), _documents(folder), ImageFilter() if images else None, progress)
    except RecursionError as error:
        raise DamageError(f"{folder.describe()}: a document in it is nested deeper than any that MongoDB takes") from error
    finally:
        progress.end()
    objects = _objects(catalog, scan)
    made = Inventory(
        scope=scope_of(namespace if namespace is not None else catalog.selection["namespace"]),
        objects=objects,
        applications=_without(catalog, APPLICATIONS) or list(scan.applications.values()),
        documents=_without(catalog, LRS_DOCUMENTS) or scan.documents,
        deployments=_deployments(folder),
        sessions=_sessions(catalog, objects, scan),
        images=_images(images, scan),
        files=_files(catalog, scan),
        keys=Unchecked("a backup is held against no cluster here", LIVE),
        stale_after=age(stale_after.total_seconds()),
        counts={"files": _count(catalog, "files")},
    )
    whose = catalog.cluster.server or catalog.cluster.title
    target = f"{whose}, as of {catalog.instant:%Y-%m-%d %H:%M:%S}Z"
    return report_of(made, target=target, backup=folder.name, instant=catalog.instant, only=only, notes=())


def _require_held(catalog: Catalog, name: str, namespace: str | None) -> None:
    """UsageError where nothing of a namespace is in the backup, which would read as if all of it were lost."""
    there = catalog.tiers["resources"]["namespaces"]
    if namespace is not None and there and namespace not in there:
        raise UsageError(
            f"backup {name} holds no LRS of namespace {namespace}", hint=f"it holds those of: {', '.join(sorted(there))}"
        )


def _count(catalog: Catalog, tier: str) -> int:
    """How many things a tier says that it holds."""
    said = catalog.tiers.get(tier, {}).get(tier)
    return said if type(said) is int else 0


def _lrs(folder: Backup) -> Iterator[Manifest]:
    return (loads(line) for line in folder.lines(LRS_FILE)) if folder.catalog.has_lrs else iter(())


def _documents(folder: Backup) -> Iterator[Document]:
    """Applications first: what the others belong to must be known by then."""
    first = names.stem(APPLICATIONS)
    yield from collections(folder, lambda stem: stem == first)
    yield from collections(folder, lambda stem: stem != first)


def _objects(catalog: Catalog, scan: Scan) -> Part[LrsObject]:
    if not catalog.has_lrs:
        return Unchecked("the backup holds no LRS", "a backup of ours, or of LRS")
    selected = catalog.selection
    narrowed = [
        *(f"--type {each}" for each in selected["types"]),
        *(f"--exclude-type {each}" for each in selected["excludedTypes"]),
        *([f"-l {selected['selector']}"] if selected["selector"] else ()),
    ]
    if narrowed:
        return Unchecked(f"the backup was taken with {' '.join(narrowed)} and does not hold every LRS", "a backup without these")
    return scan.objects


def _sessions(catalog: Catalog, objects: Part[LrsObject], scan: Scan) -> Part[SparkSession]:
    if isinstance(objects, Unchecked):
        return objects
    if SPARK in catalog.selection["leftOutByDefault"]:
        return Unchecked("a backup leaves Spark sessions out", LIVE)
    return scan.sessions


def _without(catalog: Catalog, collection: str) -> Unchecked | None:
    """Why the documents of a collection are not known, where they are not."""
    saved = catalog.tiers.get("mongo", {}).get("collections")
    if not isinstance(saved, list):
        return Unchecked("the backup holds nothing of MongoDB", "a backup with --mongo or --profile minimum")
    if collection not in [each.get("name") for each in saved if isinstance(each, dict)]:
        return Unchecked(f"the backup does not hold {collection}", "a backup with --profile minimum")
    return None


def _deployments(folder: Backup) -> Part[Deployed]:
    saved = saved_deployments(folder)
    if saved is None:
        return Unchecked("the backup holds no statuses of deployments", "a backup with the application's URL and token")
    return deployed(saved.deployments)


def _images(saved: SavedImages | None, scan: Scan) -> Part[ImageAt]:
    if saved is None:
        return Unchecked("the backup holds no list of images", "a backup with --images or --profile minimum")
    return [
        image_at(
            scan,
            scan.images,
            each.reference,
            is_missing=each.state is State.MISSING,
            problem=each.reason if each.state is State.UNRESOLVED else "",
        )
        for each in saved.entries
    ]


def _files(catalog: Catalog, scan: Scan) -> Part[LostFile]:
    """Those that were lost then are told in the catalog; of version 0.1.0 a sentence stands for path and reason."""
    if "files" not in catalog.tiers:
        return Unchecked("the backup holds no list of files", "a backup with --files or --profile complete")
    return [_lost(each, scan) for each in catalog.missing if each.store == "files"]


def _lost(missing: Missing, scan: Scan) -> LostFile:
    ids = scan.ids_in(f"{missing.name} {missing.where}" if missing.name else missing.reason)
    return LostFile(
        path=missing.name or missing.reason,
        place=Occurrence("", "", missing.where, ids),
        problem="" if missing.is_absent else missing.reason,
    )
