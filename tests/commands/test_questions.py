"""What `restore` asks, on a real pseudo-terminal, and what becomes of each answer."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.attacker import reseal
from tests.conftest import ROOT, Cli, Crd

QUESTION = r"Go on\? \[y/N\]: "


class Drifted:
    """An LRS that differs from its backup `saved`."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.cli = plane, cli
        sample = samples.samples(crd.api_version, crd.kind, namespace)[5]
        self.name = sample["metadata"]["name"]
        self.path = f"{loader.objects_path(crd.api_version, namespace)}/{self.name}"
        loader.create_many(plane, [sample])
        cli.ok("backup", "-n", namespace, "--name", "saved")
        plane.api("PATCH", self.path, {"spec": {"image": "drifted"}}, content_type="application/merge-patch+json")
        self.before = self.live()

    def live(self) -> dict[str, Any]:
        return self.plane.api("GET", self.path)[1]

    def ask(self, *arguments: str) -> pexpect.spawn[str]:
        environment = {**os.environ, "KUBECONFIG": str(self.cli.kubeconfig), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
        return pexpect.spawn(
            sys.executable,
            ["-m", "kubectl_lrs", "restore", *arguments],
            env=environment,
            cwd=str(self.cli.directory),
            timeout=PATIENCE,
            encoding="utf-8",
            dimensions=(50, 200),
        )


@pytest.fixture
def drifted(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Drifted:
    return Drifted(plane, crd, namespace, cli)


def _end(terminal: pexpect.spawn[str]) -> int | None:
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


@pytest.fixture(params=["update", "replace", "recreate"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    return request.param


def test_plan_is_shown_before_the_question(drifted: Drifted, policy: str) -> None:
    terminal = drifted.ask("saved", "--existing", policy)
    terminal.expect(QUESTION)
    shown = terminal.before or ""
    assert drifted.name in shown
    assert '~ spec.image: "drifted" ->' in shown
    assert f"{policy} 1 LRS on bed ({drifted.plane.server})" in shown
    terminal.sendline("n")
    assert _end(terminal) == 130
    assert "not agreed to; nothing was written" in (terminal.before or "")
    assert "interrupted" not in (terminal.before or "")
    assert drifted.live() == drifted.before


def test_yes_does_it(drifted: Drifted, policy: str) -> None:
    terminal = drifted.ask("saved", "--existing", policy)
    terminal.expect(QUESTION)
    terminal.sendline("y")
    assert _end(terminal) == 0
    assert drifted.live()["spec"]["image"] != "drifted"


@pytest.mark.parametrize("answer", ["", "no", "nonsense\nn"])
def test_anything_but_yes_is_no(drifted: Drifted, answer: str) -> None:
    terminal = drifted.ask("saved", "--existing", "update")
    terminal.expect(QUESTION)
    terminal.sendline(answer)
    assert _end(terminal) == 130
    assert drifted.live() == drifted.before


def test_control_c_at_the_question(drifted: Drifted) -> None:
    terminal = drifted.ask("saved", "--existing", "update")
    terminal.expect(QUESTION)
    terminal.sendintr()
    assert _end(terminal) == 130
    assert "Traceback" not in (terminal.before or "")
    lines = re.sub(r"\x1b\[\d+m", "", terminal.before or "").splitlines()
    assert lines[-2:] == ["error: interrupted", "hint: nothing was changed"]
    assert drifted.live() == drifted.before


def test_end_of_input_at_the_question(drifted: Drifted) -> None:
    terminal = drifted.ask("saved", "--existing", "update")
    terminal.expect(QUESTION)
    terminal.sendeof()
    assert _end(terminal) == 130
    assert drifted.live() == drifted.before


def test_backup_of_another_cluster_is_asked_about(drifted: Drifted) -> None:
    drifted.plane.api("DELETE", drifted.path)
    reseal(drifted.cli.directory / "saved", lambda document: document["cluster"].update(uid="another"))
    refused = drifted.cli.run("restore", "saved")
    assert refused.returncode == 2
    assert "from a backup of another cluster" in refused.stderr
    terminal = drifted.ask("saved")
    terminal.expect(QUESTION)
    assert "restore from a backup of another cluster" in (terminal.before or "")
    terminal.sendline("n")
    assert _end(terminal) == 130
    assert drifted.plane.api("GET", drifted.path)[0] == 404
    terminal = drifted.ask("saved")
    terminal.expect(QUESTION)
    terminal.sendline("y")
    assert _end(terminal) == 0
    assert drifted.plane.api("GET", drifted.path)[0] == 200


@pytest.mark.parametrize("flags", [[], ["--existing", "recreate"], ["--existing", "replace"]])
def test_plan_of_creates_only_does_not_ask(drifted: Drifted, flags: list[str]) -> None:
    drifted.plane.api("DELETE", drifted.path)
    terminal = drifted.ask("saved", *flags)
    assert _end(terminal) == 0
    assert "Go on" not in (terminal.before or "")
    assert drifted.live()["spec"]["image"] != "drifted"


@pytest.mark.parametrize("flags", [["--existing", "update", "--dry-run=client"], ["--existing", "update", "--dry-run=server"]])
def test_dry_run_does_not_ask(drifted: Drifted, flags: list[str]) -> None:
    terminal = drifted.ask("saved", *flags)
    assert _end(terminal) == 0
    assert "Go on" not in (terminal.before or "")
    assert drifted.live() == drifted.before


def test_yes_on_the_command_line_does_not_ask(drifted: Drifted) -> None:
    terminal = drifted.ask("saved", "--existing", "update", "-y")
    assert _end(terminal) == 0
    assert "Go on" not in (terminal.before or "")


def test_without_a_terminal_it_refuses(drifted: Drifted, policy: str) -> None:
    done = drifted.cli.run("restore", "saved", "--existing", policy)
    assert done.returncode == 2
    assert f"this needs a yes: {policy} 1 LRS on bed ({drifted.plane.server})" in done.stderr
    assert "--yes" in done.stderr
    assert drifted.live() == drifted.before


def test_answer_that_is_piped_in_is_none(drifted: Drifted) -> None:
    """`yes | restore` is not a person at a terminal."""
    import subprocess

    done = subprocess.run(
        drifted.cli._command(("restore", "saved", "--existing", "update")),
        env=drifted.cli._environment(None),
        cwd=drifted.cli.directory,
        input="y\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert drifted.live() == drifted.before


def test_what_is_asked_goes_to_stderr(drifted: Drifted, tmp_path: Path) -> None:
    """Standard output stays a document even when a person answers."""
    answer = tmp_path / "answer.json"
    environment = {**os.environ, "KUBECONFIG": str(drifted.cli.kubeconfig), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    terminal = pexpect.spawn(
        "/bin/sh",
        ["-c", f"{sys.executable} -m kubectl_lrs restore saved --existing update -o json > {answer}"],
        env=environment,
        cwd=str(drifted.cli.directory),
        timeout=PATIENCE,
        encoding="utf-8",
        dimensions=(50, 200),
    )
    terminal.expect(QUESTION)
    terminal.sendline("y")
    assert _end(terminal) == 0
    assert json.loads(answer.read_text())["counts"] == {"updated": 1}


def test_escape_sequences_do_not_reach_a_real_terminal(drifted: Drifted) -> None:
    (drifted.cli.directory / "saved" / "a\x1b[2Jb").write_text("surplus")
    terminal = drifted.ask("saved", "-q")
    assert _end(terminal) == 4
    without_colours = re.sub(r"\x1b\[\d+m", "", terminal.before or "")  # those are the product's own
    assert "\x1b" not in without_colours
    assert "a\\x1b[2Jb: surplus" in (terminal.before or "")
