"""A program that writes what Velero's documents say of a backup: its tarball, and its folder in the object store.

Source: vmware-tanzu/velero, `site/content/docs/main/output-file-format.md`, `pkg/backup/item_backupper.go` (the preferred
version is written twice, once without a version in its path), `pkg/persistence/object_store_layout.go`.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

LRS = "resources/lrs.lrs.datarobot.com"
CRD = "resources/customresourcedefinitions.apiextensions.k8s.io"
STARTED = "2026-11-23T01:00:07Z"

Item = tuple[str, bytes]


def item_paths(plural: str, version: str, namespace: str, name: str, *, preferred: bool = True) -> list[str]:
    """Where Velero puts one object."""
    scope = f"namespaces/{namespace}" if namespace else "cluster"
    versioned = f"{plural}/{version}{'-preferredversion' if preferred else ''}/{scope}/{name}.json"
    return [f"{plural}/{scope}/{name}.json", versioned] if preferred else [versioned]


def items(objects: Iterable[Mapping[str, Any]], plural: str = LRS, *, preferred: bool = True) -> Iterator[Item]:
    """The files of these objects."""
    for each in objects:
        metadata, version = each["metadata"], each["apiVersion"].rpartition("/")[2]
        data = json.dumps(each).encode()
        for path in item_paths(plural, version, metadata.get("namespace", ""), metadata["name"], preferred=preferred):
            yield path, data


def tarball(files: Iterable[Item], *, version: str = "1.1.0", odd: Iterable[tarfile.TarInfo] = ()) -> bytes:
    """Packed as Velero does; `odd`: members besides, without content."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, data in ([("metadata/version", version.encode())] if version else []) + list(files):
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(data), 0o755, 1_795_395_607
            tar.addfile(info, io.BytesIO(data))
        for info in odd:
            tar.addfile(info)
    return gzip.compress(held.getvalue(), 6)


def about(name: str, **status: Any) -> bytes:
    """Its `velero-backup.json`."""
    document = {
        "kind": "Backup",
        "apiVersion": "velero.io/v1",
        "metadata": {"name": name, "namespace": "velero"},
        "spec": {"includedNamespaces": ["*"], "snapshotVolumes": True, "ttl": "720h0m0s"},
        "status": {
            "version": 1,
            "formatVersion": "1.1.0",
            "phase": "Completed",
            "startTimestamp": STARTED,
            "completionTimestamp": "2026-11-23T01:00:19Z",
            **status,
        },
    }
    return json.dumps(document).encode()


def others() -> Iterator[Item]:
    """What a Velero backup has beside the LRS; it must not be touched."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "stolen", "namespace": "kube-system"}}
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv01"}}
    yield from items([secret], "resources/secrets")
    yield from items([volume], "resources/persistentvolumes")


def store(root: Path, name: str, data: bytes | None, said: bytes | None) -> Path:
    """Its folder in the object store below `root`."""
    folder = root / "backups" / name
    folder.mkdir(parents=True)
    if data is not None:
        (folder / f"{name}.tar.gz").write_bytes(data)
    if said is not None:
        (folder / "velero-backup.json").write_bytes(said)
    for beside in (f"{name}-logs.gz", f"{name}-resource-list.json.gz", f"{name}-podvolumebackups.json.gz"):
        (folder / beside).write_bytes(gzip.compress(b"{}"))
    return folder
