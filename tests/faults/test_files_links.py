"""Links, pipes and sockets in a storage: what a document names there and the backup lacks is said, and makes it partial."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.local import Local
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.repository import Writer
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.inspect import listed_in, presence
from kubectl_lrs.stores.files.match import ALL, References
from kubectl_lrs.stores.files.plan import Planner
from kubectl_lrs.stores.files.saved import Index, SavedFile
from kubectl_lrs.stores.files.selected import Listed
from kubectl_lrs.stores.files.storage import Storage
from tests.builders.said import HERE, saying

ID = "65f0c0ffee0123456789abcd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One plain file that a document names; beside it whatever the test makes."""
    made = tmp_path / "root"
    (made / "data").mkdir(parents=True)
    (made / "data" / "plain").write_bytes(b"plain")
    (tmp_path / "other volume").mkdir()
    (tmp_path / "other volume" / "content").write_bytes(b"content")
    return made


def _file_link(root: Path) -> None:
    (root / "data" / "named").symlink_to("plain")


def _dangling(root: Path) -> None:
    (root / "data" / "named").symlink_to("gone")


def _loop(root: Path) -> None:
    (root / "data" / "named").symlink_to("named")


def _pipe(root: Path) -> None:
    os.mkfifo(root / "data" / "named")


def _facts(root: Path, *said: str, take_all: bool = False) -> dict[str, Any]:
    tier = FilesCollector(Storage(Local(str(root))), saying(*said), take_all=take_all)
    return tier.collect(FolderWriter(root.parent, "backup"), Silent())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_file_link, "it is a link, which is not taken"),
        (_dangling, "it is a link, which is not taken"),
        (_loop, "it is a link, which is not taken"),
        (_pipe, "it is no plain file, which is not taken"),
    ],
)
@pytest.mark.parametrize("said", ["data/named", "/mnt/elsewhere/data/named"])
def test_one_that_is_named_by_its_path_is_missing(root: Path, make: Callable[[Path], None], why: str, said: str) -> None:
    make(root)
    missing = _facts(root, "data/plain", said)["missing"]
    assert [(each.name, each.reason, each.is_absent) for each in missing] == [("data/named", why, False)]


def test_one_that_is_named_within_a_text_is_missing(root: Path) -> None:
    _file_link(root)
    assert [each.name for each in _facts(root, "see data/named, please")["missing"]] == ["data/named"]


def test_one_that_has_the_id_of_a_document_is_missing(root: Path) -> None:
    (root / "apps").mkdir()
    (root / "apps" / ID).symlink_to(root.parent / "other volume")
    (root / "kv").mkdir()
    (root / "kv" / f"{ID}.db").symlink_to("/nowhere")

    def read(references: References, _writer: Writer, _progress: Progress) -> None:
        references.add_id(HERE, ID)

    facts = FilesCollector(Storage(Local(str(root))), read).collect(FolderWriter(root.parent, "backup"), Silent())
    missing = facts["missing"]
    assert [each.name for each in missing] == [f"apps/{ID}", f"kv/{ID}.db"]


def test_what_lies_behind_a_link_is_missing_and_not_absent(root: Path) -> None:
    (root / "volume").symlink_to(root.parent / "other volume")
    missing = _facts(root, "data/plain", "volume/content")["missing"]
    assert [(each.name, each.reason, each.is_absent) for each in missing] == [
        ("volume/content", "it lies behind volume, a link", False)
    ]


@pytest.mark.parametrize("take_all", [False, True])
def test_one_that_no_document_names_is_only_noted(root: Path, take_all: bool) -> None:
    _file_link(root)
    facts = _facts(root, "data/plain", take_all=take_all)
    assert facts["missing"] == []
    assert [each["id"] for each in facts["notes"]] == ["files-links-left-out"]


def test_a_check_calls_none_of_it_lost(root: Path) -> None:
    """Whoever follows links finds it, perhaps."""
    _file_link(root)
    (root / "volume").symlink_to(root.parent / "other volume")
    storage = Storage(Local(str(root)))
    with Listed() as listed:
        references = References(listed_in(listed, storage).named(storage.names, storage.others))
        for said in ("data/plain", "data/named", "volume/content", "data/gone"):
            references.add(HERE, said)
        found = presence(storage, listed, references)
    assert [path for path, _ in found.missing] == ["data/gone"]
    assert found.notes == [
        "2 files that documents name were not looked at, such as data/named (it is a link, which is not taken)"
    ]


@pytest.mark.parametrize("existing", [Existing.SKIP, Existing.REPLACE])
def test_a_restore_says_before_that_a_link_is_in_the_way(root: Path, existing: Existing) -> None:
    _file_link(root)
    (root / "volume").symlink_to(root.parent / "other volume")
    entries = [
        SavedFile(path=path, size=7, etag="", found=ALL, file=f"files/{path}", sha256="0" * 64)
        for path in ("data/named", "volume/content", "volume/new", "data/new")
    ]
    index = Index(url="", level="copy", entries=entries, folders={})
    plan = Planner(index, Storage(Local(str(root))), existing=existing, workers=1, stop=Cancel()).plan(Silent())
    assert {step.name: (step.action, step.reason) for step in plan.steps} == {
        "data/named": (Action.CONFLICT, "something else is there: it is a link, which is not taken"),
        "volume/content": (Action.CONFLICT, "something else is there: it lies behind volume, a link"),
        "volume/new": (Action.CONFLICT, "something else is there: it lies behind volume, a link"),
        "data/new": (Action.CREATE, ""),
    }


@pytest.mark.parametrize("take_all", [False, True])
def test_a_storage_without_a_file_is_no_whole_backup(tmp_path: Path, take_all: bool) -> None:
    """As a share that is not mounted, or a prefix that is written wrong."""
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    facts = _facts(root, "relative/path", take_all=take_all)
    (lacking,) = facts["missing"]
    assert (lacking.kind, lacking.name) == ("storage", f"file://{root}")
    assert "is it mounted" in lacking.reason
    assert facts["notes"] == []


def test_a_storage_without_a_file_of_which_nothing_speaks(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert _facts(tmp_path / "root")["missing"] == []
