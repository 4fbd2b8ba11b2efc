"""One pass over LRS and Mongo documents, live or saved: what they are, and what they name. It reads what it is handed.

What is kept is small beside what is read: ids, images, paths; never a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import intern
from typing import Any

from kubectl_lrs.consistency import Application, LrsObject, Occurrence, SparkSession
from kubectl_lrs.consistency import Document as LrsDocument
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.units import age
from kubectl_lrs.model.workloads import SPARK, type_of
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import APPLICATIONS, LRS_DOCUMENTS, Document, Mention, of_lrs, strings, tokens_in
from kubectl_lrs.stores.common.readiness import state
from kubectl_lrs.stores.files import references
from kubectl_lrs.stores.files.match import References, Where
from kubectl_lrs.stores.images.find import Found, ImageFilter, find

LRS = "lrs"

Strings = Sequence[tuple[str, str]]
"""(field, text) of each."""


def _is_of_pod(field: str) -> bool:
    """Whether it leads to a pull secret."""
    return "imagePullSecret" in field or "serviceAccount" in field


@dataclass(kw_only=True)
class Scan:
    """`stale_after`: age from which a Spark session is stale; `now`: the time that ages are counted to.

    `references`: take in what is said of files, where it is looked for. `pull`: the mentions that lead to pull secrets.
    """

    now: datetime
    stale_after: timedelta
    namespace: str | None = None
    objects: list[LrsObject] = field(default_factory=list)
    sessions: list[SparkSession] = field(default_factory=list)
    applications: dict[str, Application] = field(default_factory=dict)
    documents: list[LrsDocument] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    references: References | None = None
    images: Found = field(default_factory=Found)
    pull: list[Mention] = field(default_factory=list)
    _links: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    _same: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)
    _with_pods: set[str] = field(default_factory=set)

    def read(
        self, lrs: Iterable[Manifest], documents: Iterable[Document], wanted: ImageFilter | None, progress: Progress
    ) -> None:
        """Take in everything. `wanted`: images to look for, None for none of them."""
        mentions = self._mentions(lrs, documents, progress, is_asked=wanted is not None)
        if wanted is not None:
            self.images = find(mentions, wanted)
        else:
            for _ in mentions:
                pass

    def place(self, store: str, identifier: str, where: str) -> Occurrence:
        """Where something is named, with the ids that tell whose it is."""
        return Occurrence(store, identifier, where, self._linked(store, identifier))

    def place_of(self, where: Where, path: str) -> Occurrence:
        """The same for a file, whose path may hold ids too."""
        ids = self._linked(where.source, where.document) | set(tokens_in([path]))
        return Occurrence(where.source, where.document, where.field, ids)

    def ids_in(self, text: str) -> frozenset[str]:
        """The ids in a text, and those that the documents with these ids speak of."""
        found = frozenset(tokens_in([text]))
        return found.union(*(self._linked(store, each) for each in found for store in self._links))

    # ---- the pass

    def _mentions(
        self, lrs: Iterable[Manifest], documents: Iterable[Document], progress: Progress, *, is_asked: bool
    ) -> Iterator[Mention]:
        """`is_asked`: whether anybody looks at them; each string is found once in any case."""
        for manifest in lrs:
            progress.advance()
            if self.namespace in (None, manifest["metadata"]["namespace"]):
                document = of_lrs(manifest)
                found = strings(document.content)
                self._take_lrs(manifest, document.id, found)
                yield from self._strings(document, found, is_asked=is_asked)
        for document in documents:
            progress.advance()
            self.counts[document.store] = self.counts.get(document.store, 0) + 1
            found = strings(document.content)
            self._take_document(document, found)
            yield from self._strings(document, found, is_asked=is_asked)

    def _strings(self, document: Document, found: Strings, *, is_asked: bool) -> Iterator[Mention]:
        if self.references is not None:
            references.add(self.references, document, found)
        if document.store == LRS and is_asked:  # who looks for no image logs in nowhere
            self.pull += [Mention(LRS, document.id, where, text) for where, text in found if _is_of_pod(where)]
        if is_asked:
            yield from (Mention(document.store, document.id, where, text) for where, text in found)

    def _take_lrs(self, manifest: Manifest, key: str, found: Strings) -> None:
        metadata = manifest["metadata"]
        made = LrsObject(
            namespace=intern(metadata["namespace"]),
            name=metadata["name"],
            type=intern(type_of(manifest)),
            ids=self._shared(tokens_in([metadata["name"], *(text for _, text in found)])),
            is_going=bool(metadata.get("deletionTimestamp")),
            state=state(manifest),
        )
        if made.namespace not in self._with_pods:
            self._with_pods.add(made.namespace)
            self.pull.append(Mention(LRS, key, "", ""))  # a namespace has its default service account
        self.objects.append(made)
        self._link(LRS, key, made.ids)
        if made.type == SPARK:
            self._take_session(made, str(metadata.get("creationTimestamp") or ""))

    def _take_session(self, lrs: LrsObject, created: str) -> None:
        try:
            old = self.now - datetime.fromisoformat(created.replace("Z", "+00:00"))
        except (ValueError, TypeError):
            return
        if old >= self.stale_after and not lrs.is_going:
            self.sessions.append(SparkSession(namespace=lrs.namespace, name=lrs.name, age=age(old.total_seconds())))

    def _take_document(self, document: Document, found: Strings) -> None:
        mentioned = frozenset(tokens_in(text for _, text in found))
        if document.store == APPLICATIONS:
            self.applications[document.id] = _application(document.id, document.content)
            self._link(document.store, document.id, self._shared((document.id,)))
            return
        if document.store == LRS_DOCUMENTS:
            self.documents.append(LrsDocument(id=document.id, mentions=mentioned))
        if ids := mentioned & self.applications.keys():
            self._link(document.store, document.id, self._shared(ids))

    def _shared(self, ids: Iterable[str]) -> frozenset[str]:
        """A set of them, one and the same for all that speak of the same: most speak of one application."""
        made = frozenset(ids)
        return self._same.setdefault(made, made)

    def _link(self, store: str, identifier: str, ids: frozenset[str]) -> None:
        if ids:
            self._links.setdefault(store, {})[identifier] = ids

    def _linked(self, store: str, identifier: str) -> frozenset[str]:
        return self._links.get(store, {}).get(identifier, frozenset())


def _application(identifier: str, content: Mapping[str, Any]) -> Application:
    """Its name and status are what fields of these names hold, where there are such: they are shown, and decide little."""
    texts = {name: content.get(name) for name in ("name", "status")}
    name, status = (str(value) if isinstance(value, str) else "" for value in texts.values())
    return Application(id=identifier, name=name, status=status, in_database=True)
