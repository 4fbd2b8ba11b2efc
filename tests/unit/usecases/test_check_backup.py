"""`check --from` takes lost files as the catalog has them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
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
    where = f"items {ID} path"
    lost = Missing(store="files", kind="file", name=name, reason="not in s3://b: at all", where=where, is_absent=True)
    image = Missing(store="images", kind="image", name="files: file x", reason="gone")
    report = check_backup(_backup(tmp_path, [lost, image]), None, (), timedelta(days=1), Silent())
    (finding,) = [each for each in report.examination.findings if each.rule.code == "file-missing"]
    assert finding.object == f"files/{name}"
    assert f"items {ID} path" in finding.message


REASONS = {
    "it kept changing": "it changed each of the 3 times that it was read",
    "its sum is wrong": "what comes is not what the storage's own sum says",
    "it could not be read": "a: permission denied",
    "nobody could say": "it cannot be told whether it is there: 503",
}


@pytest.mark.parametrize("what", REASONS)
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_could_not_be_read_is_not_called_missing(tmp_path: Path, what: str, kind: str) -> None:
    lost = Missing(store="files", kind=kind, name="a/b", reason=REASONS[what], where=f"items {ID} path")
    report = check_backup(_backup(tmp_path, [lost]), None, (), timedelta(days=1), Silent())
    (finding,) = report.examination.findings
    assert (finding.rule.code, finding.object) == ("file-not-in-backup", "files/a/b")
    assert finding.message == f"{REASONS[what]}; named by items {ID} path"
    assert report.exit_code() is ExitCode.DIFFERENCE
