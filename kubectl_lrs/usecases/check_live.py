"""What a cluster and the stores beside it hold now, gathered for `check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kubectl_lrs.clients.kubernetes.answers import not_read
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import everywhere, whole
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.consistency import Application, Deployed, ImageAt, Inventory, Keys, LostFile, NoneThere, Part, Unchecked
from kubectl_lrs.model.errors import LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.model.units import age
from kubectl_lrs.repository import Repository
from kubectl_lrs.runtime.parallel import prefetch
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import APPLICATIONS, LRS_DOCUMENTS, Document
from kubectl_lrs.stores.deployments.api import client as api
from kubectl_lrs.stores.deployments.inventory import Account, inventory
from kubectl_lrs.stores.files.inspect import listed_in, presence
from kubectl_lrs.stores.files.match import References
from kubectl_lrs.stores.files.named import Named
from kubectl_lrs.stores.files.selected import Listed
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.find import ImageFilter, registries_of
from kubectl_lrs.stores.images.inspect import presences
from kubectl_lrs.stores.lrs.instead import look_for
from kubectl_lrs.stores.mongo.inspect import LiveDocuments
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.levels import COMPLETE
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.usecases.check import (
    API_FLAG,
    FILES_FLAG,
    IMAGES_FLAG,
    MONGO_FLAG,
    CheckReport,
    attempt,
    deployed,
    image_at,
    merged,
    report_of,
    scope_of,
    unavailable,
)
from kubectl_lrs.usecases.scan import Scan

KEYS_FLAG = "--backup-dir DIR with a backup of this cluster that holds MongoDB"


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """The registries, and which images are looked for."""

    access: Access
    wanted: ImageFilter
    workers: int


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The cluster, and each store beside it or why it is not looked at. `namespace` None: all of them.

    `application_namespace`: where the application itself runs. `is_named`: the user has said which namespace.
    """

    kube: KubeClient
    resource: Resource
    namespace: str | None
    application_namespace: str
    mongo: Mongo | Unchecked
    database: str
    images: ImageSource | Unchecked
    storage: Storage | Unchecked
    accounts: Sequence[Account] | Unchecked
    backups: Repository
    stale_after: timedelta
    is_named: bool = False


def check_live(sources: Sources, only: Sequence[str], progress: Progress) -> CheckReport:
    """Look at everything, hold it against the rules."""
    try:
        found = _Gathering(sources, progress, is_of_some=bool(only)).run()
    finally:
        progress.end()
        if isinstance(sources.mongo, Mongo):
            sources.mongo.close()
    return report_of(
        found.inventory,
        target=sources.kube.connection.server,
        context=sources.kube.connection.context,
        backup="",
        instant=sources.kube.now(),
        only=only,
        notes=found.notes,
    )


@dataclass(kw_only=True)
class _Gathered:
    inventory: Inventory
    notes: list[Remark] = field(default_factory=list)


