"""What `check` asks: which files are referred to and are not in the storage, now or as a backup lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.backends.local import Mount
from kubectl_lrs.stores.files.inspect import absent, presence
from kubectl_lrs.stores.files.match import ALL, Found, References, Where
from kubectl_lrs.stores.files.saved import Entry, Index

ID = "65f0c0ffee0123456789abcd"
HERE = Where("workspace_items", "1", "path")


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    for path in (f"apps/{ID}/a", "ws/there", "ws/folder/x", "loose"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1")
    return Mount(str(tmp_path))


def test_live(mount: Mount) -> None:
    references = References()
    references.add_id(Where("custom_applications", ID, "_id"), ID)
    for text in ("ws/there", "ws/gone", "ws/folder", f"{mount.root}/other/gone", "/elsewhere/x"):
        references.add(HERE, text)
    found = presence(mount, references)
    assert (found.belong, found.others) == (3, 1)
    assert found.missing == [("other/gone", HERE), ("ws/gone", HERE)]


def test_of_a_backup(mount: Mount) -> None:
    def entry(path: str, found: Found) -> Entry:
        return Entry(path=path, size=1, marker="", found=found)

    entries = [entry("ws/there", Found("path", HERE)), entry("ws/gone", Found("path", HERE)), entry("gone", ALL)]
    index = Index(url=mount.url, level="inventory", entries=entries, folders={})
    assert [each.path for each in absent(mount, index)] == ["ws/gone"]
