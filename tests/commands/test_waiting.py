"""A server that refuses is said at once with what is tried again and until when; what an interruption and a no come to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.bed.controlplane import ControlPlane
from tests.builders.deployments import TOKEN
from tests.conftest import Cli

NOTE = r"note: (?P<server>\S+): cannot be reached: [Cc]onnection refused; trying again until \d\d:\d\d:\d\d \S+ \(\d+s\)"
CALLS: dict[str, list[str]] = {
    "backup": ["backup", "-n", "x", "--server", "{}"],
    "clean-spark": ["clean-spark", "-n", "x", "--server", "{}"],
    "check": ["check", "-n", "x", "--server", "{}"],
    "deactivate": ["deactivate", "--yes"],
}


@pytest.fixture
def closed(tmp_path: Path) -> str:
    """The address of a port at which nobody listens; port 1 is nobody's."""
    return "http://127.0.0.1:1"


@pytest.mark.parametrize("call", CALLS)
def test_refused(tmp_path: Path, closed: str, call: str) -> None:
    cli = Cli(tmp_path / "none", tmp_path)
    env = {"KUBECONFIG": "", "LRS_DATAROBOT_URL": closed, "LRS_DATAROBOT_API_TOKEN": TOKEN} if call == "deactivate" else {}
    done = cli.run(*(word.format(closed) for word in CALLS[call]), env=env | {"KUBECONFIG": ""})
    assert done.returncode == 5, done.stderr
    notes = [line for line in done.stderr.splitlines() if re.match(NOTE, line)]
    assert len(notes) == 1, done.stderr
    assert closed in notes[0]
    assert done.stderr.index("trying again") < done.stderr.index("error: ")


def test_quiet(tmp_path: Path, closed: str) -> None:
    done = Cli(tmp_path / "none", tmp_path).run("backup", "-q", "-n", "x", "--server", closed, env={"KUBECONFIG": ""})
    assert "trying again" not in done.stderr
    assert done.returncode == 5


def test_for_programs(tmp_path: Path, closed: str) -> None:
    done = Cli(tmp_path / "none", tmp_path).run("backup", "-n", "x", "-o", "json", "--server", closed, env={"KUBECONFIG": ""})
    document = json.loads(done.stdout)
    assert (document["kind"], document["reason"], document["exitStatus"]) == ("Error", "Unreachable", 5)
    assert closed in document["message"]


def test_a_server_that_answers_is_not_waited_for(plane: ControlPlane, cli: Cli) -> None:
    assert "trying again" not in cli.run("backup", "-n", "nowhere").stderr
