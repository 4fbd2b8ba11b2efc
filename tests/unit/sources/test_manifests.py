"""Folders and files of manifests as a backup: what is in them, what is missing, what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.catalog import parse
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.sources.manifests import is_manifests, opened
from kubectl_lrs.sources.place import Others, may_mean_a_path
from kubectl_lrs.stores.lrs.saved import BackupSource
from kubectl_lrs.usecases.verify import require_intact, unchecked
from tests.builders.sealing import Notes

VENDOR = "lrs_backup_2026_11_23_08_16"


def lrs(name: str, **other: Any) -> str:
    metadata = {"name": name, "namespace": "n", **other}
    return json.dumps({"apiVersion": "lrs.datarobot.com/v1", "kind": "LRS", "metadata": metadata, "spec": {"image": name}})


@pytest.fixture
def vendor(folder: Path) -> Path:
    path = folder / VENDOR
    path.mkdir()
    for name in ("b", "a", "c"):
        (path / f"{name}.yaml").write_text(lrs(name) if name != "c" else "# nothing\n")
    return path


def test_a_folder_of_the_vendors_script(vendor: Path) -> None:
    source = opened(vendor)
    assert [each.name for each in BackupSource(source)] == ["a", "b"]
    assert source.catalog.instant.astimezone().strftime("%Y_%m_%d_%H_%M") == VENDOR.removeprefix("lrs_backup_")
    (missing,) = source.catalog.missing
    assert (missing.kind, missing.name, missing.where) == ("LRS", "c", str(vendor / "c.yaml"))
    with source.reading("lrs/n/a.yaml") as file:
        assert b"image: a" in file.read()
    with pytest.raises(DamageError), source.reading("lrs/n/c.yaml"):
        pass


def test_it_never_says_that_it_is_intact(vendor: Path) -> None:
    source = opened(vendor)
    with pytest.raises(UsageError, match="there are no sums"):
        list(source.damages())
    with pytest.raises(UsageError, match="there are no sums"):
        source.sums()
    require_intact(source, Notes())
    assert unchecked(source).is_intact is None
    assert (source.identity, source.unique_bytes) == ("", None)
    assert source.in_use() is source
    assert not source.catalog.cluster.is_known


def test_which_names_mean_one(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(vendor.parent)
    monkeypatch.chdir(vendor)
    (vendor / "my-model").write_text("")
    assert others.has(VENDOR)
    assert others.has("a.yaml")
    assert others.has("./b.yaml")
    assert not others.has("my-model")
    assert not others.has("n/a")
    assert not others.has("absent.yaml")
    assert others.opened("my-model") is None
    assert others.has("s3://bucket/backups/nightly")
    (vendor / "backup.json").write_text("{}")
    assert not others.has(VENDOR), "a backup of ours, and damaged, is no folder of manifests"


@pytest.mark.parametrize(("word", "may"), [("a", False), ("n/a", True), (VENDOR, True), ("a.yml", True), ("x.tar.gz", True)])
def test_words(word: str, may: bool) -> None:
    assert may_mean_a_path(word) is may


def test_a_file_of_many(folder: Path) -> None:
    path = folder / "all.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [json.loads(lrs("b")), json.loads(lrs("a"))]}))
    assert is_manifests(path)
    source = opened(path)
    assert [each.name for each in BackupSource(source)] == ["a", "b"]
    assert source.catalog.missing == ()
    path.write_text('{"apiVersion": "v1", "kind": "List", "items": []}')
    with pytest.raises(UsageError, match="no LRS in it"):
        opened(path)
    path.write_text("")
    with pytest.raises(UsageError, match="1 empty file"):
        opened(path)


@pytest.mark.parametrize("year", [1, 1970, 1999, 9999])
def test_a_catalog_of_an_instant_that_none_may_be_of_would_not_be_read_again(folder: Path, year: int) -> None:
    path = folder / f"lrs_backup_{year:04}_01_02_00_00"
    path.mkdir()
    (path / "a.yaml").write_text(lrs("a"))
    catalog = opened(path).catalog
    assert parse(catalog.serialise(), where="it").instant == catalog.instant
    assert catalog.origin is not None
    assert catalog.origin.dated == "by the time of its files"


def test_the_current_directory_has_the_name_that_it_has_elsewhere(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = opened(vendor).catalog
    monkeypatch.chdir(vendor)
    assert opened(Path("./")).catalog.instant == named.instant
    assert opened(Path("./")).catalog.origin == named.origin


def page(names: list[str], **metadata: str) -> str:
    items = [json.loads(lrs(name)) for name in names]
    return json.dumps({"apiVersion": "lrs.datarobot.com/v1", "kind": "LRSList", "metadata": metadata, "items": items})


def test_a_part_of_a_list_is_not_taken_for_all_of_it(folder: Path) -> None:
    (folder / "1.json").write_text(page(["a"], **{"continue": "more"}))
    for path in (folder, folder / "1.json"):
        with pytest.raises(UsageError, match=r"1\.json: line 1: a part of a list"):
            opened(path)
    (folder / "2.json").write_text(page(["b"], **{"continue": ""}))
    assert [each.name for each in BackupSource(opened(folder))] == ["a", "b"]