class _Gathering:
    """One look at all of it. The cluster must be there; every other store may be missing."""

    def __init__(self, sources: Sources, progress: Progress, *, is_of_some: bool) -> None:
        self._sources = sources
        self._is_of_some = is_of_some
        self._progress = progress
        self._notes: list[Remark] = []
        self._documents_failed: Unchecked | None = None
        self._partly: dict[str, Unchecked] = {}
        self._unread: list[str] = []
        self._named: Named | Unchecked = Unchecked("not listed", FILES_FLAG)

    def run(self) -> _Gathered:
        """The storage of files is listed first: of what documents say is then kept what can mean something of it."""
        with Listed() as listed:
            self._named = self._list(listed)
            return self._gathered(listed)

    def _gathered(self, listed: Listed) -> _Gathered:
        sources = self._sources
        look = self._look()
        scan = self._scan(look if isinstance(look, LiveDocuments) else None)
        accounts = sources.accounts
        lost = self._documents_failed or (look if isinstance(look, Unchecked) else None)
        if lost and not (isinstance(sources.images, Unchecked) and isinstance(sources.storage, Unchecked)):
            self._say("MongoDB was not looked at: images and files that only its documents name were not looked for")
        self._progress.begin("the application's API")
        shown = accounts if isinstance(accounts, Unchecked) else _applications(accounts)
        deployments = accounts if isinstance(accounts, Unchecked) else attempt(lambda: _deployments(accounts), API_FLAG)
        images = self._images(scan)
        files, matched = self._files(scan, listed)
        made = Inventory(
            scope=scope_of(sources.namespace),
            objects=scan.objects,
            applications=merged(lost or list(scan.applications.values()), shown),
            documents=lost or scan.documents,
            deployments=deployments,
            sessions=scan.sessions,
            images=images,
            files=files,
            keys=self._keys(),
            none_there=self._none_there(scan),
            stale_after=age(sources.stale_after.total_seconds()),
            counts={"files": matched},
            partly={**_partly(accounts, shown), **self._partly, **_unread(self._unread)},
        )
        return _Gathered(inventory=made, notes=self._notes)

    def _say(self, *messages: str, note: Note | None = None) -> None:
        self._notes += [Remark(message, note) for message in messages]

    def _none_there(self, scan: Scan) -> NoneThere | None:
        """Where there are LRS, if there is none where they were looked for; asked for some applications, a note tells."""
        sources = self._sources
        if scan.objects or sources.namespace is None:
            return None
        found = NoneThere(
            elsewhere=look_for(sources.kube, sources.resource, sources.namespace).namespaces, is_named=sources.is_named
        )
        if not self._is_of_some:
            return found
        there = f"; there are LRS in {', '.join(sorted(found.elsewhere))}" if found.elsewhere else ""
        self._say(f"there is no LRS at all in namespace {sources.namespace}{there}")
        return None

    # ---- LRS and documents

    def _look(self) -> LiveDocuments | Unchecked:
        self._progress.begin("MongoDB")
        mongo = self._sources.mongo
        if isinstance(mongo, Unchecked):
            return mongo
        look = attempt(lambda: LiveDocuments(mongo, database=self._sources.database, wanted=COMPLETE), MONGO_FLAG)
        if isinstance(look, LiveDocuments):
            absent = (name for name in (APPLICATIONS, LRS_DOCUMENTS) if name not in look.collections)
            for name in absent:
                part = "applications" if name == APPLICATIONS else "documents"
                self._partly[part] = Unchecked(
                    f"database {look.database} has no collection {name}", "--mongo-db NAME", failed=True
                )
        return look

    def _scan(self, look: LiveDocuments | None) -> Scan:
        def begun_anew(_error: Exception) -> None:
            self._progress.note("the API server's snapshot expired; the list begins anew")

        return whole(self._sources.kube, lambda: self._read(look), before_again=begun_anew)

    def _read(self, look: LiveDocuments | None) -> Scan:
        images = self._sources.images
        scan = Scan(
            now=self._sources.kube.now(),
            stale_after=self._sources.stale_after,
            references=None if isinstance(self._named, Unchecked) else References(self._named),
        )
        self._progress.begin("LRS and documents")
        wanted = images.wanted if isinstance(images, ImageSource) else None
        scan.read(self._lrs(), self._documents(look), wanted, self._progress)
        return scan

    def _lrs(self) -> Iterator[Manifest]:
        sources = self._sources
        with everywhere(sources.namespace):
            for page in prefetch(sources.kube.pages(sources.resource, sources.namespace, with_too_deep=True)):
                for each in page.too_deep:
                    self._unread.append(str(not_read(sources.resource.kind, each)))
                yield from (manifest for _, manifest in page.items)

    def _documents(self, look: LiveDocuments | None) -> Iterator[Document]:
        """Until the way to the server is lost, which makes all of them unknown."""
        self._documents_failed = None
        try:
            yield from look.documents() if look else ()
        except LrsError as error:
            self._documents_failed = unavailable(error, MONGO_FLAG)

    # ---- the stores beside

    def _images(self, scan: Scan) -> Part[ImageAt]:
        source = self._sources.images
        if isinstance(source, Unchecked):
            return source
        found = scan.images
        if found.undecided_count:
            one = found.undecided[0]
            self._say(
                f"{found.undecided_count} strings may name images and cannot be decided, such as {one.text!r} in "
                f"{one.store} {one.id} {one.field}; --image NAME looks for one",
                note=Note.IMAGES_UNDECIDED,
            )
        try:
            source.access.log_in(scan.pull, found.images)
        except LrsError as error:
            return unavailable(error, IMAGES_FLAG)
        self._notes += source.access.notes
        if found.not_allowed:
            others = ", ".join(registries_of(found.not_allowed))
            why = f"{len(found.not_allowed)} images are of registries that --registry does not name: {others}"
            self._say(why, note=Note.IMAGES_LEFT_OUT)
        if found.images:
            self._progress.note(f"images: contacting {', '.join(registries_of(found.images))}")
        self._progress.begin("images", len(found.images))
        made = []
        for each in presences(sorted(found.images), source.access, workers=source.workers):
            self._progress.advance()
            problem = f"{each.error}" if each.error else ""
            made.append(image_at(scan, found, each.reference, is_missing=each.is_missing, problem=problem))
        return sorted(made, key=lambda image: image.reference)

    def _list(self, listed: Listed) -> Named | Unchecked:
        """What there is of files."""
        storage = self._sources.storage
        if isinstance(storage, Unchecked):
            return storage
        self._progress.begin("files")
        return attempt(lambda: listed_in(listed, storage).named(storage.names, storage.others), FILES_FLAG)

    def _files(self, scan: Scan, listed: Listed) -> tuple[Part[LostFile], int]:
        """(the lost ones, how many belong and are there)."""
        storage, references = self._sources.storage, scan.references
        if isinstance(storage, Unchecked):
            return storage, 0
        if references is None:
            assert isinstance(self._named, Unchecked)
            return self._named, 0
        self._progress.begin("files")
        found = attempt(lambda: presence(storage, listed, references), FILES_FLAG)
        if isinstance(found, Unchecked):
            return found, 0
        self._say(*(f"files: {note}" for note in found.notes))
        lost = [LostFile(path=path, place=scan.place_of(where, path)) for path, where in found.missing]
        return lost, found.matched + len(lost)

    def _keys(self) -> Part[Keys]:
        self._progress.begin("encryption keys")
        saved = _newest_with_keys(self._sources)
        if isinstance(saved, Unchecked):
            return saved
        backup, facts = saved
        namespace = self._sources.namespace or str(facts.get("namespace") or self._sources.application_namespace)
        source = KeySource(self._sources.kube, namespace)
        try:
            findings = source.compare(facts, ignore=False)
        except LrsError as error:
            return unavailable(error, KEYS_FLAG)
        secret = f"{namespace}/{facts.get('secret') or 'core-credentials'}"
        for each in findings:
            if each.severity is not Severity.ERROR:
                return Unchecked(each.message, "the right to get this Secret")
        return [Keys(backup=backup, secret=secret, changed="; ".join(each.message for each in findings))]


