"""What became of the LRS after they were listed: a list of their metadata, held against the index of the backup.

Documents, images and files are read after the LRS. What was made, changed or deleted in between is why the parts of a
backup may not fit each other; it is named, never guessed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import whole
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.meanwhile import Change, Meanwhile, What
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import type_of
from kubectl_lrs.repository import Readable
from kubectl_lrs.runtime.parallel import map_unordered, prefetch
from kubectl_lrs.stores.lrs.saved import INDEX_FILE, TIER

ASKED = 200
"""So many of those that are gone are asked for by name, to tell what became of them."""

WORKERS = 8


@dataclass(frozen=True, slots=True)
class Born:
    """An LRS by its metadata."""

    namespace: str
    name: str
    type: str
    uid: str
    resource_version: str
    generation: Any
    is_going: bool

    @classmethod
    def of(cls, manifest: Manifest) -> Born:
        """As the server lists it."""
        metadata = manifest["metadata"]
        return cls(
            namespace=str(metadata["namespace"]),
            name=str(metadata["name"]),
            type=type_of(manifest),
            uid=str(metadata.get("uid") or ""),
            resource_version=str(metadata.get("resourceVersion") or ""),
            generation=metadata.get("generation"),
            is_going="deletionTimestamp" in metadata,
        )

    def became(self, what: What) -> Change:
        """What became of it."""
        return Change(self.namespace, self.name, self.type, what)


class Look:
    """Looks at the LRS of a selection after they were listed. `missing`: what should be in the backup, and why it is not."""

    def __init__(self, kube: KubeClient, resource: Resource, selection: Selection) -> None:
        self.missing: list[Missing] = []
        self._kube = kube
        self._resource = resource
        self._selection = selection
        self._version = ""
        self._taken: list[Change] = []
        self._changes: dict[str, Change] = {}
        self._touched = 0

    def seen(self) -> Meanwhile:
        """What the last look has shown, and what was taken in."""
        changes = {change.key: change for change in self._taken} | self._changes
        return Meanwhile(resource_version=self._version, changes=tuple(sorted(changes.values())), touched=self._touched)

    def lost(self, why: str) -> None:
        """It could not be told; what an earlier look has shown stays."""
        self._version = ""
        reason = f"whether LRS were made, changed or deleted while the other stores were read is not known: {why}"
        self.missing.append(Missing(store=TIER, kind="look", reason=reason))

    # ---- what there is

    def compare(self, folder: Readable, passed_over: Collection[str] = ()) -> list[Born]:
        """Hold what there is now against the backup; those that are not in it, but for what was `passed_over`, by uid."""
        live = {uid: each for uid, each in whole(self._kube, self._live).items() if uid not in passed_over}
        gone, found, touched = [], [], 0
        for saved in _index(folder):
            now = live.pop(saved.uid, None)
            if now is None:
                gone.append(saved)
            elif now.is_going:
                found.append(saved.became(What.DELETED))
            elif now.generation != saved.generation:
                found.append(saved.became(What.CHANGED))
            else:
                touched += now.resource_version != saved.resource_version
        born = {(each.namespace, each.name): each for each in live.values() if not each.is_going}
        for saved in list(gone):
            if born.pop((saved.namespace, saved.name), None):
                gone.remove(saved)
                found.append(saved.became(What.REMADE))
        found += map_unordered(gone[:ASKED], self._fate, workers=WORKERS, stop=self._kube.stop)
        found += [each.became(What.GONE) for each in gone[ASKED:]]
        found += [each.became(What.MADE) for each in born.values()]
        self._changes, self._touched = {change.key: change for change in found}, touched
        return list(born.values())

    def _live(self) -> dict[str, Born]:
        """By uid, all that is there, as of one instant."""
        found: dict[str, Born] = {}
        selector = self._selection.label_selector()
        pages = self._kube.pages(self._resource, self._selection.namespace, selector=selector, metadata_only=True)
        for page in prefetch(pages):
            self._version = page.resource_version
            found |= {each.uid: each for each in map(Born.of, (manifest for _, manifest in page.items))}
        return found

    def _fate(self, saved: Born) -> Change:
        """What became of one that a list with labels does not show."""
        try:
            found = self._one(saved, metadata_only=True)
        except LrsError:
            return saved.became(What.GONE)
        if found is None:
            return saved.became(What.DELETED)
        now = Born.of(found[1])
        if now.uid != saved.uid:
            return saved.became(What.REMADE)
        return saved.became(What.DELETED if now.is_going else What.LEFT)

    # ---- what is taken in

    def fetch(self, born: Iterable[Born]) -> Iterator[tuple[str, Manifest]]:
        """Each that can be had, as its own text and as data; which are in the backup from now on."""
        for each, answer in map_unordered(born, self._fetch, workers=WORKERS, stop=self._kube.stop):
            if isinstance(answer, LrsError):
                self.missing.append(Missing(store=TIER, kind="LRS", name=each.became(What.MADE).key, reason=str(answer)))
            elif answer is None:
                self._changes[each.became(What.MADE).key] = each.became(What.DELETED)
            else:
                taken = each.became(What.TAKEN_IN)
                self._taken.append(taken)
                del self._changes[taken.key]
                yield answer

    def _fetch(self, born: Born) -> tuple[Born, tuple[str, Manifest] | LrsError | None]:
        """The object; None where it is gone again."""
        try:
            found = self._one(born)
        except LrsError as error:
            return born, error
        now = Born.of(found[1]) if found else None
        return born, found if now and now.uid == born.uid and not now.is_going else None

    def _one(self, wanted: Born, *, metadata_only: bool = False) -> tuple[str, Manifest] | None:
        """What has its name now. Whoever may back up has the right to list, and perhaps no other."""
        pages = self._kube.pages(self._resource, wanted.namespace, name=wanted.name, metadata_only=metadata_only)
        return next((each for page in pages for each in page.items), None)


def _index(folder: Readable) -> Iterator[Born]:
    """The objects of the backup that is being made."""
    with folder.reading(INDEX_FILE) as file, gzip.GzipFile(fileobj=file) as unpacked:
        for line in unpacked:
            entry = json.loads(line)
            yield Born(
                entry["namespace"],
                entry["name"],
                entry["type"],
                entry["uid"],
                entry["resourceVersion"],
                entry["generation"],
                is_going=False,
            )
