"""`check --from` takes lost files as the catalog has them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.repository import FolderWriter, SealedFolder
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common.mentions import LRS_FILE
from kubectl_lrs.usecases.check_backup import check_backup
from tests.builders.sealing import sealed
from tests.unit.model.test_catalog import ODD

ID = "65f0123456789abcdef01234"


def _backup(place: Path, missing: list[Missing]) -> SealedFolder:
    def work(writer: FolderWriter) -> None:
        with writer.stream(LRS_FILE, compressed=True) as sink:
            sink.write(b"")

    return sealed(place, work, others={"files": {"files": 0, "missing": missing}})


@pytest.mark.parametrize("name", [each for each in ODD if each])
def test_lost_files_are_named_exactly(tmp_path: Path, name: str) -> None:
    lost = Missing(store="files", kind="file", name=name, reason="not in s3://b: at all", where=f"items {ID} path")
    image = Missing(store="images", kind="image", name="files: file x", reason="gone")
    report = check_backup(_backup(tmp_path, [lost, image]), None, (), timedelta(days=1), Silent())
    (finding,) = [each for each in report.examination.findings if each.rule.code == "file-missing"]
    assert finding.object == f"files/{name}"
    assert f"items {ID} path" in finding.message
