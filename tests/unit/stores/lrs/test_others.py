"""LRS of others as the files of a backup: read, and written into one, they are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.manifest import loads
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.sources.manifests import opened
from kubectl_lrs.stores.lrs.keep import Tally, index_line
from kubectl_lrs.stores.lrs.loose import LooseLrs
from kubectl_lrs.stores.lrs.others import OthersLrs
from kubectl_lrs.stores.lrs.saved import INDEX_FILE, RAW_FILE, BackupSource
from kubectl_lrs.usecases.importing import import_source
from kubectl_lrs.usecases.making import Destination
from kubectl_lrs.usecases.verify import verify
from tests.builders.sealing import Notes


def lrs(name: str, **other: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "n", "uid": name, **other}
    return {
        "apiVersion": "lrs.datarobot.com/v1",
        "kind": "LRS",
        "metadata": metadata,
        "spec": {"text": "é\u2028"},
        "status": {"a": 1},
    }


OBJECTS = [
    lrs("b"),
    lrs("a", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}]),
    lrs("c", deletionTimestamp="x"),
]


def loose() -> LooseLrs:
    read = LooseLrs("some")
    for each in OBJECTS:
        assert read.read("where", json.dumps(each).encode())
    return read


def test_as_the_files_of_a_backup() -> None:
    part = OthersLrs(loose())
    assert part.paths() == [RAW_FILE, INDEX_FILE, "lrs/n/a.yaml", "lrs/n/b.yaml"]
    assert [loads(line)["metadata"]["name"] for line in part.lines(RAW_FILE) or ()] == ["a", "b"]
    assert [loads(line)["uid"] for line in part.lines(INDEX_FILE) or ()] == ["a", "b"]
    assert part.lines("lrs/n/a.yaml") is None
    assert part.reading("crd.yaml") is None
    assert part.reading("lrs/n/c.yaml") is None
    found = part.reading("lrs/n/a.yaml")
    assert found is not None
    assert b"uid" not in found.read()
    assert (part.facts["objects"], part.facts["crd"], part.facts["crdNote"]) == (2, None, "there is none in it")
    assert part.facts["skipped"] == [{"namespace": "n", "name": "c", "type": "<none>", "reason": "being deleted"}]


def test_what_is_imported_is_what_was_read(folder: Path) -> None:
    path = folder / "all.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}))
    source = opened(path)
    repository = PlainRepository(folder / "backups")
    location, catalog = import_source(source, Destination(repository=repository, name="one"), Notes())
    made = SealedFolder.open(Path(location))
    assert verify(made, Notes()).damages == []
    assert list(BackupSource(made)) == list(BackupSource(source))
    assert (catalog.instant, catalog.origin, catalog.tiers) == (source.catalog.instant, source.catalog.origin, made.catalog.tiers)
    assert {key: catalog.tiers["resources"][key] for key in source.catalog.tiers["resources"]} == source.catalog.tiers[
        "resources"
    ]


def test_an_object_that_lies_elsewhere_than_it_says() -> None:
    with pytest.raises(UsageError, match="lies where n/b belongs"):
        LooseLrs("some").read("where", json.dumps(lrs("a")).encode(), meant=("n", "b"))
    bare = {**lrs("a"), "metadata": {"name": "a"}}
    with pytest.raises(UsageError, match="has no namespace"):
        LooseLrs("some").read("where", json.dumps(bare).encode())


def test_what_is_counted() -> None:
    tally = Tally()
    assert [tally.skips(each) for each in OBJECTS] == [False, False, True]
    tally.count("n", "app", 7)
    assert tally.facts(version="v1", kind="LRS")["namespaces"] == {"n": 1}
    assert loads(index_line(OBJECTS[1], "p"))["owners"][0]["name"] == "o"
