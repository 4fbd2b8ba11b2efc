"""LRS → the files of a backup: a manifest each, the raw objects and the index, and what is counted meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.manifest import Manifest, loads, sanitise
from kubectl_lrs.model.names import manifest_path
from kubectl_lrs.model.recall import Recalled
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

    def count(self, namespace: str, type_: str, size: int) -> None:
        """One more of them, whose manifest has so many bytes."""
        self.objects += 1
        self.bytes += size
        self.types[type_] += 1
        self.namespaces[namespace] += 1

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

    def keep(self, items: Iterable[tuple[str, Manifest]], tally: Tally, recalled: Mapping[int, Recalled] = {}) -> None:
        """(the text as it was given, the object): those that are not being deleted.

        `recalled`: by their place, those that an earlier backup has; read are only those whose manifests cannot be had from it.
        """
        lines: list[tuple[str, str]] = []
        for number, (text, manifest) in enumerate(items):
            known = recalled.get(number)
            if known and self.writer.adopt(known.path, known.sha256):
                lines.append((text, known.line))
                tally.count(known.namespace, known.type, known.size)
            elif not tally.skips(given := loads(text) if known else manifest):
                lines.append(self._kept(text, given, tally))
        self.raw.write("".join(f"{text}\n" for text, _ in lines).encode("utf-8", "surrogatepass"))
        self.index.write("".join(f"{line}\n" for _, line in lines).encode())

    def _kept(self, text: str, manifest: Manifest, tally: Tally) -> tuple[str, str]:
        """Its lines in the two files, when its manifest is in the backup."""
        clean = sanitise(manifest)
        clean.setdefault("apiVersion", self.api_version)
        clean.setdefault("kind", self.kind)
        data, path = dump(clean).encode("utf-8", "surrogatepass"), path_of(manifest)
        digest = self.writer.write(path, data)
        tally.count(manifest["metadata"]["namespace"], type_of(manifest), len(data))
        raw = text if "\n" not in text else json.dumps(manifest, ensure_ascii=False)
        return raw, index_line(manifest, path, sha256=digest, size=len(data))


def path_of(manifest: Manifest) -> str:
    """Where its manifest lies."""
    metadata = manifest["metadata"]
    return manifest_path(metadata["namespace"], metadata["name"])


def index_line(manifest: Manifest, path: str, **of_manifest: str | int) -> str:
    """What the index says of an object. `of_manifest`: sum and size of its YAML file."""
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
        **of_manifest,
    }
    return _encoded(facts)


_encoded = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: `json.dumps` would make one for each object."""
