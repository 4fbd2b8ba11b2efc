"""`copy` and `export` by their words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs import cli
from kubectl_lrs.commands import copy_, copy_run, export_, export_run
from tests.builders.sealing import nights


@pytest.fixture
def plain(folder: Path) -> str:
    nights(folder / "plain", 3)
    return str(folder / "plain")


def test_both_have_their_parts() -> None:
    assert {copy_.command.name, export_.command.name} == {"copy", "export"}
    assert callable(copy_run.run)
    assert callable(export_run.run)


def test_all_and_again(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = str(folder / "pool")
    assert cli.run(["repository", "init", pool]) == 0
    capsys.readouterr()
    assert cli.run(["copy", plain, pool, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["result"]) for each in found["backups"]] == [(f"night-{n}", "copied") for n in (2, 1, 0)]
    assert cli.run(["copy", plain, pool]) == 0
    assert "3 there already" in capsys.readouterr().out
    assert cli.run(["copy", plain, pool, "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert cli.run(["copy", pool, str(folder / "back"), "latest", "-o", "name"]) == 0
    assert capsys.readouterr().out == "night-0\n"


def test_what_only_looks_like_a_backup_is_said(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plain" / "lrs_backup_half").mkdir()
    assert cli.run(["copy", plain, str(folder / "other")]) == 3
    assert "not copied" in capsys.readouterr().err


def test_another_of_that_name(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nights(folder / "other", 1, prefix="night")
    assert cli.run(["copy", plain, str(folder / "other"), "night-0"]) == 2
    told = capsys.readouterr()
    assert "refused" in told.out
    assert "another backup has this name" in told.err
    assert cli.run(["copy", plain, str(folder / "other")]) == 3


def test_a_pool_that_is_none(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "damaged").mkdir()
    (folder / "damaged" / "lrs-repository.json").write_text("{")
    assert cli.run(["copy", plain, str(folder / "damaged")]) == 4
    assert "damaged" in capsys.readouterr().err


def test_one_of_a_newer_version(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = folder / "pool"
    assert cli.run(["repository", "init", str(pool)]) == 0
    mark = pool / "lrs-repository.json"
    mark.chmod(0o600)
    mark.write_text(mark.read_text().replace('"formatVersion": 1', '"formatVersion": 9'))
    assert cli.run(["copy", plain, str(pool)]) == 2
    assert "newer one" in capsys.readouterr().err


def test_a_folder_is_exported(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(folder / "out")
    assert cli.run(["export", "latest", out, "--backup-dir", plain, "--format", "1", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["path"], found["formatVersion"]) == (out, 1)
    assert cli.run(["verify", out]) == 0
    assert cli.run(["export", "latest", out, "--backup-dir", plain]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["0%", "101%", "x", "-1%", "5%%", "1e1%", "nan"])
def test_a_share_that_is_none(plain: str, share: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["verify", "--sample", share, "--backup-dir", plain]) == 2
    assert "--sample" in capsys.readouterr().err


def test_a_plain_backup_is_read_whole(plain: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["verify", "--sample", "5%", "--backup-dir", plain]) == 2
    assert "always read whole" in capsys.readouterr().err
    assert cli.run(["verify", "--full", "--backup-dir", plain]) == 0


def test_how_far_a_pooled_one_is_read(plain: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = folder / "pool"
    assert cli.run(["repository", "init", str(pool)]) == 0
    assert cli.run(["copy", plain, str(pool)]) == 0
    capsys.readouterr()

    def verified(*flags: str) -> tuple[int, str, int]:
        code = cli.run(["verify", "night-1", "-o", "json", *flags, "--backup-dir", str(pool)])
        found = json.loads(capsys.readouterr().out)
        return code, found["unread"], found["files"]

    assert verified() == (0, "contents were not read: that all objects are there was seen, not what is in them", 0)
    assert verified("--full") == (0, "", 2)
    assert verified("--sample", "100%") == (0, "", 2)
    assert verified("--sample", "0.5")[1] == "only 0.5% of the contents, chosen at random, were read"
    for pack in pool.glob("packs/*/*.zip"):
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        data[110] ^= 0xFF  # of the first content
        pack.write_bytes(bytes(data))
    assert verified()[0] == 0
    assert verified("--full")[0] == 4
