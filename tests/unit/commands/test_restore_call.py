"""What the one name of a restore means."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kubectl_lrs.commands.restore_call import Call, _mongodump
from kubectl_lrs.repository import open_repository
from kubectl_lrs.repository.place import BY_ENVIRONMENT
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.sources.place import open_to_read
from kubectl_lrs.usecases.copy import Copying
from kubectl_lrs.usecases.repository import make
from tests.builders.sealing import nights

NAME = "lrs_backup_a-0"


def meant(place: Path, *names: str) -> Path | None:
    flags = SimpleNamespace(names=names, files=())
    call: Any = SimpleNamespace(flags=flags, directory=open_to_read(str(place), BY_ENVIRONMENT))
    return _mongodump(cast("Call", call))


@pytest.mark.parametrize("form", ["plain", "pooled"])
def test_a_dump_in_the_current_directory_does_not_hide_the_backup_of_its_name(
    folder: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights(folder / "plain", 1, prefix="lrs_backup_a")
    if form == "pooled":
        make(str(folder / "pooled"))
        copying = Copying(
            source=open_repository(str(folder / "plain")), target=open_repository(str(folder / "pooled")), progress=Silent()
        )
        assert [each.name for each in copying.run(copying.chosen(())).outcomes] == [NAME]
    for name in (NAME, "lrs_backup_other"):
        (folder / "here" / name).mkdir(parents=True)
        (folder / "here" / name / "custom_applications.bson").write_bytes(b"")
    monkeypatch.chdir(folder / "here")
    assert meant(folder / form, NAME) is None
    assert meant(folder / form, str(folder / "here" / NAME)) == folder / "here" / NAME
    assert meant(folder / form, "lrs_backup_other") == Path("lrs_backup_other")
