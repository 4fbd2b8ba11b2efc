"""What version 0.1.0 wrote, wherever it is copied to: the same folder again, byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import DamageError, ExitCode
from kubectl_lrs.repository import Repository, open_repository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.copy import Copying, CopyReport, export
from kubectl_lrs.usecases.repository import make
from tests.bed import toolchain
from tests.builders.sealing import sealed, told

FILES = {"files/one": b"one" * 100, "files/empty": b"", "images/large": os.urandom(3 << 20), "lrs/a/b.yaml": b"kind: LRS\n"}


def place(path: Path, form: str) -> Repository:
    """An empty one."""
    if form == "pooled":
        make(str(path))
    else:
        path.mkdir(mode=0o700)
    return open_repository(str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def first(folder: Path) -> SealedFolder:
    """A backup as version 0.1.0 wrote it: sums in another order than theirs, and what is missing in sentences."""

    def work(writer: FolderWriter) -> None:
        for path, data in FILES.items():
            writer.write(path, data)

    (folder / "plain").mkdir(mode=0o700)
    made = sealed(folder / "plain", work, "one")
    sums = made.path / "SHA256SUMS"
    sums.chmod(0o600)
    data = "".join(reversed(sums.read_text().splitlines(keepends=True))).encode()
    sums.write_bytes(data)
    missing = (Missing(store="files", reason="files: reports: q3/app.py"),)
    return told(made, format_version=1, sums_sha256=hashlib.sha256(data).hexdigest(), missing=missing)


def copied(source: Repository, target: Repository) -> CopyReport:
    copying = Copying(source=source, target=target, progress=Silent())
    return copying.run(copying.chosen([]))


def _bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ways", [("plain",), ("pooled",), ("pooled", "pooled"), ("plain", "pooled", "plain")], ids="-".join)
def test_it_is_the_same_folder_again_wherever_it_was(first: SealedFolder, folder: Path, ways: tuple[str, ...]) -> None:
    before = _bytes_of(first.path)
    source = open_repository(first.parent)
    for number, form in enumerate(ways):
        target = place(folder / f"place-{number}", form)
        assert copied(source, target).exit_code() is ExitCode.DONE
        source = open_repository(target.location)
        assert not list(source.find("one").damages(share=1.0))
    _, catalog = export(source.find("one"), folder / "out", progress=Silent())
    assert catalog.format_version == 1
    assert _bytes_of(folder / "out") == before
    assert not list(SealedFolder.open(folder / "out").damages())
    export(source.find("one"), folder / "newer", format_version=2, progress=Silent())
    newer = SealedFolder.open(folder / "newer")
    assert (newer.catalog.format_version, newer.identity) == (2, source.find("one").identity)
    assert newer.catalog.sums_sha256 == newer.identity


@pytest.mark.parametrize("change", ["altered", "gone", "of another"])
def test_a_list_that_is_not_as_it_was(first: SealedFolder, folder: Path, change: str) -> None:
    target = place(folder / "pool", "pooled")
    assert copied(open_repository(first.parent), target).exit_code() is ExitCode.DONE
    (sums,) = (folder / "pool").rglob("sums.gz")
    sums.chmod(0o600)
    if change == "gone":
        sums.unlink()
    else:
        text = gzip.decompress(sums.read_bytes())
        sums.write_bytes(gzip.compress(text[::-1] if change == "altered" else text[: text.index(b"\n") + 1], mtime=0))
    backup = open_repository(str(folder / "pool")).find("one")
    assert [each.path for each in backup.damages()] == ["sums.gz"]
    with pytest.raises(DamageError):
        export(backup, folder / "out", progress=Silent())
    assert not (folder / "out").exists()


def test_the_program_of_the_specification_makes_the_same_folder(first: SealedFolder, folder: Path) -> None:
    assert copied(open_repository(first.parent), place(folder / "pool", "pooled")).exit_code() is ExitCode.DONE
    program = (toolchain.ROOT / "docs" / "backup-format.md").read_text().split("```python\n")[1].split("```")[0]
    (backup,) = (folder / "pool" / "backups").iterdir()
    where = folder / "pool", f"backups/{backup.name}", folder / "rebuilt"
    subprocess.run([sys.executable, "-I", "-c", program, *map(str, where)], check=True)
    assert _bytes_of(folder / "rebuilt") == _bytes_of(first.path)


def test_both_are_told_from_another_one_and_are_there_already(first: SealedFolder, folder: Path) -> None:
    target = place(folder / "pool", "pooled")
    for result in ("copied", "is there"):
        report = copied(open_repository(first.parent), open_repository(target.location))
        assert [each.result.value for each in report.outcomes] == [result]
    kept = open_repository(target.location).find("one")
    assert kept.catalog == first.catalog
    assert kept.identity == first.identity
