"""`clean-spark`: which sessions it takes, what it shows and asks, what it leaves alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

import pexpect
import pytest
import yaml

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.sparked import counts, live, rows, session, start
from tests.conftest import ROOT, Cli, Crd

COUNT = 3


@pytest.fixture
def second(plane: ControlPlane, namespace: str) -> Iterator[str]:
    """One more namespace."""
    name = f"{namespace}-second"
    loader.create_namespace(plane, name)
    yield name
    loader.release(plane, namespace=name)
    loader.delete_namespace(plane, name, wait=False)


def test_sessions_go_and_all_else_stays(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    others = samples.samples(each_crd.api_version, each_crd.kind, namespace)[4:]
    loader.create_many(plane, others)
    names = start(plane, each_crd, namespace, COUNT)
    done = cli.run("clean-spark", "-n", namespace, "--yes")
    assert done.returncode == 0, done.stderr
    assert [(row[0], row[1], row[4]) for row in rows(done.stdout)] == [(namespace, name, "deleted") for name in names]
    assert counts(done.stdout) == {"deleted": COUNT}
    assert live(plane, each_crd, namespace).keys() == {each["metadata"]["name"] for each in others}


@pytest.mark.parametrize("verb", [("clean-spark",), ("clean-spark", "--dry-run=client"), ("clean-spark", "--dry-run=server")])
def test_nothing_to_clean_is_no_failure(crd: Crd, namespace: str, cli: Cli, verb: tuple[str, ...]) -> None:
    done = cli.run(*verb, "-n", namespace)
    assert done.returncode == 0, done.stderr
    assert f"nothing to clean: no Spark session in namespace {namespace}" in done.stdout
    assert json.loads(cli.ok(*verb, "-n", namespace, "-o", "json"))["sessions"] == []
    assert cli.ok(*verb, "-n", namespace, "-o", "name") == ""


def test_choice_by_namespace_and_labels(plane: ControlPlane, crd: Crd, namespace: str, second: str, cli: Cli) -> None:
    for each in (namespace, second):
        start(plane, crd, each, 1)
        loader.create_many(
            plane, [session(crd, each, 9, labels={"datarobot-lrs-type": "spark_app", "team": "a", "run": namespace})]
        )
    mine = ("-l", f"team=a,run in ({namespace})")
    cli.ok("clean-spark", "-n", namespace, *mine, "--yes")
    assert (len(live(plane, crd, namespace)), len(live(plane, crd, second))) == (1, 2)
    out = cli.ok("clean-spark", "-A", "-n", namespace, *mine, "--yes")
    assert [row[:2] for row in rows(out)] == [[second, "spark-009"]], "-A overrides -n, as in kubectl"
    assert live(plane, crd, second).keys() == {"spark-000"}
    everywhere = cli.ok("clean-spark", "-A", "--dry-run=client", "-o", "name").split()
    assert {f"{namespace}/spark-000", f"{second}/spark-000"} <= set(everywhere)
    assert "nothing to clean: no Spark session in any namespace with labels" in cli.ok("clean-spark", "-A", "-l", "team=b")


@pytest.mark.parametrize("kind", ["client", "server"])
def test_dry_run_shows_and_deletes_nothing(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, kind: str) -> None:
    start(plane, crd, namespace, COUNT)
    before = live(plane, crd, namespace)
    out = cli.ok("clean-spark", "-n", namespace, f"--dry-run={kind}")
    assert len(rows(out)) == COUNT
    assert "nothing was deleted" in out
    assert live(plane, crd, namespace) == before


def test_state_is_what_the_object_tells(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    start(plane, crd, namespace, 6)
    statuses = [
        {"conditions": [{"type": "Ready", "status": "True"}]},
        {"conditions": [{"type": "Ready", "status": "False", "reason": "ImagePullBackOff"}]},
        {"phase": "Running"},
        {"conditions": "odd", "phase": {"odd": True}},
        {},
    ]
    for each, status in zip(loader.live(plane, crd.api_version, namespace), statuses, strict=False):
        loader.set_status(plane, each, status)
    found = json.loads(cli.ok("clean-spark", "-n", namespace, "--dry-run=client", "-o", "json"))["sessions"]
    wanted = ["Ready", "Ready=False (ImagePullBackOff)", "Running", "<unknown>", "<unknown>", "<unknown>"]
    assert [each["state"] for each in found] == wanted


def test_every_format(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    names = start(plane, crd, namespace, COUNT)
    call = ("clean-spark", "-n", namespace)
    keys = [f"{namespace}/{name}" for name in names]
    plan = json.loads(cli.ok(*call, "--dry-run=client", "-o", "json"))
    assert [each["uid"] for each in plan["sessions"]] == list(live(plane, crd, namespace).values())
    shape = {"namespace", "name", "uid", "created", "ageSeconds", "state", "finalizers"}
    assert {frozenset(each) for each in plan["sessions"]} == {frozenset(shape)}
    assert "UID" in cli.ok(*call, "--dry-run=client", "-o", "wide").splitlines()[0]
    assert cli.ok(*call, "--dry-run=client", "-o", "name").split() == keys
    report = yaml.safe_load(cli.ok(*call, "--yes", "-o", "yaml"))
    assert report["counts"] == {"deleted": COUNT}
    assert [each["result"] for each in report["sessions"]] == ["deleted"] * COUNT
    start(plane, crd, namespace, COUNT)
    done = cli.run(*call, "--yes", "-q", "-o", "name")
    assert (done.stdout.split(), done.stderr) == (keys, "")


def test_without_a_terminal_it_asks_for_yes(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    start(plane, crd, namespace, 1)
    done = cli.run("clean-spark", "-n", namespace)
    assert done.returncode == 2
    assert "this needs a yes: Delete 1 Spark session (oldest:" in done.stderr
    assert len(live(plane, crd, namespace)) == 1


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 130, 2), ("", 130, 2), ("\x03", 130, 2)])
def test_question(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, answer: str, code: int, left: int) -> None:
    start(plane, crd, namespace, 2)
    environment = {**os.environ, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "kubectl_lrs", "clean-spark", "-n", namespace],
        env=environment,
        timeout=PATIENCE,
        encoding="utf-8",
        dimensions=(50, 200),
    )
    child.expect(r"Go on\? \[y/N\]: ")
    assert "spark-000" in (child.before or ""), "the sessions are shown before the question"
    assert f"in namespace {namespace} on bed (https://" in (child.before or "")
    assert "Work that runs in a Spark session is lost" in (child.before or "")
    child.send(answer if answer == "\x03" else f"{answer}\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert len(live(plane, crd, namespace)) == left


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "age": (("--older-than", "old"), "--older-than: 'old' is not a duration"),
    "no time": (("--timeout", "0"), "--timeout must be more than 0"),
    "bad timeout": (("--timeout", "5x"), "--timeout: '5x' is not a duration"),
    "selector": (("-l", "a=b=c"), "selector 'a=b=c'"),
    "parallel": (("--parallel", "0"), "--parallel"),
    "dry run": (("--dry-run=both",), "--dry-run"),
    "output": (("-o", "csv"), "unknown output format 'csv'"),
    "argument": (("spark-000",), "spark-000"),
    "namespace": (("-n", "no-such-namespace"), "namespace 'no-such-namespace' does not exist"),
    "no namespace name": (("-n", "a/b"), "'a/b' is not a valid namespace name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_refused_in_one_line(crd: Crd, cli: Cli, case: str) -> None:
    arguments, message = WRONG[case]
    done = cli.run("clean-spark", "--yes", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert done.stdout == ""


def test_missing_crd(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    loader.delete_crd(plane)
    done = cli.run("clean-spark", "-n", namespace, "--yes")
    assert done.returncode == 2
    assert "does not serve lrs.lrs.datarobot.com" in done.stderr
