"""LRS → the files of a backup: a manifest each, the raw objects and the index, and what is counted meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.manifest import Manifest, sanitise
from kubectl_lrs.model.names import manifest_path
from kubectl_lrs.model.workloads import GROUP, PLURAL, type_of
from kubectl_lrs.repository import Sink, Writer


@dataclass
class Tally:
    """What is counted while the objects pass by."""

    resource_version: str = ""
    objects: int = 0
    bytes: int = 0
    types: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    skipped: list[dict[str, str]] = field(default_factory=list)
    not_read: list[Manifest] = field(default_factory=list)

    def count(self, manifest: Manifest, size: int) -> None:
        """One more of them, whose manifest has so many bytes."""
        self.objects += 1
        self.bytes += size
        self.types[type_of(manifest)] += 1
        self.namespaces[manifest["metadata"]["namespace"]] += 1

    def skips(self, manifest: Manifest) -> bool:
        """Whether it was being deleted, and is no part of a backup; that is noted."""
        metadata = manifest["metadata"]
        if not metadata.get("deletionTimestamp"):
            return False
        said = {"namespace": metadata["namespace"], "name": metadata["name"], "type": type_of(manifest)}
        self.skipped.append({**said, "reason": "being deleted"})
        return True

    def facts(self, *, version: str, kind: str) -> dict[str, Any]:
        """As a catalog says it."""
        return {
            "group": GROUP,
            "version": version,
            "kind": kind,
            "plural": PLURAL,
            "resourceVersion": self.resource_version,
            "objects": self.objects,
            "bytes": self.bytes,
            "types": dict(sorted(self.types.items())),
            "namespaces": dict(sorted(self.namespaces.items())),
            "skipped": self.skipped,
        }


@dataclass(frozen=True)
class Keeper:
    """Writes objects of one API version and kind into a backup. `raw` and `index` are its files of them all."""

    writer: Writer
    raw: Sink
    index: Sink
    api_version: str
    kind: str

    def keep(self, items: Iterable[tuple[str, Manifest]], tally: Tally) -> None:
        """(the text as it was given, the object): those that are not being deleted."""
        raw_lines, index_lines = [], []
        for text, manifest in items:
            if tally.skips(manifest):
                continue
            path = path_of(manifest)
            raw_lines.append(text if "\n" not in text else json.dumps(manifest, ensure_ascii=False))
            index_lines.append(index_line(manifest, path))
            tally.count(manifest, self._write(manifest, path))
        self.raw.write("".join(f"{line}\n" for line in raw_lines).encode("utf-8", "surrogatepass"))
        self.index.write("".join(f"{line}\n" for line in index_lines).encode())

    def _write(self, manifest: Manifest, path: str) -> int:
        """The bytes of its manifest."""
        clean = sanitise(manifest)
        clean.setdefault("apiVersion", self.api_version)
        clean.setdefault("kind", self.kind)
        data = dump(clean).encode("utf-8", "surrogatepass")
        self.writer.write(path, data)
        return len(data)


def path_of(manifest: Manifest) -> str:
    """Where its manifest lies."""
    metadata = manifest["metadata"]
    return manifest_path(metadata["namespace"], metadata["name"])


def index_line(manifest: Manifest, path: str) -> str:
    """What the index says of an object."""
    metadata = manifest["metadata"]
    facts = {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "type": type_of(manifest),
        "uid": metadata.get("uid", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "generation": metadata.get("generation"),
        "created": metadata.get("creationTimestamp", ""),
        "path": path,
        "owners": metadata.get("ownerReferences") or [],
    }
    return json.dumps(facts, separators=(",", ":"))
