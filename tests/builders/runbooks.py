"""The runbooks, as programs: their blocks of commands are run from top to bottom, in one shell's variables and folder.

A block marked `sh` is run as it stands. One marked `sh stand-in=NAME` is what only a real installation has: the test does
something in its place, which the line below the block tells. `# exit status N` behind a command: it must end so.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bed.loader import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "runbooks"

_FENCE = re.compile(r"^```(\S*)(?: stand-in=(\S+))?\n(.*?)^```$(?=\n*(.*?)$)", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"^(.*\S) +# exit status (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Some commands. `stand_in`: the name of what is done in their place, empty where they are run."""

    commands: str
    stand_in: str = ""


@dataclass(frozen=True)
class Step:
    """A block that was run, and what it printed."""

    block: Block
    output: str


def documents() -> list[Path]:
    """Every runbook."""
    return sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a runbook; ValueError where a stand-in is not told of in plain words."""
    for language, stand_in, commands, below in _FENCE.findall(text):
        if language != "sh":
            continue
        if stand_in and not below.startswith("**Stand-in:**"):
            raise ValueError(f"the line below stand-in {stand_in} does not say what it stands for")
        yield Block(commands, stand_in)


@dataclass
class Shell:
    """Runs blocks. `directory`: where they run; `environment`: what they find, to which each block adds."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def prepared(cls, directory: Path, programs: Path, kubeconfig: Path) -> Shell:
        """A shell of an administrator; `programs` has kubectl."""
        own = directory / "bin"
        work = directory / "work"
        for path in (own, work):
            path.mkdir(parents=True)
        launcher = own / "kubectl-lrs"
        launcher.write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} -m kubectl_lrs "$@"\n')
        launcher.chmod(0o755)
        return cls(
            work,
            {
                "PATH": f"{programs}:{own}:{os.defpath}",
                "HOME": str(directory),
                "KUBECONFIG": str(kubeconfig),
                "PYTHONPATH": str(ROOT),
                "LANG": "C.UTF-8",
                "TZ": "UTC",
            },
        )

    def run(self, block: Block) -> str:
        """Run a block; every command of it must end as it says. What it printed."""
        variables = self.directory.parent / "variables"
        script = f"set -ea\n{_with_statuses(block.commands)}\nexport -p >{shlex.quote(str(variables))}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * PATIENCE,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"exit status {done.returncode}:\n{block.commands}\n{done.stdout}")
        self.environment = _exported(variables)
        self.steps.append(Step(block, done.stdout))
        return done.stdout


def _with_statuses(commands: str) -> str:
    return _STATUS.sub(r"status=0; \1 || status=$?; test $status = \2", commands)


def _exported(variables: Path) -> dict[str, str]:
    """What `export -p` has written, read by a shell itself."""
    script = f". {shlex.quote(str(variables))} && env -0"
    found = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    pairs = (each.partition("=") for each in found.split("\0") if each)
    return {name: value for name, _, value in pairs if name not in ("_", "SHLVL", "PWD", "OLDPWD")}


def run(document: Path, shell: Shell, stand_ins: Mapping[str, Callable[[], None]]) -> None:
    """A runbook from top to bottom; KeyError where nothing is known to stand in for a block."""
    for block in blocks(document.read_text()):
        if block.stand_in:
            stand_ins[block.stand_in]()
        else:
            shell.run(block)
