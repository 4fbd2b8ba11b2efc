"""Velero's layout: which items are read, what the state of a backup means, and what is said of the instant."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.catalog import parse
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.sources.velero import is_velero, opened
from kubectl_lrs.stores.lrs.saved import BackupSource, index, saved_crd
from tests.builders import velero

GROUP = "lrs.datarobot.com"


def lrs(name: str, version: str = "v1", **other: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "n", "uid": "u", **other}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "LRS", "metadata": metadata, "spec": {}, "status": {"phase": "x"}}


def names(path: Path) -> list[str]:
    return [each.name for each in BackupSource(opened(path))]


def saved(folder: Path, files: Any, name: str = "nightly.tar.gz", **of: Any) -> Path:
    path = folder / name
    path.write_bytes(velero.tarball(files, **of))
    return path


def test_items_in_any_order_each_once(folder: Path) -> None:
    files = [*velero.items([lrs("b"), lrs("a.b")]), *velero.others(), *velero.items([lrs("a")])]
    path = saved(folder, files)
    assert names(path) == ["a", "a.b", "b"]
    source = opened(path)
    assert source.catalog.objects == 3
    assert source.catalog.missing == ()
    assert source.catalog.instant == datetime(2026, 11, 23, 1, 0, 7, tzinfo=timezone.utc)
    assert source.catalog.origin is not None
    assert source.catalog.origin.dated == "by the times in it"
    assert [each["name"] for each in index(source)] == ["a", "a.b", "b"]
    assert not source.has_sums


def test_format_1_has_no_versions_in_its_paths(folder: Path) -> None:
    files = [each for each in velero.items([lrs("a")]) if "preferredversion" not in each[0]]
    assert names(saved(folder, files, version="1")) == ["a"]


def test_a_tar_that_was_packed_anew(folder: Path) -> None:
    files = [(f"./{path}", data) for path, data in velero.items([lrs("a")])]
    assert names(saved(folder, files)) == ["a"]


def test_other_versions_are_not_read_and_what_is_there_in_them_alone_is_missing(folder: Path) -> None:
    files = [
        *velero.items([lrs("a")]),
        *velero.items([lrs("a", "v1beta1"), lrs("b", "v1beta1")], preferred=False),
    ]
    path = saved(folder, files)
    assert names(path) == ["a"]
    (missing,) = opened(path).catalog.missing
    assert (missing.name, missing.reason) == ("n/b", "it is there in v1beta1 alone, not in the preferred version")


def test_what_was_being_deleted_stays_away(folder: Path) -> None:
    path = saved(folder, velero.items([lrs("a"), lrs("b", deletionTimestamp="2026-11-23T01:00:00Z")]))
    assert names(path) == ["a"]
    assert opened(path).catalog.tiers["resources"]["skipped"][0]["name"] == "b"


def test_the_crd(folder: Path) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"lrs.{GROUP}", "uid": "u"},
        "spec": {"group": GROUP, "names": {"plural": "lrs", "kind": "LRS"}, "versions": [{"name": "v1"}]},
    }
    path = saved(folder, [*velero.items([lrs("a")]), *velero.items([crd], velero.CRD)])
    found = saved_crd(opened(path))
    assert found is not None
    assert found["metadata"] == {"name": f"lrs.{GROUP}"}
    old = {**crd, "apiVersion": "apiextensions.k8s.io/v1beta1"}
    path = saved(
        folder,
        [*velero.items([lrs("a")]), (f"{velero.CRD}/cluster/lrs.{GROUP}.json", json.dumps(old).encode())],
    )
    assert saved_crd(opened(path)) is None
    assert opened(path).catalog.tiers["resources"]["crdNote"] == "the CRD in it is of apiextensions.k8s.io/v1beta1"


def test_no_lrs_at_all(folder: Path) -> None:
    with pytest.raises(UsageError, match="no LRS in it"):
        opened(saved(folder, velero.others()))


def test_what_is_taken_for_it(folder: Path) -> None:
    stored = velero.store(folder, "nightly", velero.tarball(velero.items([lrs("a")])), velero.about("nightly"))
    assert is_velero(stored)
    assert is_velero(stored / "nightly.tar.gz")
    assert not is_velero(folder)
    assert not is_velero(stored / "absent.tar.gz")
    (source, named) = opened(stored), opened(stored / "nightly.tar.gz")
    assert source.catalog.instant == named.catalog.instant == datetime(2026, 11, 23, 1, 0, 7, tzinfo=timezone.utc)
    assert source.catalog.origin is not None
    assert source.catalog.origin.dated == "by its velero-backup.json"


def test_downloaded_and_named_as_velero_does(folder: Path) -> None:
    path = saved(folder, velero.items([lrs("a")]), "nightly-data.tar.gz")
    assert opened(path).name == "nightly"


def test_a_folder_without_its_tarball_or_what_is_said_of_it(folder: Path) -> None:
    with pytest.raises(DamageError, match="there is none, only its"):
        opened(velero.store(folder / "a", "nightly", None, velero.about("nightly")))
    with pytest.raises(DamageError, match="there is none; Velero writes it"):
        opened(velero.store(folder / "b", "nightly", velero.tarball(velero.items([lrs("a")])), None))
    with pytest.raises(DamageError, match="not what Velero says of backup nightly"):
        opened(velero.store(folder / "c", "nightly", velero.tarball(velero.items([lrs("a")])), velero.about("other")))


@pytest.mark.parametrize(("phase", "is_whole"), [("Completed", True), ("Finalizing", True), ("PartiallyFailed", False)])
def test_states_of_which_something_is_there(folder: Path, phase: str, is_whole: bool) -> None:
    data = velero.tarball(velero.items([lrs("a")]))
    source = opened(velero.store(folder, "nightly", data, velero.about("nightly", phase=phase)))
    assert (source.catalog.state == "whole") is is_whole


@pytest.mark.parametrize("time", ["-5", "1e300", "1000000000000", "inf", "nan"])
def test_times_of_members_that_no_clock_shows(folder: Path, time: str) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in [("metadata/version", b"1.1.0"), *velero.items([lrs("a")])]:
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(data), {"mtime": time}
            tar.addfile(info, io.BytesIO(data))
    path = folder / "odd.tar.gz"
    path.write_bytes(gzip.compress(held.getvalue()))
    catalog = opened(path).catalog
    assert parse(catalog.serialise(), where="it").objects == 1


@pytest.mark.parametrize("started", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_beginning_that_cannot_be_says_nothing(folder: Path, started: str) -> None:
    data = velero.tarball(velero.items([lrs("a")]))
    catalog = opened(velero.store(folder, "nightly", data, velero.about("nightly", startTimestamp=started))).catalog
    assert parse(catalog.serialise(), where="it").instant == datetime(2026, 11, 23, 1, 0, 7, tzinfo=timezone.utc)
    assert catalog.origin is not None
    assert catalog.origin.dated == "by the times in it"


@pytest.mark.parametrize("is_packed_after", [True, False])
def test_a_tarball_that_was_cut_anywhere(folder: Path, is_packed_after: bool) -> None:
    whole = velero.tarball([*velero.items([lrs("a"), lrs("b")]), *velero.others()])
    data = gzip.decompress(whole) if is_packed_after else whole
    path = folder / "cut.tar.gz"
    end = len(data.rstrip(b"\0")) if is_packed_after else len(data)
    for size in {*range(0, end, 700), *(() if is_packed_after else (*range(64), *range(end - 64, end)))}:
        path.write_bytes(gzip.compress(data[:size], 1) if is_packed_after else data[:size])
        with pytest.raises(DamageError):
            opened(path)
