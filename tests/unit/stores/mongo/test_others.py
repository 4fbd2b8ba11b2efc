"""A dump of others as the files of a backup: unpacked, counted, and with what it lacks."""

from __future__ import annotations

import gzip
from pathlib import Path

import bson
import pytest

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.sources.mongodump import opened
from kubectl_lrs.stores.mongo.levels import COMPLETE, MINIMUM
from kubectl_lrs.stores.mongo.others import OthersMongo
from kubectl_lrs.stores.mongo.plain_dump import dumped
from kubectl_lrs.stores.mongo.saved import saved
from kubectl_lrs.usecases.importing import import_source
from kubectl_lrs.usecases.making import Destination
from kubectl_lrs.usecases.verify import verify
from tests.builders.sealing import Notes

DATA = bson.encode({"_id": 1}) + bson.encode({"_id": 2})


def write(folder: Path, *names: str, packed: str = "", data: bytes = DATA) -> Path:
    place = folder / "dump" / "App"
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        for end, content in ((".bson", data), (".metadata.json", b'{"indexes":[]}')):
            (place / f"{name}{end}{packed}").write_bytes(gzip.compress(content) if packed else content)
    return folder / "dump"


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_imported_it_is_a_dump_of_ours(folder: Path, packed: str) -> None:
    path = write(folder, *MINIMUM, packed=packed)
    (path / "other").mkdir()
    (path / "other" / "unlike.metadata.json").write_text("{}")
    source = opened(path)
    assert source.catalog.levels == {"mongo": "minimum"}
    assert not source.catalog.has_lrs
    location, catalog = import_source(source, Destination(repository=PlainRepository(folder / "b"), name="one"), Notes())
    made = SealedFolder.open(Path(location))
    assert verify(made, Notes()).damages == []
    assert made.paths() == [f"mongo/App/{name}{end}" for name in MINIMUM for end in (".bson", ".metadata.json")]
    dump = saved(made, catalog.tiers["mongo"])
    assert {each.name: dump.measured(each).documents for each in dump.collections} == dict.fromkeys(MINIMUM, 2)
    with source.reading(f"mongo/App/{MINIMUM[0]}.bson") as file:
        assert file.read() == DATA


def test_what_it_lacks(folder: Path) -> None:
    path = write(folder, *COMPLETE)
    (path / "App" / f"{COMPLETE[0]}.metadata.json").unlink()
    (path / "App" / f"{COMPLETE[1]}.bson").unlink()
    (path / "oplog.bson").write_bytes(b"")
    part = OthersMongo(dumped(path))
    assert [(each.name, each.reason.partition(",")[0]) for each in part.facts["missing"]] == [
        (COMPLETE[0], "its metadata has no file"),
        (COMPLETE[1], "its documents have no file"),
        ("oplog.bson", "its writes are not replayed"),
    ]
    assert part.levels == {"mongo": "complete"}
    assert part.lines("lrs.raw.jsonl.gz") is None
    assert part.reading("mongo/App/absent.bson") is None


def test_one_that_is_cut_off_is_not_even_shown(folder: Path) -> None:
    with pytest.raises(DamageError, match="truncated or altered"):
        opened(write(folder, *MINIMUM, data=DATA[:-3]))
