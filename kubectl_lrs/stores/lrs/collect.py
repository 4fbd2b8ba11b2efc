"""The LRS of a cluster → a backup, in one consistent snapshot; and another look, when the other stores have been read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import everywhere, whole
from kubectl_lrs.clients.kubernetes.resources import CRDS, Resource
from kubectl_lrs.formats.documents import TOO_DEEP
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model import meanwhile
from kubectl_lrs.model.catalog import UNKNOWN_CLUSTER, Cluster, Missing
from kubectl_lrs.model.errors import ApiError, DeniedError, LrsError
from kubectl_lrs.model.manifest import Manifest, sanitise
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import CRD_NAME
from kubectl_lrs.repository import Sink, Writer
from kubectl_lrs.runtime.parallel import prefetch
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.changes import Born, Look
from kubectl_lrs.stores.lrs.keep import Keeper, Tally
from kubectl_lrs.stores.lrs.recall import Beside, beside
from kubectl_lrs.stores.lrs.saved import CRD_FILE, INDEX_FILE, RAW_FILE, TIER
from kubectl_lrs.stores.lrs.versions import hidden


class LrsCollector:
    """The LRS objects of one cluster that a selection names."""

    def __init__(self, kube: KubeClient, resource: Resource, selection: Selection, cluster: Cluster = UNKNOWN_CLUSTER) -> None:
        """`cluster`: which one it is, so that earlier backups of it may be used."""
        self._kube = kube
        self._resource = resource
        self._cluster = cluster
        self._selection = selection
        self._tally = Tally()
        self._look = Look(kube, resource, selection)
        self._crd_note = ""
        self._hidden: list[Missing] = []

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
                self._keeper(writer, raw, index).keep(found, self._tally)

    def _facts(self) -> dict[str, Any]:
        tally = self._tally
        return {
            **tally.facts(version=self._resource.version, kind=self._resource.kind),
            "missing": [*(_not_read(each["metadata"]) for each in tally.not_read), *self._hidden],
            "crd": CRD_FILE if not self._crd_note else None,
            "crdNote": self._crd_note,
        }

    def _snapshot(self, writer: Writer, progress: Progress) -> Tally:
        start = writer.checkpoint()

        def begun_anew(_error: Exception) -> None:
            progress.note("the API server's snapshot expired; the list begins anew")
            writer.rollback(start)

        with everywhere(self._selection.namespace):
            return whole(self._kube, lambda: self._beside_earlier(writer, progress), before_again=begun_anew)

    def _beside_earlier(self, writer: Writer, progress: Progress) -> Tally:
        """With what an earlier backup has of them; all anew where that proves to be damaged."""
        start = writer.checkpoint()
        with beside(writer.earlier(), self._cluster, self._resource, self._selection) as earlier:
            tally = self._copy(writer, progress, earlier)
            doubt = earlier.doubt() if earlier else ""
        if doubt:
            progress.note(f"warning: {doubt}; nothing of it is used, the list begins anew")
            writer.rollback(start)
            tally = self._copy(writer, progress)
        return tally

    def _copy(self, writer: Writer, progress: Progress, earlier: Beside | None = None) -> Tally:
        progress.begin("LRS")
        tally = Tally()
        pages = self._kube.pages(
            self._resource,
            self._selection.namespace,
            selector=self._selection.label_selector(),
            with_too_deep=True,
            recall=earlier,
        )
        with writer.stream(RAW_FILE, compressed=True) as raw, writer.stream(INDEX_FILE, compressed=True) as index:
            for page in prefetch(pages):
                tally.resource_version = page.resource_version
                self._keeper(writer, raw, index).keep(page.items, tally, page.recalled)
                tally.not_read += page.too_deep
                progress.advance(len(page.items))
        return tally

    def _keeper(self, writer: Writer, raw: Sink, index: Sink) -> Keeper:
        return Keeper(writer, raw, index, self._resource.api_version, self._resource.kind)

    def _save_crd(self, writer: Writer) -> str:
        """Save the CRD where it may be read; else the reason why it is not in the backup."""
        try:
            crd = self._kube.get(CRDS, CRD_NAME)
        except (ApiError, DeniedError) as error:  # the CRD is an extra, and ends no backup
            return str(error)
        writer.write(CRD_FILE, dump(sanitise(crd)).encode("utf-8", "surrogatepass"))
        self._hidden = hidden(self._kube, self._resource, self._selection, crd)
        return ""


def _not_read(metadata: Manifest) -> Missing:
    """One whose manifest no reader of the backup would take, so that all of it would be damage."""
    name = f"{metadata.get('namespace')}/{metadata.get('name')}"
    return Missing(store=TIER, kind="LRS", name=name, reason=f"{TOO_DEEP}, and not read")