def _newest_with_keys(sources: Sources) -> tuple[str, dict[str, Any]] | Unchecked:
    """(the newest backup of this cluster that tells of the keys, what it tells)."""
    cluster = sources.kube.identity()
    try:
        backups = sources.backups.newest_first()
    except LrsError as error:
        return Unchecked(str(error), KEYS_FLAG)
    for folder in backups:
        keys = folder.catalog.tiers.get("mongo", {}).get("keys")
        if folder.catalog.cluster.is_same(cluster) and isinstance(keys, dict) and keys.get("fingerprints"):
            return folder.name, keys
    return Unchecked(f"no backup of this cluster in {sources.backups.location} tells of the keys", KEYS_FLAG)


def _applications(accounts: Sequence[Account]) -> Part[Application]:
    found: dict[str, Application] = {}
    try:
        for account in accounts:
            for each in account.client.custom_applications():
                found.setdefault(str(each["id"]), _application(each))
    except LrsError as error:
        is_too_old = isinstance(error, NotFoundError)
        return Unchecked(f"the application's API lists no custom applications: {error}", API_FLAG, failed=not is_too_old)
    return list(found.values())


def _unread(lrs: Sequence[str]) -> dict[str, Unchecked]:
    """LRS that are there and cannot be read: the first is named."""
    more = f"; {len(lrs) - 1} more cannot be read either" if len(lrs) > 1 else ""
    return {"objects": Unchecked(f"{lrs[0]}{more}", failed=True)} if lrs else {}


PARTLY = {api.APPLICATIONS: "applications", api.DEPLOYMENTS: "deployments"}
"""What a list of the API is of → the part of all that is known."""


def _partly(accounts: Sequence[Account] | Unchecked, shown: Part[Application]) -> dict[str, Unchecked]:
    """What an API that was asked did not tell, or perhaps not whole."""
    if isinstance(accounts, Unchecked):
        return {}
    found: dict[str, Unchecked] = {"applications": shown} if isinstance(shown, Unchecked) else {}
    for account in accounts:
        for listed, part in PARTLY.items():
            if note := account.client.notes.get(listed):
                found.setdefault(part, Unchecked(note, "another run", failed=True))
    return found


def _application(document: dict[str, Any]) -> Application:
    texts = {name: document.get(name) for name in ("name", "status", "lrsId")}
    name, status, lrs = (str(value) if isinstance(value, str) else "" for value in texts.values())
    return Application(id=str(document["id"]), name=name, status=status, lrs=lrs)


def _deployments(accounts: Sequence[Account]) -> Part[Deployed]:
    return deployed(inventory(accounts).values())
