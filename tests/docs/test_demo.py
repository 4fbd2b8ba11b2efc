"""The demo runs from end to end, leaves nothing behind, and fails when something differs."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import demo
from tests.bed import loader, samples, toolchain
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.conftest import Crd

CACHE = toolchain.cache()
"""Where the control plane's binary is; found before a test's own HOME hides it."""
COUNT = sum(samples.COUNTS.values()) - samples.COUNTS["spark_app"]
SCRIPT = toolchain.ROOT / "tests" / "demo.py"

Lrs = dict[str, Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A TMPDIR of the test's own: every path that the demo uses lies in it."""
    path = tmp_path / "tmp"
    path.mkdir()
    return path


def _environment(place: Path, **extra: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "KEEP"}
    return {**environment, "LRS_BED_CACHE": str(CACHE), "TMPDIR": str(place), **extra}


def _start(place: Path, *arguments: str, **extra: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        env=_environment(place, **extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(place: Path, *arguments: str, **extra: str) -> tuple[int, str, str]:
    process = _start(place, *arguments, **extra)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def _processes(place: Path) -> list[str]:
    """The command lines of the processes that have to do with a folder."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(place) in line]


def _lives(process: int) -> bool:
    """Whether it runs; one that has ended and waits for its parent to notice does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")


def _wait(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def _nothing_is_left(place: Path) -> None:
    assert list(place.glob(f"{demo.PREFIX}*")) == []
    _wait(lambda: not _processes(place))


def test_from_end_to_end(place: Path, tmp_path: Path) -> None:
    foreign = {"KUBECONFIG": "/nowhere", "LRS_BACKUP_DIR": str(tmp_path / "mine"), "HTTPS_PROXY": "http://127.0.0.1:1"}
    status, out, err = _run(place, **foreign)
    assert status == 0, out + err
    assert f"{COUNT} objects, " in out
    assert ": 0 differences\n4 spark_app sessions left out by default\n" in out
    assert "$ kubectl lrs restore latest --create-namespaces\n" in out
    assert "\033" not in out
    assert not (tmp_path / "mine").exists()
    _nothing_is_left(place)


def test_a_kept_cluster_works_until_it_is_stopped(place: Path) -> None:
    status, out, err = _run(place, KEEP="1")
    try:
        assert status == 0, out + err
        assert len(_processes(place)) == 3
        export = next(line for line in out.splitlines() if line.startswith("export "))
        script = f"{export}\nkubectl lrs list -o name && kubectl get lrs -n datarobot -o name"
        tried = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        assert len(tried.stdout.splitlines()) == 1 + COUNT
        (kept,) = place.glob(f"{demo.PREFIX}*/{demo.KEPT}")
        keeper = json.loads(kept.read_text())["keeper"]
        assert _lives(keeper)
    finally:
        stopped = _run(place, "stop")
    assert stopped[0] == 0
    assert "stopped and removed" in stopped[1]
    _nothing_is_left(place)
    _wait(lambda: not _lives(keeper))
    assert _run(place, "stop") == (0, "there is nothing to stop\n", "")


def test_stop_removes_what_a_killed_keeper_has_left(place: Path) -> None:
    left = place / f"{demo.PREFIX}left"
    left.mkdir()
    (left / demo.KEPT).write_text(json.dumps({"keeper": os.getpid(), "cluster": [os.getpid()]}))
    assert _run(place, "stop")[:2] == (0, f"stopped and removed {left}\n")
    assert not left.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted(place: Path, number: signal.Signals) -> None:
    process = _start(place)
    _wait(lambda: any("kube-controller-manager" in line for line in _processes(place)))
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    assert "interrupted; everything is stopped and removed" in err
    assert "Traceback" not in err
    _nothing_is_left(place)


def test_unknown_argument(place: Path) -> None:
    assert _run(place, "stpo")[0] == 2


def _live() -> list[Lrs]:
    made = samples.samples("lrs.datarobot.com/v1alpha1", "LRS")
    for each in made:
        each["metadata"] |= {"uid": "1", "resourceVersion": "2", "generation": 1, "creationTimestamp": "x", "managedFields": []}
        each["status"] = samples.status_of(each)
    return made


def _restored(before: list[Lrs]) -> list[Lrs]:
    after = copy.deepcopy([each for each in before if not demo.is_left_out(each)])
    for each in after:
        each["metadata"] |= {"uid": "9", "resourceVersion": "8", "generation": 7, "creationTimestamp": "y"}
        del each["status"], each["metadata"]["managedFields"]
    return after


def test_verdict_on_what_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    before = _live()
    assert demo.verdict(before, _restored(before))
    assert "0 differences" in capsys.readouterr().out


ALTERATIONS: dict[str, Callable[[list[Lrs]], object]] = {
    "value": lambda after: after[0]["spec"].update(image="other"),
    "int to float": lambda after: after[0]["spec"].update(replicas=float(after[0]["spec"]["replicas"])),
    "int to bool": lambda after: after[0]["spec"].update(replicas=bool(after[0]["spec"]["replicas"])),
    "false to zero": lambda after: after[0]["spec"].update(paused=0),
    "int to string": lambda after: after[1]["spec"].update(port="8080"),
    "minus zero": lambda after: after[0]["spec"]["template"]["nested"][0]["deep"][0].__setitem__(2, 0.0),
    "empty map to empty list": lambda after: after[0]["spec"]["template"].update(empty=[]),
    "null to absent": lambda after: after[0]["spec"]["template"].pop("nothing"),
    "order": lambda after: after[0]["spec"]["args"].reverse(),
    "label": lambda after: after[0]["metadata"]["labels"].update(more="1"),
    "finalizer": lambda after: after[0]["metadata"].update(finalizers=["x"]),
    "kind": lambda after: after[0].update(kind="Other"),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS)
def test_verdict_on_an_altered_object(alter: Callable[[list[Lrs]], object], capsys: pytest.CaptureFixture[str]) -> None:
    before = _live()
    after = _restored(before)
    alter(after)
    assert not demo.verdict(before, after)
    assert " 0 differences" not in capsys.readouterr().out


def test_verdict_on_missing_and_unknown_objects(capsys: pytest.CaptureFixture[str]) -> None:
    before = _live()
    after = _restored(before)
    name = after[0]["metadata"]["name"]
    after[0]["metadata"]["name"] = "stranger"
    assert not demo.verdict(before, after)
    out = capsys.readouterr().out
    assert f"datarobot/{name}: is missing" in out
    assert "datarobot/stranger: was not there before" in out
    assert "2 differences" in out


def test_verdict_on_fewer_objects_than_there_are_samples() -> None:
    before = _live()[:-1]
    assert not demo.verdict(before, _restored(before))


def test_a_difference_or_a_failing_command_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo.toolchain, "venv", lambda: None)
    monkeypatch.setattr(demo.toolchain, "binary", lambda: None)
    monkeypatch.setattr(demo, "_set_up", lambda _: None)
    monkeypatch.setattr(demo, "_take_down", lambda *_: None)
    monkeypatch.setattr(demo.tempfile, "mkdtemp", lambda **_: str(tmp_path))
    before = _live()
    restored = _restored(before)

    def status(after: list[Lrs], failing: str = "") -> int:
        answers = iter([before, after])
        monkeypatch.setattr(demo, "_live", lambda _: next(answers))
        monkeypatch.setattr(demo, "_run", lambda _plane, _directory, arguments: int(failing in arguments))
        return demo.demo(keep=False)

    assert status(restored) == 0
    assert status(restored[1:]) == 1
    assert [status(restored, failing) for failing in ("get", "backup", "list", "verify", "delete", "restore")] == [1] * 6


# ---- in a cluster of the user's


def _in_yours(place: Path, plane: ControlPlane, *arguments: str, **extra: str) -> tuple[int, str, str]:
    path = f"{plane.bin}{os.pathsep}{os.environ['PATH']}"
    return _run(place, "--context", *(arguments or ("bed",)), KUBECONFIG=str(plane.kubeconfig), PATH=path, **extra)


def test_in_a_cluster_that_is_named(place: Path, plane: ControlPlane) -> None:
    """What was made in it is gone afterwards, and nothing else of it was touched."""
    loader.delete_crd(plane)
    before = {each["metadata"]["name"] for each in plane.api("GET", "/api/v1/namespaces")[1]["items"]}
    status, out, err = _in_yours(place, plane)
    assert status == 0, out + err
    assert f"{COUNT} objects, " in out
    assert ": 0 differences\n" in out
    assert f"$ kubectl delete namespace {demo.IN_YOURS}\n" in out
    assert plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 404
    after = {each["metadata"]["name"] for each in plane.api("GET", "/api/v1/namespaces")[1]["items"]}
    assert after - before == set()
    assert list(place.glob(f"{demo.PREFIX}*")) == []


def test_a_cluster_with_lrs_is_left_alone(place: Path, plane: ControlPlane, crd: Crd) -> None:
    status, out, err = _in_yours(place, plane)
    assert status == 1, out
    assert "the demo leaves it alone" in err
    assert plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 200
    assert plane.api("GET", f"/api/v1/namespaces/{demo.IN_YOURS}")[0] == 404


def test_a_context_that_is_none(place: Path, plane: ControlPlane) -> None:
    status, _, err = _in_yours(place, plane, "nowhere")
    assert status == 1
    assert "nowhere" in err
    assert "Traceback" not in err
    assert _in_yours(place, plane, KEEP="1")[0] == 2


# ---- while it is built


def _said(script: str, total: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> str:
    toolchain.built(["sh", "-c", script], tmp_path, toolchain.Bar("building", total))
    return capsys.readouterr().err


def test_each_package_that_is_compiled_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = ("internal/abi", "k8s.io/api/core/v1", "gopkg.in/yaml.v3", "go: downloading x v1", "# a warning")
    script = "; ".join(f"echo '{each}' >&2" for each in lines)
    assert "building: 3 packages in 0 s" in _said(script, 10, capsys, tmp_path)


def test_what_it_says_is_shown_where_it_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        _said("echo internal/abi >&2; echo './main.go:1:1: syntax error' >&2; exit 1", 10, capsys, tmp_path)
    err = capsys.readouterr().err
    assert "main.go:1:1: syntax error" in err
    assert "internal/abi" not in err


def test_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """It grows, and is never longer than it is, whatever it was told before."""
    bar = toolchain.Bar("building", 3)
    lines = []
    for _ in range(5):
        lines.append(bar.line())
        bar.advance()
    assert [line.count("#") for line in lines] == [0, 10, 20, 30, 30]
    assert {line.count("#") + line.split("]")[0].count(".") for line in lines} == {toolchain.Bar.WIDTH}
    assert all(len(line) < 80 for line in lines)
    assert "0 of at most 1" in toolchain.Bar("building", 0).line()
