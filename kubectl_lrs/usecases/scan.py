"""One pass over LRS and Mongo documents, live or saved: what they are, and what they name. It reads what it is handed.

What is kept is small beside what is read: ids, images, paths; never a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kubectl_lrs.consistency import Application, LrsObject, Place, SparkSession
from kubectl_lrs.consistency import Document as LrsDocument
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.units import age
from kubectl_lrs.model.workloads import SPARK, type_of
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import Document, Mention, of_lrs, strings
from kubectl_lrs.stores.common.readiness import state
from kubectl_lrs.stores.deployments.ownership import tokens
from kubectl_lrs.stores.files import references
from kubectl_lrs.stores.files.match import References, Where
from kubectl_lrs.stores.images.find import Found, ImageFilter, find

APPLICATIONS, LRS_DOCUMENTS = "custom_applications", "longrunningservices"
LRS = "lrs"

_TOKEN = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])")
_OF_POD = re.compile(r"imagePullSecret|serviceAccount")


@dataclass(kw_only=True)
class Scan:
    """`stale_after`: age from which a Spark session is stale; `now`: the time that ages are counted to.

    `collections`: those of which documents were given. `pull`: the mentions that lead to pull secrets.
    """

    now: datetime
    stale_after: timedelta
    namespace: str | None = None
    with_files: bool = False
    objects: list[LrsObject] = field(default_factory=list)
    sessions: list[SparkSession] = field(default_factory=list)
    applications: dict[str, Application] = field(default_factory=dict)
    documents: list[LrsDocument] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    references: References = field(default_factory=References)
    images: Found = field(default_factory=Found)
    pull: list[Mention] = field(default_factory=list)
    _links: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    _stores: dict[str, set[str]] = field(default_factory=dict)
    _with_pods: set[str] = field(default_factory=set)

    def read(
        self, lrs: Iterable[Manifest], documents: Iterable[Document], wanted: ImageFilter | None, progress: Progress
    ) -> None:
        """Take in everything. `wanted`: images to look for, None for none of them."""
        mentions = self._mentions(lrs, documents, progress)
        if wanted is not None:
            self.images = find(mentions, wanted)
        else:
            for _ in mentions:
                pass

    def place(self, store: str, identifier: str, where: str) -> Place:
        """Where something is named, with the ids that tell whose it is."""
        return Place(store, identifier, where, self._links.get((store, identifier), frozenset()))

    def place_of(self, where: Where, path: str) -> Place:
        """The same for a file, whose path may hold ids too."""
        ids = self._links.get((where.source, where.document), frozenset()) | set(_TOKEN.findall(path))
        return Place(where.source, where.document, where.field, ids)

    def ids_in(self, text: str) -> frozenset[str]:
        """The ids in a text, and those that the documents with these ids speak of."""
        found = frozenset(_TOKEN.findall(text))
        return found.union(*(self._links[store, each] for each in found for store in self._stores.get(each, ())))

    # ---- the pass

    def _mentions(self, lrs: Iterable[Manifest], documents: Iterable[Document], progress: Progress) -> Iterator[Mention]:
        for manifest in lrs:
            progress.advance()
            if self.namespace in (None, manifest["metadata"]["namespace"]):
                self._take_lrs(manifest)
                yield from self._strings(of_lrs(manifest))
        for document in documents:
            progress.advance()
            self.counts[document.store] = self.counts.get(document.store, 0) + 1
            self._take_document(document)
            yield from self._strings(document)

    def _strings(self, document: Document) -> Iterator[Mention]:
        if self.with_files:
            references.add(self.references, document)
        for where, text in strings(document.content):
            mention = Mention(document.store, document.id, where, text)
            if document.store == LRS and _OF_POD.search(where):
                self.pull.append(mention)
            yield mention

    def _take_lrs(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        made = LrsObject(
            namespace=metadata["namespace"],
            name=metadata["name"],
            type=type_of(manifest),
            ids=frozenset(tokens(manifest)),
            is_going=bool(metadata.get("deletionTimestamp")),
            state=state(manifest),
        )
        if made.namespace not in self._with_pods:
            self._with_pods.add(made.namespace)
            self.pull.append(Mention(LRS, made.key, "", ""))  # a namespace has its default service account
        self.objects.append(made)
        self._link(LRS, made.key, made.ids)
        if made.type == SPARK:
            self._take_session(made, str(metadata.get("creationTimestamp") or ""))

    def _take_session(self, lrs: LrsObject, created: str) -> None:
        try:
            old = self.now - datetime.fromisoformat(created.replace("Z", "+00:00"))
        except (ValueError, TypeError):
            return
        if old >= self.stale_after and not lrs.is_going:
            self.sessions.append(SparkSession(namespace=lrs.namespace, name=lrs.name, age=age(old.total_seconds())))

    def _take_document(self, document: Document) -> None:
        mentioned = frozenset(each for _, text in strings(document.content) for each in _TOKEN.findall(text))
        if document.store == APPLICATIONS:
            self.applications[document.id] = _application(document.id, document.content)
            self._link(document.store, document.id, frozenset((document.id,)))
            return
        if document.store == LRS_DOCUMENTS:
            self.documents.append(LrsDocument(id=document.id, mentions=mentioned))
        if ids := mentioned & self.applications.keys():
            self._link(document.store, document.id, frozenset(ids))

    def _link(self, store: str, identifier: str, ids: frozenset[str]) -> None:
        self._links[store, identifier] = ids
        self._stores.setdefault(identifier, set()).add(store)


def _application(identifier: str, content: Mapping[str, Any]) -> Application:
    """Its name and status are what fields of these names hold, where there are such: they are shown, and decide little."""
    texts = {name: content.get(name) for name in ("name", "status")}
    name, status = (str(value) if isinstance(value, str) else "" for value in texts.values())
    return Application(id=identifier, name=name, status=status, in_database=True)
