"""Pooled repositories for tests: opened, filled by functions, and read by nothing but the standard library."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.pool.backup import PooledBackup
from kubectl_lrs.repository.pool.mark import init
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.repository.pool.writer import PoolWriter
from kubectl_lrs.runtime.trust import OWN
from tests.builders.sealing import RESOURCES, Notes

Work = Callable[[PoolWriter], object]
STATE = Path("/nonexistent")


def opened(backend: Backend) -> PooledRepository:
    """The repository there, as a new process sees it."""
    return PooledRepository(backend, state=STATE)


def made(backend: Backend, **options: Any) -> Backend:
    """The same, with an empty repository in it."""
    init(backend, **options)
    return backend


def begun(backend: Backend, name: str = "") -> PoolWriter:
    """A backup that is being made."""
    prepared = opened(backend).prepare(trust=OWN, trust_previous=False, progress=Notes())
    writer = prepared.begin(name)
    assert isinstance(writer, PoolWriter)
    return writer


def catalog(writer: PoolWriter, **more: Any) -> Catalog:
    """What a use case would make of it."""
    values: dict[str, Any] = {
        "name": writer.name,
        "instant": writer.instant,
        "finished": writer.instant,
        "tool": "kubectl-lrs test",
        "cluster": Cluster(server="https://127.0.0.1"),
        "selection": Selection().as_dict(),
        "profile": "lrs",
        "levels": {},
        "tiers": {"resources": {**RESOURCES, "objects": 1}},
    }
    return Catalog(**{**values, **more})


def sealed(backend: Backend, work: Work | Mapping[str, bytes], name: str = "", **more: Any) -> PooledBackup:
    """The backup of what `work` writes, or of these files."""
    writer = begun(backend, name)
    if callable(work):
        work(writer)
    else:
        for path, data in work.items():
            writer.write(path, data)
    writer.seal(catalog(writer, **more))
    writer.settle(Notes())
    return found(backend, str(writer.backup))


def found(backend: Backend, name: str) -> PooledBackup:
    """The backup of this name, opened anew."""
    backup = opened(backend).find(name)
    assert isinstance(backup, PooledBackup)
    return backup


def content(backup: PooledBackup) -> dict[str, bytes]:
    """Every file of a backup."""
    files = {}
    for path in backup.paths():
        with backup.reading(path) as file:
            files[path] = file.read()
    return files


def pooled(backend: Backend) -> dict[str, int]:
    """Key and size of all that is in the pool."""
    return {each.key: each.size for each in backend.list() if each.key.startswith(("blobs/", "packs/"))}


# ---- without the product


def rebuilt(repository: Path, name: str, target: Path) -> None:
    """A backup as a plain folder, by the specification and the standard library alone; every sum on the way is held."""
    (folder,) = (each for each in (repository / "backups").iterdir() if each.name.rpartition(".")[0] == name)
    seal = json.loads((folder / "backup.json").read_bytes())
    _require_own_sum(folder / "backup.json")
    objects = {file: (folder / file).read_bytes() for file in seal["objects"]}
    for file, data in objects.items():
        assert seal["objects"][file] == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}, file
    sums = []
    for text in _blocks(objects):
        for line in text.decode().split("\n")[:-1]:
            path, digest, size, parts = json.loads(line)
            data = b"".join(_part(repository, *part) for part in parts)
            assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest), path
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
            sums.append(f"{digest}  {path}\n")
    (target / "SHA256SUMS").write_text("".join(sums))
    (target / "backup.json").write_bytes(objects["catalog.json"])
    assert hashlib.sha256("".join(sums).encode()).hexdigest() == seal["head"]["identity"]
    _require_own_sum(target / "backup.json")


def _require_own_sum(path: Path) -> None:
    document = json.loads(path.read_bytes())
    own = document.pop("sha256")
    assert hashlib.sha256((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()).hexdigest() == own


def _blocks(objects: Mapping[str, bytes]) -> list[bytes]:
    texts = []
    for first, number, offset, length, digest in json.loads(objects["blocks.json"]):
        block = objects[f"index-{number}.gz"][offset : offset + length]
        assert hashlib.sha256(block).hexdigest() == digest
        texts.append(gzip.decompress(block))
        assert json.loads(texts[-1].split(b"\n")[0])[0] == first
    return texts


def _part(repository: Path, key: str, offset: int, length: int, coding: str, size: int) -> bytes:
    whole = (repository / key).read_bytes()
    assert hashlib.sha256(whole).hexdigest() == key.rpartition("/")[2].partition(".")[0]
    stored = whole[offset : offset + length]
    data = {"": bytes, "gzip": gzip.decompress, "deflate": lambda each: zlib.decompress(each, -15)}[coding](stored)
    assert len(data) == size
    if key.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(whole)) as pack:
            assert pack.read(hashlib.sha256(data).hexdigest()) == data
    return data
