"""Diff of one application, a backup against what is live: its documents, images and files beside its LRS. Nothing is written.

What of it came since is found as a backup finds it: in the live LRS and documents, and the list of the file storage. A store
that cannot be had is not compared, which is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import everywhere, whole
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.belonging import Belongings
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import Item, compare_module
from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.common.mentions import LRS, Document, Mention, of_lrs, strings
from kubectl_lrs.stores.files.compare import key_of
from kubectl_lrs.stores.files.plan import sum_of
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.stores.images.access import OF_ONE, Access
from kubectl_lrs.stores.images.plan import digest_there
from kubectl_lrs.stores.mongo.compare import live as live_documents
from kubectl_lrs.stores.mongo.inspect import LiveDocuments
from kubectl_lrs.usecases.belonging import FILES, IMAGES, MONGO, Look, belongings_now, look
from kubectl_lrs.usecases.diff_stores import NotCompared, StoreComparison, hold

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class LiveStores:
    """What is live. `documents`, `storage`: or why there are none to look at. `namespace`: of the LRS, None for all."""

    kube: KubeClient
    resource: Resource
    namespace: str | None
    documents: LiveDocuments | str
    images: Access
    storage: Storage | str


class LiveApplication:
    """One application as it is now, beside the `before` of a backup. `after`: what belongs to it now."""

    def __init__(self, live: LiveStores, folder: Backup, before: Belongings, progress: Progress) -> None:
        self._live = live
        self._folder = folder
        self._before = before
        self._progress = progress
        self._seen = whole(live.kube, self._look)
        storage = live.storage
        there = () if isinstance(storage, str) else (stat.key for stat in storage.listing())
        url = "" if isinstance(storage, str) else storage.url
        self.after = belongings_now(self._seen, (before.id, before.name), url, there)

    def _look(self) -> Look:
        return look(self._read, self._before.id, self._progress)

    def _read(self) -> Iterator[Document]:
        yield from self._lrs()
        if isinstance(self._live.documents, LiveDocuments):
            yield from self._live.documents.documents()

    def _lrs(self) -> Iterator[Document]:
        with everywhere(self._live.namespace):
            for page in self._live.kube.pages(self._live.resource, self._live.namespace):
                yield from (of_lrs(manifest) for _, manifest in page.items)

    # ---- the stores

    def compare(self) -> tuple[list[StoreComparison], list[NotCompared]]:
        """Each store that either side has something of."""
        found: list[StoreComparison] = []
        not_compared: list[NotCompared] = []
        for tier, work in ((MONGO, self._documents), (IMAGES, self._images), (FILES, self._files)):
            names = {*self._before.of(tier), *self.after.of(tier)}
            if tier not in self._folder.catalog.tiers:
                not_compared.append(NotCompared(tier, f"{self._folder.name} does not hold it"))
            elif names:
                made = work(names, not_compared)
                found += [made] if made else []
        return found, not_compared

    def _documents(self, names: Collection[str], not_compared: list[NotCompared]) -> StoreComparison | None:
        documents = self._live.documents
        if isinstance(documents, str):
            not_compared.append(NotCompared(MONGO, documents))
            return None
        groups = frozenset(compare_module(MONGO).groups(self._folder))
        meant = frozenset(each for each in names if f"collection {each.partition('/')[0]}" in groups)
        for lost in sorted({each.partition("/")[0] for each in names if each not in meant}):
            not_compared.append(NotCompared(f"{MONGO}: collection {lost}", f"{self._folder.name} does not hold it"))
        live = (item for name, some in documents.batches() for item in live_documents(name, some, meant))
        return self._held(MONGO, groups, meant, live)

    def _images(self, names: Collection[str], _not_compared: list[NotCompared]) -> StoreComparison:
        access = self._live.images
        if access.uses_secrets:
            texts = ((each, *pair) for each in self._lrs() for pair in strings(each.content))
            access.log_in((Mention(LRS, each.id, where, text) for each, where, text in texts), self._seen.images.images)
        return self._held(IMAGES, frozenset(), names, self._asked(names))

    def _asked(self, names: Collection[str]) -> Iterator[Item]:
        """What the registries have; nothing where they surely have none, and no sum where nobody tells."""
        access = self._live.images
        for name in sorted(names):
            reference = parse(name)
            if reference.registry not in access.allowed:
                yield Item(name.encode(), b"")
                continue
            try:
                digest = digest_there(access, reference, access.domain(reference))
            except OF_ONE:
                yield Item(name.encode(), b"")
                continue
            if digest:
                yield Item(name.encode(), digest.encode())

    def _files(self, names: Collection[str], not_compared: list[NotCompared]) -> StoreComparison | None:
        storage = self._live.storage
        if isinstance(storage, str):
            not_compared.append(NotCompared(FILES, storage))
            return None
        return self._held(FILES, frozenset(), names, _stored(storage, names))

    def _held(self, tier: str, groups: frozenset[str], names: Collection[str], live: Iterator[Item]) -> StoreComparison:
        module = compare_module(tier)
        found = StoreComparison(store=tier)
        self._progress.begin(f"comparing {tier}")
        try:
            hold(found, module.shown, module.items(self._folder, groups, names), live)
        finally:
            self._progress.end()
        found.differences.sort(key=lambda each: each[1])
        return found


def _stored(storage: Storage, names: Collection[str]) -> Iterator[Item]:
    """The files as they are; no sum where one cannot be read."""
    for path in sorted(names):
        try:
            stat = storage.find(path)
            if stat is not None:
                yield Item(key_of(path), bytes.fromhex(sum_of(storage, stat)), stat.size)
                storage.reading.judge(None)
        except LrsError as error:
            if storage.is_lost(error, storage.reading):
                raise
            yield Item(key_of(path), b"")


def had(what: Callable[[], T]) -> T | str:
    """A store, or why it cannot be had."""
    try:
        return what()
    except LrsError as error:
        return f"{error}{f' ({error.hint})' if error.hint else ''}"
