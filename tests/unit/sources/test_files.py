"""Files of a source: a folder of this machine or objects of a storage, read without trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.sources.files import LocalFiles, StoredFiles
from kubectl_lrs.sources.others import BY_FILES, of_path
from kubectl_lrs.sources.velero import read
from tests.builders import velero

LRS = {"apiVersion": "lrs.datarobot.com/v1", "kind": "LRS", "metadata": {"name": "a", "namespace": "n"}, "spec": {}}


def test_a_folder(folder: Path) -> None:
    (folder / "a").write_bytes(b"x")
    (folder / "link").symlink_to("a")
    files = LocalFiles(folder)
    found = files.opened("a")
    assert found is not None
    with found:
        assert found.read() == b"x"
    assert files.opened("absent") is None
    with pytest.raises(UsageError, match="cannot be read"):
        files.opened("link")
    assert files.location == str(folder.resolve())


def test_objects_of_a_storage() -> None:
    backend = Memory()
    put(backend, "nightly.tar.gz", velero.tarball(velero.items([LRS])))
    put(backend, "velero-backup.json", velero.about("nightly"))
    source = read(StoredFiles(backend), "nightly")
    assert (source.catalog.objects, source.location, source.owner) == (1, backend.url, "")
    assert not source.is_foreign
    assert StoredFiles(backend).opened("absent") is None


def test_an_object_that_changes_while_it_is_read() -> None:
    backend = Memory()
    put(backend, "a", b"x" * 100)
    file = StoredFiles(backend).opened("a")
    assert file is not None
    put(backend, "a", b"y" * 100, replace=True)
    with file, pytest.raises(DamageError, match="changed while it was read"):
        file.read()


def test_whose_and_of_when(folder: Path) -> None:
    (folder / "a").write_bytes(b"x")
    found = of_path(folder, "program")
    assert (found.name, found.origin.dated, found.uid) == (folder.resolve().name, BY_FILES, folder.stat().st_uid)
    assert str(found.origin) == f"program {folder.resolve()}"
