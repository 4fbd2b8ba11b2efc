"""`prune`, `hold`, `unhold`, `forget` on real folders, the backups of a real cluster among them."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples, warm
from tests.bed.controlplane import ControlPlane
from tests.builders.sealing import nights
from tests.conftest import ROOT, Cli, Crd

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Five nights."""
    nights(tmp_path / "backups", 5)
    return tmp_path / "backups"


def _run(place: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    words = [*arguments, "--backup-dir", str(place)]
    return warm.run(words, env={**warm.environment(), **(env or {})}, cwd=Path.cwd(), timeout=loader.PATIENCE)


def _names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if not path.name.startswith("."))


ALL = [f"night-{number}" for number in range(5)]


def test_plan_and_what_is_done(place: Path) -> None:
    plan = _run(place, "prune", "--keep-last", "3", "--dry-run=client")
    assert (plan.returncode, plan.stderr) == (0, "")
    assert _names(place) == ALL
    assert "2 to remove, which frees" in plan.stdout
    told = json.loads(_run(place, "prune", "--keep-last", "3", "--dry-run=client", "-o", "json").stdout)
    assert {each["name"]: (each["action"], each["reasons"]) for each in told["backups"]} == {
        "night-0": ("keep", ["last", "minimum"]),
        "night-1": ("keep", ["last", "minimum"]),
        "night-2": ("keep", ["last"]),
        "night-3": ("remove", []),
        "night-4": ("remove", []),
    }
    done = _run(place, "prune", "--keep-last", "3", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert [each["name"] for each in json.loads(done.stdout)["backups"]] == ["night-4", "night-3"]
    assert _names(place) == ["night-0", "night-1", "night-2"]
    again = _run(place, "prune", "--keep-last", "3")
    assert (again.returncode, again.stdout) == (0, f"{place}: nothing to remove; 3 stay\n")


def test_no_rule_is_refused_with_an_example(place: Path) -> None:
    done = _run(place, "prune", "--minimum", "1")
    assert done.returncode == 2
    assert "--keep-daily 14" in done.stderr
    assert _names(place) == ALL


@pytest.mark.parametrize(
    "rules", [("--keep-daily", "2"), ("--keep-within", "24h"), ("--keep-within-weekly", "1h", "--minimum", "0")]
)
def test_more_than_half_asks(place: Path, rules: tuple[str, ...]) -> None:
    done = _run(place, "prune", *rules)
    assert done.returncode == 2
    assert "this needs a yes" in done.stderr
    assert "night-4" in done.stderr, "the plan is shown"
    assert _names(place) == ALL
    assert _run(place, "prune", *rules, "--yes").returncode == 0
    assert len(_names(place)) <= 2


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 130)])
def test_question(place: Path, answer: str, code: int) -> None:
    main, side = pty.openpty()
    with os.fdopen(main, "r+b", buffering=0) as terminal, os.fdopen(side, "rb") as other:
        command = [sys.executable, "-m", "kubectl_lrs", "forget", "night-4", "--backup-dir", str(place)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = subprocess.Popen(command, env=environment, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        terminal.write(answer.encode())
        _, said = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == code
    assert "Remove night-4 from" in said
    assert ("night-4" in _names(place)) is (code != 0)


def test_hold_unhold_forget(place: Path) -> None:
    assert _run(place, "hold", "night-4", "--reason", "audit\x1b[2J").returncode == 0
    shown = _run(place, "list", "-o", "wide").stdout
    assert "audit\\x1b[2J" in shown
    assert json.loads(_run(place, "list", "-o", "json").stdout)["backups"][0]["hold"]["reason"] == "audit\x1b[2J"
    assert _run(place, "prune", "--keep-last", "3").returncode == 0
    assert _names(place) == ["night-0", "night-1", "night-2", "night-4"]
    refused = _run(place, "forget", "night-4", "night-2", "--yes")
    assert refused.returncode == 2
    assert "unhold night-4" in refused.stderr
    assert "night-2" in _names(place), "nothing was removed"
    assert _run(place, "unhold", "night-4").returncode == 0
    assert _run(place, "unhold", "night-4").returncode == 2
    done = _run(place, "forget", "night-4", "night-2", "--yes", "-o", "name")
    assert (done.returncode, done.stdout) == (0, "night-4\nnight-2\n")
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == []


def test_latest_may_be_held(place: Path) -> None:
    assert "night-0 is held" in _run(place, "hold", "latest", "--reason", "why").stderr


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "forget without a name": (("forget",), "no backup is named"),
    "forget latest": (("forget", "latest", "--yes"), "not found"),
    "forget a path": (("forget", "./night-1", "--yes"), "not found"),
    "forget one that is not there, after one that is": (("forget", "night-1", "night-9", "--yes"), "not found"),
    "hold without a reason": (("hold", "night-1"), "--reason"),
    "hold with a blank reason": (("hold", "night-1", "--reason", "  "), "--reason"),
    "hold with a book": (("hold", "night-1", "--reason", "x" * 1001), "--reason"),
    "hold nothing": (("hold", "--reason", "x"), "no backup is named"),
    "hold one that is not there": (("hold", "night-9", "--reason", "x"), "not found"),
    "unhold nothing": (("unhold",), "no backup is named"),
    "keep nothing": (("prune", "--keep-last", "0"), "--keep-last"),
    "keep less than nothing": (("prune", "--keep-last", "1", "--minimum", "-1"), "--minimum"),
    "keep for no time": (("prune", "--keep-within", "soon"), "not a duration"),
    "keep for ever": (("prune", "--keep-within", "9999999999999d"), "longer"),
    "keep a name that is none": (("prune", "--keep-last", "9", "--keep-name", "night-9"), "there is night"),
    "unforget": (("unforget", "night-1"), "is gone"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(place: Path, case: str) -> None:
    words, said = WRONG[case]
    done = _run(place, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert _names(place) == ALL


def test_kept_by_name(place: Path) -> None:
    assert _run(place, "prune", "--keep-last", "2", "--keep-name", "night-4,night-3").returncode == 0
    assert _names(place) == ["night-0", "night-1", "night-3", "night-4"]


def test_sign_of_a_change_is_told_where_the_answer_cannot_be(place: Path) -> None:
    command = [sys.executable, "-m", "kubectl_lrs", "prune", "--keep-last", "3", "--backup-dir", str(place)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=loader.PATIENCE,
        )
    assert done.returncode == 1
    assert "2 removed; 3 stay; the result could not be written" in done.stderr


def test_completion(place: Path) -> None:
    environment = {"LRS_BACKUP_DIR": str(place)}

    def words(*typed: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "kubectl_lrs", "__complete", *typed],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return [line.split("\t")[0] for line in done.stdout.splitlines() if not line.startswith(":")]

    assert words("forget", "") == ALL
    assert words("forget", "night-1", "night-") == [name for name in ALL if name != "night-1"]
    assert words("prune", "--keep-name", "night-1,night-2,") == [f"night-1,night-2,{name}" for name in (ALL[0], *ALL[3:])]
    assert words("hold", "") == ["latest", *ALL]
    assert "--keep-within-monthly" in words("prune", "--keep-w")
    assert "unhold" in words("unh")


def test_backups_of_a_cluster(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    """Four nights of which one LRS changes: what is the same is shared, and stays when the first ones go."""
    objects: list[Any] = [samples.filler(number, crd.api_version, crd.kind, namespace) for number in range(20)]
    loader.create_many(plane, objects)
    made = []
    for number in range(4):
        made.append(json.loads(cli.ok("backup", "-n", namespace, "--name", f"n{number}", "-o", "json")))
        name = objects[number]["metadata"]["name"]
        patch = {"metadata": {"labels": {"changed": "yes"}}}
        plane.kubectl_run("patch", "lrs", name, "-n", namespace, "--type=merge", "-p", json.dumps(patch))
    assert made[0]["stored"]["linkedFiles"] == 0
    assert [each["stored"]["linkedFiles"] for each in made[1:]] == [20, 20, 20], "19 LRS and the CRD"
    lines = cli.ok("backup", "-n", namespace, "--name", "n4").splitlines()
    assert lines[-2].startswith("new: 3 files, ")
    assert "linked to earlier backups: 20 files, " in lines[-2]
    assert (cli.directory / "n0" / "crd.yaml").stat().st_nlink == 5
    cli.ok("forget", "n0", "n1", "--yes")
    cli.ok("prune", "--keep-last", "2")
    assert cli.ok("list", "-o", "name").split() == ["n3", "n4"]
    for name in ("n3", "n4"):
        cli.ok("verify", name)
    cli.ok("restore", "n4")
    sums = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=cli.directory / "n4", capture_output=True, text=True, check=False
    )
    assert (sums.returncode, sums.stdout) == (0, "")
    assert cli.run("list", "-o", "wide").returncode == 0
    identity = json.loads(cli.ok("show", "n4", "-o", "json"))["identity"]
    assert hashlib.sha256((cli.directory / "n4" / "SHA256SUMS").read_bytes()).hexdigest() == identity
