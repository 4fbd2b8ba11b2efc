"""What the documents advise where the storage is not trusted: a gateway that encrypts, between us and it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bed import rclone
from tests.builders.sealing import nights
from tests.conftest import Cli

pytestmark = pytest.mark.campaign
"""Rclone is built for it, which takes some minutes."""


def test_what_lies_behind_it_says_nothing(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nights(tmp_path / "plain", 3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", rclone.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", rclone.SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("LRS_BACKUP_DIR", "s3://backups/lrs")
    with rclone.encrypting(tmp_path / "behind", "backups") as url:
        monkeypatch.setenv("LRS_BACKUP_ENDPOINT", url)
        cli.ok("repository", "init")
        cli.ok("copy", tmp_path / "plain", "s3://backups/lrs")
        cli.ok("verify", "latest", "--full")
        cli.ok("repository", "check")
        cli.ok("prune", "--keep-last", "1", "--minimum", "1", "--yes")
        cli.ok("verify", "latest", "--full")
        cli.ok("export", "latest", tmp_path / "out")
    assert (tmp_path / "out/SHA256SUMS").read_bytes() == (tmp_path / "plain/night-0/SHA256SUMS").read_bytes()
    stored = [path for path in (tmp_path / "behind/store").rglob("*") if path.is_file()]
    assert len(stored) > 10
    for path in stored:
        assert not any(word in os.fsencode(path) + path.read_bytes() for word in (b"night", b"sha256", b"lrs-repository"))
