"""Nightly runs in the cluster while something goes away: pods that are killed or drained, a token, the storage, the disk."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, node
from tests.bed.s3_between import Answer, Between, Forward, Gate, Request
from tests.bed.standin import Hold
from tests.builders.nights import Night, first_end, states

pytestmark = pytest.mark.skipif(not node.can_run(), reason="this machine lets nobody have mounts of its own")


def test_a_node_is_drained_in_mid_run(night: Night) -> None:
    """SIGTERM: the run puts away what it has begun; a disruption is no failure, and another pod makes the backup."""
    night.gate.fits = lambda request: request.method == "PUT"
    run = night.cli.start("schedule", "run", "-o", "json", env=night.env)
    assert night.gate.hold.seen.wait(loader.PATIENCE)
    pod = night.pod()
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": night.namespace}}
    code, answer = night.plane.api("POST", f"/api/v1/namespaces/{night.namespace}/pods/{name}/eviction", eviction)
    assert code == 201, answer
    loader.wait_until(lambda: night.node.was_told(uid), "the node to send SIGTERM")
    night.gate.fits = lambda _request: False
    night.gate.hold.freed.set()
    said, log = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, log
    assert night.node.ended(uid) == 130, night.node.written(uid)
    assert json.loads(said)["exitStatus"] == 0
    (job,) = night.items("jobs")
    assert job["status"]["succeeded"] == 1
    assert job["status"].get("failed", 0) == 0, "a disruption does not count"
    (made,) = night.backups()
    night.call("verify", made, "--full")
    night.call("schedule", "status")


def test_the_token_is_over_in_mid_run(night: Night) -> None:
    """The server knows it no more; the node has laid a new one, and the run goes on with that to list the LRS."""
    night.gate.fits = lambda request: request.method in ("GET", "HEAD", "PUT")
    run = night.cli.start("schedule", "run", "-o", "json", env=night.env)
    assert night.gate.hold.seen.wait(loader.PATIENCE)
    pod = night.pod()
    account = f"/api/v1/namespaces/{night.namespace}/serviceaccounts/lrs-backup"
    there = night.plane.api("GET", account)[1]
    assert night.plane.api("DELETE", account)[0] == 200
    again = {key: there["metadata"][key] for key in ("name", "labels")}
    body = {"metadata": again, "automountServiceAccountToken": False}
    assert night.plane.api("POST", account.rpartition("/")[0], body)[0] == 201
    old = night.node.token(pod)
    loader.wait_until(lambda: night.plane.api("GET", "/api", token=old)[0] == 401, "the old token to be over")
    night.node.renew(pod)
    night.gate.hold.freed.set()
    _, log = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, log
    assert len(night.items("pods")) == 1, "it was the same run"
    assert len(night.backups()) == 1


@pytest.mark.campaign
def test_the_storage_is_gone(night: Night) -> None:
    """It ends with 5, and is tried again by the Job; when the storage is back the backup is made."""
    night.s3.stop()
    try:
        run = night.cli.start("schedule", "run", env=night.env)
        loader.wait_until(lambda: any("terminated" in state for state in states(night)), "the first pod to give up")
        ends = [state["terminated"] for state in states(night) if "terminated" in state]
        assert ends[0]["exitCode"] == 5, ends
        assert ends[0]["message"].startswith("nightly run: exit status 5: ")
        assert f"s3://{night.namespace}/lrs" in ends[0]["message"], "which storage"
        assert night.cli.run("schedule", "status", env=night.env).returncode == 5
    finally:
        night.s3.start()
    _, log = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, log
    assert len(night.backups()) == 1


def test_the_disk_of_a_pod_is_full(night: Night) -> None:
    """Nothing can be written to /tmp: the run says so, ends with its status, and leaves its Event and its message."""
    night.node.sizes["tmp"] = "4k"
    run = night.cli.start("schedule", "run", env=night.env)
    message = first_end(night, run, 1)
    (name, reason, said), *_ = night.told()
    assert (name, reason) == ("lrs-backup", "NightlyFailed")
    for each in (message, said):
        assert "exit status 1" in each
        assert "o space left" in each
    assert night.backups() == []


# ---- several pods for one backup

SHARDS = 8

INDEX = "batch.kubernetes.io/job-completion-index"


@dataclass
class Meddling:
    """What lies between pods and the storage of files: files that are refused, and those whose first request is held."""

    refused: set[str]
    held: dict[str, Hold]

    def __call__(self, request: Request, _forward: Forward) -> Answer | None:
        name = request.path.partition("?")[0].rpartition("/")[2]
        if "/storage/" not in request.path or request.method != "GET":
            return None
        if name in self.refused:
            return Answer.error(403, "AccessDenied")
        if hold := self.held.pop(name, None):
            hold()
        return None


def _sharded(night: Night, between: Between) -> None:
    """Eight files of a size, and pods that copy them."""
    for number in range(SHARDS):
        path = night.s3.buckets / night.namespace / "storage" / f"f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes([number]) * 5000)
    night.change(files={"url": f"s3://{night.namespace}/storage", "endpoint": between.endpoint, "level": "copy", "all": True})
    night.call("schedule", "--apply", "--shards", str(SHARDS))


def _copying(night: Night) -> dict[str, list[dict[str, Any]]]:
    """The pods that copy, by their index."""
    found: dict[str, list[dict[str, Any]]] = {}
    for pod in night.items("pods"):
        if index := pod["metadata"]["labels"].get(INDEX):
            found.setdefault(index, []).append(pod)
    return found


def _as_by_one_process(night: Night, made: str, tmp_path: Path) -> None:
    """The backup has the files, the list of them and the sums that one process makes."""
    night.cli.ok("repository", "init", tmp_path / "alone")
    night.cli.ok("backup", "--name", "one", "--backup-dir", tmp_path / "alone", env=night.env)
    night.cli.ok("export", "one", tmp_path / "one", "--backup-dir", tmp_path / "alone")
    night.cli.ok("export", made, tmp_path / "several", env=night.env)
    night.call("verify", made, "--full")
    one, several = (_sums_of_files(tmp_path / each) for each in ("one", "several"))
    assert len(one) == SHARDS + 1
    assert several == one


def _sums_of_files(folder: Path) -> list[str]:
    return [line for line in (folder / "SHA256SUMS").read_text().splitlines() if "  files" in line]


@pytest.mark.campaign
def test_an_indexed_job_copies_the_files(night: Night, gated: tuple[Between, Gate], tmp_path: Path) -> None:
    """Two segments fail at first, a pod is killed in the middle, and so is the one that coordinates; its next one waits for the
    same Job, and seals what one process would."""
    way, _ = gated
    _sharded(night, way)
    killed, last = Hold(), Hold()
    meddling = Meddling({"f2", "f5"}, {"f3": killed, "f7": last})
    way.rule = meddling
    run = night.cli.start("schedule", "run", "-o", "json", env=night.env)
    assert killed.seen.wait(loader.PATIENCE)
    (pod,) = _copying(night)["3"]
    night.node.kill(pod["metadata"]["uid"], signal.SIGKILL)
    killed.freed.set()
    loader.wait_until(lambda: all(_failed(night, each) for each in "235"), "three pods to fail")
    meddling.refused.clear()
    (first,) = (each for each in night.items("pods") if INDEX not in each["metadata"]["labels"])
    assert last.seen.wait(loader.PATIENCE)
    night.node.kill(first["metadata"]["uid"], signal.SIGKILL)

    def second() -> str:
        uids = [each["metadata"]["uid"] for each in night.items("pods") if INDEX not in each["metadata"]["labels"]]
        return "".join(night.node.written(uid) for uid in uids if uid != first["metadata"]["uid"] and uid in night.node.running())

    loader.wait_until(lambda: "goes on, and is waited for" in second(), "another one to find the Job that is there")
    assert len([each for each in night.items("jobs") if each["spec"].get("completionMode") == "Indexed"]) == 1
    last.freed.set()
    said, log = run.communicate(timeout=2 * loader.PATIENCE)
    assert (run.returncode, json.loads(said)["exitStatus"]) == (0, 0), log
    assert log.count("segments are copied by Job") == 1, "the second one finds all of them marked"
    (made,) = night.backups()
    _as_by_one_process(night, made, tmp_path)
    loader.wait_until(lambda: not _copying(night), "the Job to be removed, with its pods")


def _failed(night: Night, index: str) -> bool:
    return any(each["status"]["phase"] == "Failed" for each in _copying(night).get(index, ()))
