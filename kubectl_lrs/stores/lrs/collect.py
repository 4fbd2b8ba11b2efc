"""The LRS of a cluster → a backup, in one consistent snapshot; and another look, when the other stores have been read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import everywhere, whole
from kubectl_lrs.clients.kubernetes.resources import CRDS, Resource
from kubectl_lrs.formats.documents import TOO_DEEP
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model import meanwhile
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import ApiError, DeniedError, LrsError
from kubectl_lrs.model.manifest import Manifest, sanitise
from kubectl_lrs.model.names import manifest_path
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import CRD_NAME, type_of
from kubectl_lrs.repository import Sink, Writer
from kubectl_lrs.runtime.parallel import prefetch
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.changes import Born, Look
from kubectl_lrs.stores.lrs.saved import CRD_FILE, INDEX_FILE, RAW_FILE, TIER


@dataclass
class _Tally:
    """What is counted while the objects pass by."""

    resource_version: str = ""
    objects: int = 0
    bytes: int = 0
    types: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    skipped: list[dict[str, str]] = field(default_factory=list)
    not_read: list[Manifest] = field(default_factory=list)


class LrsCollector:
    """The LRS objects of one cluster that a selection names."""

    def __init__(self, kube: KubeClient, resource: Resource, selection: Selection) -> None:
        self._kube = kube
        self._resource = resource
        self._selection = selection
        self._tally = _Tally()
        self._look = Look(kube, resource, selection)
        self._crd_note = ""

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write everything into the folder; the facts for the catalog."""
        with self._kube.warnings.told(progress.note):
            self._tally = self._snapshot(writer, progress)
            self._crd_note = self._save_crd(writer)
        return self._facts()

    def confirm(self, writer: Writer, progress: Progress, *, take_in: bool) -> dict[str, Any]:
        """Ask once more which LRS there are, by their metadata alone; the facts anew."""
        progress.begin("LRS: what changed meanwhile")
        try:
            with self._kube.warnings.told(progress.note):
                born = self._look.compare(writer, {str(each["metadata"].get("uid")) for each in self._tally.not_read})
                if take_in:
                    self._take_in(born, writer)
        except LrsError as error:
            self._look.lost(str(error))
        facts = self._facts()
        missing = [*facts["missing"], *self._look.missing]
        return facts | {meanwhile.FIELD: self._look.seen().to_dict(), "missing": missing}

    def _take_in(self, born: Iterable[Born], writer: Writer) -> None:
        """Add what was made after the list to the files that are finished."""
        if found := list(self._look.fetch(born)):
            with writer.extending(RAW_FILE) as raw, writer.extending(INDEX_FILE) as index:
                self._keep(found, writer, raw, index, self._tally)

    def _facts(self) -> dict[str, Any]:
        tally = self._tally
        return {
            "group": self._resource.group,
            "version": self._resource.version,
            "kind": self._resource.kind,
            "plural": self._resource.plural,
            "resourceVersion": tally.resource_version,
            "objects": tally.objects,
            "bytes": tally.bytes,
            "types": dict(sorted(tally.types.items())),
            "namespaces": dict(sorted(tally.namespaces.items())),
            "skipped": tally.skipped,
            "missing": [_not_read(each["metadata"]) for each in tally.not_read],
            "crd": CRD_FILE if not self._crd_note else None,
            "crdNote": self._crd_note,
        }

    def _snapshot(self, writer: Writer, progress: Progress) -> _Tally:
        start = writer.checkpoint()

        def begun_anew(_error: Exception) -> None:
            progress.note("the API server's snapshot expired; the list begins anew")
            writer.rollback(start)

        with everywhere(self._selection.namespace):
            return whole(self._kube, lambda: self._copy(writer, progress), before_again=begun_anew)

    def _copy(self, writer: Writer, progress: Progress) -> _Tally:
        progress.begin("LRS")
        tally = _Tally()
        pages = self._kube.pages(
            self._resource, self._selection.namespace, selector=self._selection.label_selector(), with_too_deep=True
        )
        with writer.stream(RAW_FILE, compressed=True) as raw, writer.stream(INDEX_FILE, compressed=True) as index:
            for page in prefetch(pages):
                tally.resource_version = page.resource_version
                self._keep(page.items, writer, raw, index, tally)
                tally.not_read += page.too_deep
                progress.advance(len(page.items))
        return tally

    def _keep(self, items: Iterable[tuple[str, Manifest]], writer: Writer, raw: Sink, index: Sink, tally: _Tally) -> None:
        raw_lines, index_lines = [], []
        for text, manifest in items:
            metadata = manifest["metadata"]
            namespace, name, kind = metadata["namespace"], metadata["name"], type_of(manifest)
            if metadata.get("deletionTimestamp"):
                tally.skipped.append({"namespace": namespace, "name": name, "type": kind, "reason": "being deleted"})
                continue
            clean = sanitise(manifest)
            clean.setdefault("apiVersion", self._resource.api_version)
            clean.setdefault("kind", self._resource.kind)
            data = dump(clean).encode("utf-8", "surrogatepass")
            path = manifest_path(namespace, name)
            writer.write(path, data)
            raw_lines.append(text if "\n" not in text else json.dumps(manifest, ensure_ascii=False))
            index_lines.append(_index_line(metadata, kind, path))
            tally.objects += 1
            tally.bytes += len(data)
            tally.types[kind] += 1
            tally.namespaces[namespace] += 1
        raw.write("".join(f"{line}\n" for line in raw_lines).encode("utf-8", "surrogatepass"))
        index.write("".join(f"{line}\n" for line in index_lines).encode())

    def _save_crd(self, writer: Writer) -> str:
        """Save the CRD where it may be read; else the reason why it is not in the backup."""
        try:
            crd = self._kube.get(CRDS, CRD_NAME)
        except (ApiError, DeniedError) as error:  # the CRD is an extra, and ends no backup
            return str(error)
        writer.write(CRD_FILE, dump(sanitise(crd)).encode("utf-8", "surrogatepass"))
        return ""


def _not_read(metadata: Manifest) -> Missing:
    """One whose manifest no reader of the backup would take, so that all of it would be damage."""
    name = f"{metadata.get('namespace')}/{metadata.get('name')}"
    return Missing(store=TIER, kind="LRS", name=name, reason=f"{TOO_DEEP}, and not read")


def _index_line(metadata: Manifest, kind: str, path: str) -> str:
    facts = {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "type": kind,
        "uid": metadata.get("uid", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "generation": metadata.get("generation"),
        "created": metadata.get("creationTimestamp", ""),
        "path": path,
        "owners": metadata.get("ownerReferences") or [],
    }
    return json.dumps(facts, separators=(",", ":"))
