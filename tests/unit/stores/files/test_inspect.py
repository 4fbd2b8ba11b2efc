"""What `check` asks: which files are referred to and are not in the storage, now or as a backup lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.backends.base import Stat
from kubectl_lrs.backends.local import Local
from kubectl_lrs.model.errors import DeniedError
from kubectl_lrs.stores.files.inspect import Presence, absent, listed_in, presence
from kubectl_lrs.stores.files.match import ALL, Found, References, Where
from kubectl_lrs.stores.files.saved import Index, SavedFile
from kubectl_lrs.stores.files.selected import Listed
from kubectl_lrs.stores.files.storage import Storage

ID = "65f0c0ffee0123456789abcd"
HERE = Where("workspace_items", "1", "path")


def _presence(storage: Storage, *texts: str, ids: tuple[str, ...] = ()) -> Presence:
    with Listed() as listed:
        references = References(listed_in(listed, storage).named(storage.names))
        for each in ids:
            references.add_id(Where("custom_applications", each, "_id"), each)
        for text in texts:
            references.add(HERE, text)
        return presence(storage, listed, references)


@pytest.fixture
def mount(tmp_path: Path) -> Storage:
    for path in (f"apps/{ID}/a", "ws/there", "ws/folder/x", "loose"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1")
    return Storage(Local(str(tmp_path)))


def test_live(mount: Storage) -> None:
    root = mount.backend.roots[0]
    found = _presence(mount, "ws/there", "ws/gone", "ws/folder", f"{root}/other/gone", "/elsewhere/x", ids=(ID,))
    assert (found.matched, found.others) == (3, 1)
    assert found.missing == [("other/gone", HERE), ("ws/gone", HERE)]


def test_of_a_backup(mount: Storage) -> None:
    def entry(path: str, found: Found) -> SavedFile:
        return SavedFile(path=path, size=1, etag="", found=found)

    entries = [entry("ws/there", Found("path", HERE)), entry("ws/gone", Found("path", HERE)), entry("gone", ALL)]
    index = Index(url=mount.url, level="inventory", entries=entries, folders={})
    assert [each.path for each in absent(mount, index)] == ["ws/gone"]


class _Silent(Local):
    """A storage that does not say whether some things are there."""

    def stat(self, key: str) -> Stat:
        if "secret" in key:
            raise DeniedError(f"{key}: may be anything")
        return super().stat(key)


def test_what_cannot_be_told_is_not_missing_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "there").write_text("1")
    found = _presence(Storage(_Silent(str(tmp_path))), "ws/there", "ws/gone", "ws/secret")
    assert found.missing == [("ws/gone", HERE)]
    assert found.notes == ["ws/secret: may be anything"]


def test_a_storage_without_a_file(tmp_path: Path) -> None:
    """As a share that is not mounted: that nothing is missing by its path says little then."""
    storage = Storage(Local(str(tmp_path)))
    found = _presence(storage, "ws/there", ids=(ID,))
    assert (found.matched, found.missing) == (0, [])
    assert found.notes == [f"{storage.url}: it holds no file at all: is it mounted, and is --files-url right?"]
    assert _presence(storage).notes == []
