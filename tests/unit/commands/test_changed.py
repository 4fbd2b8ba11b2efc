"""What became of a backup: a line for a person, the backup as it is now for a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_lrs.cli import run
from kubectl_lrs.commands import changed
from kubectl_lrs.render import output
from tests.builders import documents
from tests.builders.sealing import nights


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    nights(tmp_path / "backups", 1)
    output.forget()
    yield tmp_path / "backups"
    output.forget()


def test_a_hold_and_its_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert changed
    capsys.readouterr()
    for verb, more, reason in (("hold", ("--reason", "audit"), "audit"), ("unhold", (), None)):
        assert run([verb, "latest", *more, "--backup-dir", str(folder), "-o", "json"]) == 0
        made = documents.check(capsys.readouterr().out)
        assert (made["kind"], made["name"], (made["hold"] or {}).get("reason")) == ("Backup", "night-0", reason)
        output.forget()
    assert run(["hold", "latest", "--reason", "why", "--backup-dir", str(folder)]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "night-0 is held: why\n")
