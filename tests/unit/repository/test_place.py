"""Which repository a name means."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs.repository.place import open_repository
from kubectl_lrs.repository.plain.repository import PlainRepository


def test_folder_that_need_not_be_there(tmp_path: Path) -> None:
    repository = open_repository(str(tmp_path / "backups"))
    assert isinstance(repository, PlainRepository)
    assert repository.location == repository.resolved == str(tmp_path / "backups")
    assert not (tmp_path / "backups").exists()
