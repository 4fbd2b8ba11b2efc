"""The sessions in the documents: what a person types and what is printed, run again on a real cluster.

A session is a code block marked `console`: lines that begin with `$ ` are commands, what follows is what they print.
`<!-- $ command -->` is run without being shown. `.venv/bin/python -m tests.builders.sessions` writes into the documents what
their commands print now.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import DataRobot, identifier
from tests.bed.loader import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CRD = loader.CRDS / "v1alpha1-lrs.yaml"
NAMESPACE = "datarobot"
SHOWN_DIRECTORY = "/var/backups/lrs"
"""What stands in the documents for the folder that the commands ran in."""
TOKEN = "a-token-of-the-sessions"
LABELS = ("churn-eu", "churn-us", "fraud", "pricing")
WITH_APPLICATION = frozenset(("docs/deployments.md",))
"""The documents whose commands find the application's URL and token in the environment."""

Run = Callable[[str], str]

_HIDDEN = re.compile(r"<!-- \$ (.*) -->")
_VARYING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), stand_in)
    for pattern, stand_in in (
        (r"lrs_(backup|deactivated)_\d{4}(_\d\d){5}", r"lrs_\1_INSTANT"),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(Z| [A-Z]{2,5}\b| [+-]\d{2,4}\b)?", "INSTANT"),
        (r"\b\w+ \(uid \d+\)|\b\w+@[\w.-]+", "USER"),
        (r"127\.0\.0\.1:\d+", "SERVER"),
        (r"([rR]esource ?[vV]ersion:?\"?:? +\"?)\d+", r"\1N"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID"),
        (r"\b([0-9a-f]{64}|[0-9a-f]{12})\b", "SUM"),
        (r"(?<![\w.])(\d+(\.\d+)?(ms|s|m|h|d))+\b", "DURATION"),
        (r"\b\d+\.\d+\b", "NUMBER"),
        (r"[ \t]+", " "),
    )
)


def documents() -> list[Path]:
    """Every document for people, the README first."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def with_sessions() -> list[Path]:
    """The documents that hold sessions."""
    return [path for path in documents() if "```console\n" in path.read_text()]


def retold(text: str, run: Run) -> str:
    """The document with what its commands print now."""
    told: list[str] = []
    is_session = False
    for line in text.splitlines():
        if line.startswith("```"):
            is_session = line == "```console"
            told.append(line)
        elif is_session and line.startswith("$ "):
            told += [line, *(shown.rstrip() for shown in run(line[2:]).splitlines())]
        elif not is_session:
            told.append(line)
            if hidden := _HIDDEN.fullmatch(line):
                run(hidden[1])
    return "\n".join(told) + "\n"


def essence(text: str) -> list[str]:
    """The lines of a document, with what no two runs have in common taken out."""
    for pattern, stand_in in _VARYING:
        text = pattern.sub(stand_in, text)
    return [line.rstrip() for line in text.splitlines()]


@contextmanager
def shell(plane: ControlPlane, document: Path, directory: Path) -> Iterator[Run]:
    """A shell on a cluster with the sample LRS, in a folder of its own."""
    programs, home, work = directory / "bin", directory / "home", directory / "work"
    for path in (programs, home, work):
        path.mkdir(parents=True)
    (programs / "kubectl-lrs").symlink_to(Path(sys.executable).with_name("kubectl-lrs"))
    _populate(plane)
    with _application() as api:
        environment = {
            "PATH": f"{plane.bin}:{programs}:{os.defpath}",
            "HOME": str(home),
            "KUBECONFIG": str(plane.kubeconfig),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }
        if document.relative_to(ROOT).as_posix() in WITH_APPLICATION:
            environment |= {"LRS_DATAROBOT_URL": api.url, "LRS_DATAROBOT_API_TOKEN": TOKEN}
        status = 0

        def run(command: str) -> str:
            nonlocal status
            done = subprocess.run(
                ["bash", "-c", f"(exit {status}); {command}"],
                env=environment,
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            status = done.returncode
            return _as_shown(done.stdout, str(work))

        try:
            yield run
        finally:
            loader.empty_namespace(plane, NAMESPACE)


def _as_shown(printed: str, work: str) -> str:
    """With the folder that the documents name; where it stands in a column, that stays as wide."""

    def named(found: re.Match[str]) -> str:
        cell = f"{SHOWN_DIRECTORY}{found['rest']}"
        return cell.ljust(len(found[0])) if len(found["gap"]) > 1 else cell + found["gap"]

    return re.sub(rf"{re.escape(work)}(?P<rest>\S*)(?P<gap> *)", named, printed)


def _populate(plane: ControlPlane) -> None:
    loader.ensure_namespace(plane, NAMESPACE)
    made = samples.samples(*loader.version_and_kind(CRD), NAMESPACE)
    loader.create_many(plane, made)
    for each in made:
        loader.set_status(plane, each, samples.status_of(each))


@contextmanager
def _application() -> Iterator[DataRobot]:
    with DataRobot({TOKEN: "org-one"}) as api:
        for number, label in enumerate(LABELS):
            api.add(number, "org-one", id=identifier(number), label=label, latency=0.3)
        yield api


def main() -> int:
    """Tell every session anew."""
    with tempfile.TemporaryDirectory(prefix="kubectl-lrs-sessions-") as name:
        directory = Path(name)
        with ControlPlane.start(directory / "plane") as plane:
            loader.install_crd(plane, CRD)
            for path in with_sessions():
                before = path.read_text()
                with shell(plane, path, directory / path.stem) as run:
                    now = retold(before, run)
                if essence(now) != essence(before):
                    path.write_text(now)
                    print(f"told anew: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
