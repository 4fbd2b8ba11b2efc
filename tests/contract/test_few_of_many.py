"""A few LRS out of a backup without reading the others: the same objects, and what that costs on object storage."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.manifest import sanitise
from kubectl_lrs.model.names import manifest_path
from kubectl_lrs.repository import Backup, Writer
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.pool.mark import init
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.lrs.saved import MOST_NAMED, BackupSource, named_source
from kubectl_lrs.usecases.copy import copy_one
from tests.builders.sealing import sealed, told

COUNT = 1500
REQUESTS, BYTES = 5, 3 << 20
"""What one LRS may cost beyond opening the backup."""


def lrs(number: int) -> dict[str, Any]:
    """One as the server has it, of an owner where the number is even."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"owner-{number}", "uid": f"uid-{number}", "controller": True}
    spec = {
        "image": f"registry.example.com/model@sha256:{hashlib.sha256(str(number).encode()).hexdigest()}",
        "n": number,
        "f": 1.5,
    }
    metadata = {"name": f"lrs-{number:05}", "namespace": f"ns-{number % 3}", "uid": hashlib.md5(str(number).encode()).hexdigest()}
    return {
        "apiVersion": "lrs.datarobot.com/v1",
        "kind": "LRS",
        "metadata": {**metadata, "ownerReferences": [owner]} if number % 2 == 0 else metadata,
        "spec": spec,
        "status": {"ready": True},
    }


def write_lrs(writer: Writer, count: int, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """As the collector does. `change`: what the YAML file says otherwise."""
    raw, index = [], []
    for number in range(count):
        each = lrs(number)
        metadata = each["metadata"]
        path = manifest_path(metadata["namespace"], metadata["name"])
        raw.append(json.dumps(each))
        said = {
            "type": "<none>",
            "resourceVersion": "1",
            "created": "",
            "path": path,
            "owners": metadata.get("ownerReferences", []),
        }
        index.append(json.dumps({"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"], **said}))
        manifest = sanitise(each)
        change(manifest)
        writer.write(path, dump(manifest).encode())
    for name, lines in (("lrs.raw.jsonl.gz", raw), ("lrs.index.jsonl.gz", index)):
        writer.write(name, gzip.compress("".join(f"{line}\n" for line in lines).encode(), 1, mtime=0))


class Counted(Memory):
    """Tells what was read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    def read(self, wanted: Any, sink: Any) -> Any:
        self.asked.append((wanted.key, wanted.size))
        return super().read(wanted, sink)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        data = super().read_range(key, start, length)
        self.asked.append((key, len(data)))
        return data

    def stat(self, key: str) -> Any:
        self.asked.append((key, 0))
        return super().stat(key)

    def list(self, *arguments: Any, **more: Any) -> Iterator[Any]:
        self.asked.append(("list", 0))
        return super().list(*arguments, **more)


def _plain(folder: Path, count: int, **more: Any) -> SealedFolder:
    made = sealed(folder / "backups", lambda writer: write_lrs(writer, count, **more), "one")
    facts = {**made.catalog.tiers["resources"], "objects": count, "namespaces": {f"ns-{n}": count // 3 for n in range(3)}}
    return told(made, tiers={"resources": facts})


def _pooled(plain: Backup, backend: Memory, folder: Path) -> Backup:
    init(backend)
    copy_one(plain, PooledRepository(backend, state=folder), "one", progress=Silent())
    return PooledRepository(backend, state=folder).find("one")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Backup, Counted]:
    folder = tmp_path_factory.mktemp("saved")
    (folder / "backups").mkdir(mode=0o700)
    backend = Counted()
    return _pooled(_plain(folder, COUNT), backend, folder), backend


@pytest.mark.parametrize("number", [0, 1, 700, COUNT - 1])
@pytest.mark.parametrize("form", ["lrs-{:05}", "ns-{ns}/lrs-{:05}"])
def test_one_is_what_it_is_among_all(made: tuple[Backup, Counted], number: int, form: str) -> None:
    found = named_source(made[0], [form.format(number, ns=number % 3)])
    assert found
    (one,) = found
    same = next(each for each in BackupSource(made[0]) if each.name == one.name)
    assert (one.manifest, one.owners) == (same.manifest, same.owners)
    assert [*found] == [one], "as often as it is read"
    assert found.description == "one"


def test_what_one_costs(made: tuple[Backup, Counted]) -> None:
    backup = PooledRepository(made[1], state=Path("/nowhere")).find("one")
    made[1].asked.clear()
    found = named_source(backup, ["lrs-00777"])
    assert found
    assert len([*found]) == 1
    assert len(made[1].asked) <= REQUESTS, made[1].asked
    assert sum(size for _, size in made[1].asked) <= BYTES
    assert not any("raw" in key for key, _ in made[1].asked)


@pytest.mark.parametrize("names", [[], ["no-such"], ["lrs-00001", "no-such"], [f"lrs-{n:05}" for n in range(MOST_NAMED + 1)]])
def test_what_is_not_read_so(made: tuple[Backup, Counted], names: list[str]) -> None:
    assert named_source(made[0], names) is None


def _other_name(manifest: dict[str, Any]) -> None:
    manifest["metadata"]["name"] = "another"


def _other_kind(manifest: dict[str, Any]) -> None:
    manifest["kind"] = "Secret"


def _no_object(manifest: dict[str, Any]) -> None:
    del manifest["metadata"]


def _deep(manifest: dict[str, Any]) -> None:
    inner: Any = "x"
    for _ in range(300):
        inner = [inner]
    manifest["spec"] = inner


@pytest.mark.parametrize("change", [_other_name, _other_kind, _no_object, _deep], ids=lambda each: each.__name__)
def test_a_file_that_says_something_else(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    (folder / "backups").mkdir(mode=0o700)
    backup = _pooled(_plain(folder, 3, change=change), Memory(), folder)
    found = named_source(backup, ["lrs-00001"])
    assert found
    with pytest.raises(DamageError, match=r"lrs-00001\.yaml"):
        next(iter(found))
