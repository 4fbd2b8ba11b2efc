"""`--at DATE`: of which time `latest` is the newest backup, in every verb that takes one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from kubectl_lrs.repository.plain.sealed import SealedFolder
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.sealing import dated
from tests.conftest import Cli, Crd

CALLS = (
    ("show", "--at", "2d"),
    ("show", "latest", "--at", "2d"),
    ("verify", "--at", "2d"),
    ("verify", "--at", "2d", "--against-cluster"),
    ("restore", "--at", "2d", "latest", "--dry-run"),
    ("diff", "--at", "2d"),
    ("diff", "latest", "live", "--at", "2d"),
    ("diff", "latest", "new", "--at", "2d"),
    ("diff", "new", "latest", "--at", "2d"),
    ("check", "--from", "latest", "--at", "2d"),
    ("export", "latest", "other/old", "--at", "2d"),
    ("hold", "latest", "--at", "2d", "--reason", "before the upgrade"),
    ("unhold", "latest", "--at", "2d"),
    ("copy", ".", "copies", "latest", "--at", "2d"),
)


@pytest.fixture
def old(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> str:
    """A backup of three days ago; there is one of now, too."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[5:8])
    cli.ok("backup", "-n", namespace, "--name", "old")
    dated(SealedFolder.open(cli.directory / "old"), datetime.now(timezone.utc) - timedelta(days=3))
    cli.ok("backup", "-n", namespace, "--name", "new")
    (cli.directory / "other").mkdir(mode=0o700)
    return "old"


def test_each_verb_takes_the_one_of_then(old: str, cli: Cli) -> None:
    for call in CALLS:
        done = cli.run(*call)
        assert done.returncode == 0, f"{call}: {done.stderr}"
        said = done.stdout + done.stderr
        assert old in said, call
        assert "new" in call or "lrs_backup" not in said, call
        assert "latest is new" not in said, call
    assert {path.name for path in (cli.directory / "copies").iterdir() if path.name[0] != "."} == {old}


def test_nothing_is_as_old(old: str, cli: Cli) -> None:
    for call in CALLS:
        done = cli.run(*(word.replace("2d", "9d") for word in call))
        assert (done.returncode, done.stdout) == (2, ""), call
        assert "no sealed backup" in done.stderr
        assert "until 20" in done.stderr


def test_what_is_open_in_the_state_is_listed(old: str, cli: Cli) -> None:
    """Whichever folder of backups the call names."""
    state = {"LRS_STATE_DIR": str(cli.directory / "state")}
    folder = cli.directory / "state" / "a-cluster"
    folder.mkdir(mode=0o700, parents=True)
    journal = folder / "lrs_recreate_0123456789abcdef.json"
    journal.write_text(json.dumps({"cluster": "a-cluster", "objects": {"ns/gone": {}}, "id": "0123456789abcdef", "revision": 1}))
    journal.chmod(0o600)
    done = cli.run("list", env=state)
    assert done.returncode == 0
    assert f"open journal: {journal}: 1 LRS were deleted and are not created again, such as ns/gone" in done.stderr
    (found,) = json.loads(cli.ok("list", "-o", "json", env=state))["openJournals"]
    assert (found["path"], found["left"], found["waitsFor"]) == (str(journal), 1, "restore --existing recreate")
