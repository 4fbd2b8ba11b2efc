"""The LRS objects in a backup: one YAML manifest each, the objects as the server gave them, an index, and the CRD.

It decides which bytes belong into the folder and reads them back; talking HTTP and touching files is done elsewhere.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Queue
from typing import IO, Any, TypeVar

from kubectl_lrs.clients.kube import CRDS, KubeClient, Page, Resource
from kubectl_lrs.errors import DamageError, DeniedError, ExpiredError, NotFoundError, UnreachableError
from kubectl_lrs.folder import FolderWriter, SealedFolder
from kubectl_lrs.manifest import Manifest, loads, sanitise
from kubectl_lrs.names import is_namespace, is_object_name, manifest_path
from kubectl_lrs.progress import Progress
from kubectl_lrs.selection import Selection
from kubectl_lrs.workloads import CRD_NAME, GROUP, PLURAL, type_of
from kubectl_lrs.yamltext import dump

NAME = "resources"
RAW_FILE = "lrs.raw.jsonl.gz"
INDEX_FILE = "lrs.index.jsonl.gz"
CRD_FILE = "crd.yaml"

SNAPSHOTS = 3
"""How often a LIST begins anew when the server no longer had its snapshot."""


@dataclass
class _Tally:
    """What is counted while the objects pass by."""

    resource_version: str = ""
    objects: int = 0
    bytes: int = 0
    types: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    skipped: list[dict[str, str]] = field(default_factory=list)


class ResourcesTier:
    """The LRS objects of one cluster that a selection names."""

    def __init__(self, kube: KubeClient, resource: Resource, selection: Selection) -> None:
        self._kube = kube
        self._resource = resource
        self._selection = selection

    def collect(self, writer: FolderWriter, progress: Progress) -> dict[str, Any]:
        """Write everything into the folder; the facts for the catalog."""
        tally = self._snapshot(writer, progress)
        crd_note = self._save_crd(writer)
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
            "crd": CRD_FILE if not crd_note else None,
            "crdNote": crd_note,
        }

    def _snapshot(self, writer: FolderWriter, progress: Progress) -> _Tally:
        start = writer.checkpoint()
        for attempt in range(1, SNAPSHOTS + 1):
            progress.begin("LRS")
            try:
                return self._copy(writer, progress)
            except ExpiredError as error:
                if attempt == SNAPSHOTS:
                    raise UnreachableError(
                        f"the API server gave up its snapshot {SNAPSHOTS} times before the list was whole",
                        hint="the server or the network is slow; try again, or by namespace with -n",
                    ) from error
                progress.note("the API server's snapshot expired; the list begins anew")
                writer.rollback(start)
        raise AssertionError("unreachable")

    def _copy(self, writer: FolderWriter, progress: Progress) -> _Tally:
        tally = _Tally()
        pages = self._kube.pages(self._resource, self._selection.namespace, selector=self._selection.label_selector())
        with writer.stream(RAW_FILE, compressed=True) as raw, writer.stream(INDEX_FILE, compressed=True) as index:
            for page in _ahead(pages):
                tally.resource_version = page.resource_version
                self._copy_page(page, writer, raw, index, tally)
                progress.advance(len(page.items))
        return tally

    def _copy_page(self, page: Page, writer: FolderWriter, raw: IO[bytes], index: IO[bytes], tally: _Tally) -> None:
        raw_lines, index_lines = [], []
        for text, manifest in page.items:
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

    def _save_crd(self, writer: FolderWriter) -> str:
        """Save the CRD where it may be read; else the reason why it is not in the backup."""
        try:
            crd = self._kube.get(CRDS, CRD_NAME)
        except (DeniedError, NotFoundError) as error:
            return str(error)
        writer.write(CRD_FILE, dump(sanitise(crd)).encode("utf-8", "surrogatepass"))
        return ""


def _index_line(metadata: Manifest, kind: str, path: str) -> str:
    facts = {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "type": kind,
        "uid": metadata.get("uid", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "created": metadata.get("creationTimestamp", ""),
        "path": path,
        "owners": metadata.get("ownerReferences") or [],
    }
    return json.dumps(facts, separators=(",", ":"))


def index(folder: SealedFolder) -> Iterator[dict[str, Any]]:
    """What the index of a backup says of each object: namespace, name, type, uid, resourceVersion, created, path, owners."""
    for line in folder.lines(INDEX_FILE):
        yield json.loads(line)


def objects(folder: SealedFolder) -> Iterator[Manifest]:
    """Every object of a backup as the server gave it, none that is not an LRS.

    A backup is untrusted: group, plural's kind, namespace and name of each object are checked before anyone uses them.
    """
    facts = folder.catalog.tiers[NAME]
    if (facts.get("group"), facts.get("plural")) != (GROUP, PLURAL):
        raise DamageError(f"{folder.path}: holds {facts.get('plural')}.{facts.get('group')}, not {CRD_NAME}")
    for number, line in enumerate(folder.lines(RAW_FILE), 1):
        manifest = loads(line)
        if problem := _problem(manifest, str(facts.get("kind"))):
            raise DamageError(f"{folder.path / RAW_FILE}: line {number}: {problem}")
        yield manifest


def _problem(manifest: Any, kind: str) -> str:
    """Why this is no LRS that may be written; empty where it is one."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("metadata"), dict):
        return "not a Kubernetes object"
    if str(manifest.get("apiVersion")).partition("/")[0] != GROUP or manifest.get("kind") != kind:
        return f"{manifest.get('apiVersion')} {manifest.get('kind')} is not an LRS"
    metadata = manifest["metadata"]
    if not is_namespace(str(metadata.get("namespace"))):
        return f"{metadata.get('namespace')!r} is not a valid namespace"
    if not is_object_name(str(metadata.get("name"))):
        return f"{metadata.get('name')!r} is not a valid object name"
    return ""


T = TypeVar("T")


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one fetched while the one at hand is used. The thread never outlives the process."""
    queue: Queue[tuple[T | None, BaseException | None]] = Queue(maxsize=1)
    stopped = threading.Event()

    def fetch() -> None:
        try:
            for item in items:
                queue.put((item, None))
                if stopped.is_set():
                    return
            queue.put((None, None))
        except BaseException as error:  # noqa: BLE001  it is raised again where the items are used
            queue.put((None, error))

    threading.Thread(target=fetch, name="list", daemon=True).start()
    try:
        while True:
            item, error = queue.get()
            if error:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
