"""What may not be read: one clear line that names it, never a traceback, and never taken for what is not there."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.deployments import ORGANISATION, new_place
from tests.conftest import ROOT

PR_CAPBSET_DROP = 24
OVERRIDES = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def _be_held_by_rights() -> None:
    """The superuser is not held by the rights of files; a program that it starts after this is."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in OVERRIDES:
            if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")


def _run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kubectl_lrs", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=_be_held_by_rights,
        check=False,
    )


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may look into, with a file and a folder of the names that matter in it."""
    folder = tmp_path / "place" / "closed"
    (folder / "lrs_backup_2026_01_01_00_00_00").mkdir(parents=True)
    (folder / "lrs_deactivated_2026_01_01_00_00_00.json").write_text("{}")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


CASES: dict[str, tuple[list[str], str]] = {
    "list": (["list", "--backup-dir", "closed"], "closed: cannot be read"),
    "name in it": (["show", "x", "--backup-dir", "closed"], "closed/x: cannot be read"),
    "path in it": (["verify", "closed/x"], "closed/x: cannot be read"),
    "journal in it": (["show", "closed/lrs_deactivated_2026_01_01_00_00_00.json"], "cannot be read"),
    "journals in it": (["activate", "--backup-dir", "closed"], "closed: cannot be read"),
    "deactivate into it": (["deactivate", "--backup-dir", "closed", "--yes"], "closed: cannot be read"),
    "kubeconfig in it": (["backup", "--kubeconfig", "closed/config"], "closed/config: cannot be read"),
    "token in it": (["deactivate", "--url", "https://x.invalid", "--org-token-file", "closed/t"], "closed/t: cannot be read"),
    "authority in it": (["deactivate", "--api-ca-file", "closed/ca"], "closed/ca: cannot be read"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_line(closed: Path, tmp_path: Path, case: str) -> None:
    arguments, message = CASES[case]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        '{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],'
        ' "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}]}'
    )
    with new_place(tmp_path / "api") as place:
        place.api.add(1, ORGANISATION)
        done = _run(*arguments, cwd=closed.parent, KUBECONFIG=str(kubeconfig), **place.env)
        assert not place.api.sent("PATCH")
    assert done.returncode == 2, done.stderr
    last = [line for line in done.stderr.splitlines() if not line.startswith("hint: ")][-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Permission denied" in last
    assert done.stdout == ""


def test_a_home_that_may_not_be_read(closed: Path) -> None:
    done = _run("deactivate", cwd=closed.parent, HOME=str(closed))
    assert done.returncode == 2
    assert "drconfig.yaml: cannot be read: Permission denied" in done.stderr


def test_a_closed_folder_among_the_backups_is_passed_over(closed: Path) -> None:
    """The current directory is the default; it may hold folders of others."""
    place = closed.parent
    assert _run("list", cwd=place).returncode == 0
    closed.rename(place / "lrs_backup_2026_02_02_00_00_00")
    done = _run("list", cwd=place)
    try:
        assert done.returncode == 0
        assert "lrs_backup_2026_02_02_00_00_00" in done.stdout + done.stderr
        assert "Permission denied" in done.stdout + done.stderr
    finally:
        (place / "lrs_backup_2026_02_02_00_00_00").rename(closed)


def test_a_file_in_place_of_a_backup(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("file", "./file"):
        done = _run("verify", name, cwd=tmp_path)
        assert (done.returncode, done.stderr.strip()) == (2, "error: file: not a backup: it is not a folder")


def test_an_empty_type_does_not_mean_all(tmp_path: Path) -> None:
    for flag in ("--type", "--exclude-type"):
        done = _run("backup", flag, "", cwd=tmp_path)
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {flag}: an empty value names nothing")


def test_open_journal_that_is_a_dead_link(tmp_path: Path) -> None:
    with new_place(tmp_path) as place:
        (place.cli.directory / "lrs_deactivated_2026_01_01_00_00_00.json").symlink_to("gone")
        done = place.run("activate")
    assert done.returncode == 2
    assert "no such journal" in done.stderr
