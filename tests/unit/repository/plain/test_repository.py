"""Which backup a name means, what `latest` is, and what is said where the time alone does not tell."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.choice import Asked
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.render.backups import backup_warnings, catalog_view, damage_report, listing
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.verify import require_intact, verify
from tests.builders.sealing import dated, sealed

NOBODY = 65534


def _work(writer: FolderWriter) -> dict[str, int]:
    writer.write("a", b"1")
    return {"objects": 1}


def _made(place: Path, name: str, age: timedelta) -> SealedFolder:
    return dated(sealed(place, _work, name), datetime.now(timezone.utc) - age)


def test_one_of_the_future_is_never_the_latest_while_there_is_another(tmp_path: Path) -> None:
    _made(tmp_path, "old", timedelta(days=400))
    _made(tmp_path, "new", timedelta(days=1))
    _made(tmp_path, "future", -timedelta(days=3))
    directory = PlainRepository(tmp_path)
    latest = directory.latest()
    assert latest.path.name == "new"
    assert "future" in latest.warning
    assert [folder.path.name for folder in directory.newest_first()] == ["new", "old", "future"]
    assert directory.latest(Asked(cluster=latest.catalog.cluster)).path.name == "new"
    assert directory.less_than_before(latest) == ""


def test_one_of_the_future_is_better_than_none_and_said(tmp_path: Path) -> None:
    _made(tmp_path, "future", -timedelta(days=3))
    latest = PlainRepository(tmp_path).latest()
    assert latest.path.name == "future"
    assert "later than now" in latest.warning
    assert ["later than now" in line for line in backup_warnings(latest)] == [True]
    named = PlainRepository(tmp_path).find("future")
    assert ["later than now" in line for line in backup_warnings(named)] == [True]


def test_clocks_differ_a_little(tmp_path: Path) -> None:
    _made(tmp_path, "here", timedelta(seconds=5))
    _made(tmp_path, "there", -timedelta(seconds=20))
    latest = PlainRepository(tmp_path).latest()
    assert (latest.path.name, latest.warning) == ("there", "")


def test_age_of_one_of_the_future(tmp_path: Path) -> None:
    folder = _made(tmp_path, "future", -timedelta(days=3, hours=4, minutes=30))
    assert listing([folder], [], "table").rows[0][2] == "in 3d4h"
    assert [line for line in catalog_view(folder, []).before if "in 3d4h, later than now" in line]


def test_empty_one_is_never_the_latest(tmp_path: Path) -> None:
    _made(tmp_path, "full", timedelta(days=9))
    sealed(tmp_path, lambda _writer: None, "empty")
    sealed(tmp_path, lambda _writer: None, "none", others={"files": {"files": 0}, "mongo": {"collections": []}})
    assert PlainRepository(tmp_path).latest().path.name == "full"
    sealed(tmp_path, lambda _writer: None, "files", others={"files": {"files": 1}})
    assert PlainRepository(tmp_path).latest().path.name == "files"
    (tmp_path / "other").mkdir()
    sealed(tmp_path / "other", lambda _writer: None, "empty")
    with pytest.raises(UsageError, match="no sealed backup") as caught:
        PlainRepository(tmp_path / "other").latest()
    assert "empty (empty)" in caught.value.hint
    assert PlainRepository(tmp_path / "other").find("empty").catalog.is_empty, "it is there for whoever names it"


@pytest.mark.parametrize("name", ["saved", "lrs_backup_2026_01_01_00_00_00"])
def test_sums_without_a_catalog_are_damage(tmp_path: Path, name: str) -> None:
    folder = _made(tmp_path, name, timedelta(days=1))
    (folder.path / "backup.json").unlink()
    directory = PlainRepository(tmp_path)
    assert directory.names_backup(name)
    for call in (lambda: directory.find(name), lambda: SealedFolder.open(folder.path)):
        with pytest.raises(DamageError, match=r"SHA256SUMS and no backup\.json"):
            call()
    assert [each.name for each in directory.scan()[1]] == [name]


def test_a_newer_one_that_is_damaged_by_now_is_named_where_the_latest_is_meant(tmp_path: Path) -> None:
    _made(tmp_path, "older", timedelta(days=2))
    folder = _made(tmp_path, "newer", timedelta(days=1))
    catalog = folder.path / "backup.json"
    catalog.chmod(0o600)
    catalog.write_bytes(catalog.read_bytes()[:-20])
    latest = PlainRepository(tmp_path).latest()
    assert latest.name == "older"
    assert latest.warning.startswith("newer cannot be read, and may be newer: ")
    os.utime(catalog, (0, 0))
    assert PlainRepository(tmp_path).latest().warning == "", "what was written so long ago is no newer one"


def test_what_is_being_made_is_no_damage(tmp_path: Path) -> None:
    writer = FolderWriter(tmp_path, "saved")
    with pytest.raises(UsageError, match="not a sealed backup"):
        SealedFolder.open(writer.path)
    writer.put_away(keep=False)
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match="not a sealed backup"):
        SealedFolder.open(tmp_path / "other")


def test_partial_one_says_so(tmp_path: Path) -> None:
    lost = [Missing(store="files", kind="file", name=f"a/{number}", reason="gone") for number in range(12)]
    lost.append(Missing(store="images", kind="image", name="r/a:1", reason="gone"))
    folder = sealed(tmp_path, lambda writer: {**_work(writer), "missing": lost}, "part")
    checked = verify(folder, Silent())
    view = damage_report("part", folder.catalog, checked)
    assert view.after[0] == "backup part: partial: lacking 12 files, 1 image"
    assert view.after[1] == "  files: file a/0: gone"
    assert view.after[-2] == "  and 3 more; see them with: show part"
    assert view.after[-1].startswith("backup part: 1 file checked, all as sealed")
    assert (view.data["intact"], view.data["state"], len(view.data["missing"])) == (True, "partial", 13)
    assert [line for line in backup_warnings(folder) if "part is partial" in line]
    require_intact(folder, Silent())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
@pytest.mark.parametrize("whose", ["backup.json", "."])
def test_owner_is_shown(tmp_path: Path, whose: str) -> None:
    folder = _made(tmp_path, "saved", timedelta(days=1))
    assert not folder.is_foreign
    assert list(backup_warnings(folder)) == []
    os.chown(folder.path / whose, NOBODY, NOBODY)
    (found,), _ = PlainRepository(tmp_path).scan()
    assert found.is_foreign
    assert str(NOBODY) in listing([found], [], "wide").rows[0][-1]
    assert str(NOBODY) in json.dumps(listing([found], [], "json").data)
    assert [line for line in catalog_view(found, []).before if line.startswith("Owner:") and str(NOBODY) in line]
    assert [line for line in backup_warnings(found) if str(NOBODY) in line]
    require_intact(found, Silent())
