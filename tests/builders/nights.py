"""An installation whose nights are set up: in the cluster, on a node, by the real controllers.

Pods are admitted by the restricted Pod Security Standard, as the real API server enforces it.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.bed import loader, samples, sandbox
from tests.bed.controlplane import ControlPlane
from tests.bed.node import Node
from tests.bed.s3 import S3
from tests.bed.s3_between import Between, Gate

if TYPE_CHECKING:
    from tests.conftest import Cli, Crd

IMAGE = f"registry.example.com/kubectl-lrs@sha256:{'0' * 64}"

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass
class Night:
    """An installation whose nights are set up: a namespace with LRS, a bucket, a node, an administrator."""

    plane: ControlPlane
    namespace: str
    node: Node
    s3: S3
    cli: Cli
    config: Path
    gate: Gate

    @property
    def env(self) -> dict[str, str]:
        """The administrator's."""
        return {**self.s3.environment, "LRS_CONFIG": str(self.config)}

    def call(self, *words: str, code: int = 0) -> dict[str, Any]:
        """A command as administrator; its document."""
        done = self.cli.run(*words, "-o", "json", env=self.env)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return dict(json.loads(done.stdout))

    def backups(self) -> list[str]:
        """The names of all that are sealed."""
        return [each["name"] for each in self.call("list")["backups"]]

    def items(self, plural: str) -> list[dict[str, Any]]:
        """Objects of the namespace."""
        group = "/apis/batch/v1" if plural in ("jobs", "cronjobs") else "/api/v1"
        code, found = self.plane.api("GET", f"{group}/namespaces/{self.namespace}/{plural}")
        assert code == 200
        return list(found["items"])

    def told(self) -> list[tuple[str, str, str]]:
        """The Events on CronJobs that the product has made: (name, reason, message)."""
        made = (each for each in self.items("events") if "lrs" in each["reportingComponent"])
        return [(each["involvedObject"]["name"], each["reason"], each["message"]) for each in made]

    def change(self, **settings: Any) -> None:
        """Sections of the installation file."""
        self.config.write_text(yaml.safe_dump(yaml.safe_load(self.config.read_text()) | settings))

    def pod(self) -> dict[str, Any]:
        """The one that runs; waits until it does."""
        loader.wait_until(lambda: bool(self.node.running()), "a pod to run")
        uid = self.node.running()[0]
        return next(each for each in self.items("pods") if each["metadata"]["uid"] == uid)


@pytest.fixture
def gated(s3: S3) -> Iterator[tuple[Between, Gate]]:
    """What lies between pods and the storage, and what holds a request there."""
    gate = Gate()
    with Between(s3, gate) as running:
        yield running, gate


@pytest.fixture
def night(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, s3: S3, gated: tuple[Between, Gate], tmp_path: Path
) -> Iterator[Night]:
    way, gate = gated
    labels = {"metadata": {"labels": RESTRICTED}}
    assert plane.api("PATCH", f"/api/v1/namespaces/{namespace}", labels, content_type="application/merge-patch+json")[0] == 200
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[:5])
    (s3.buckets / namespace).mkdir()
    path = tmp_path / "prod.yaml"
    settings = {
        "cluster": {"uid": plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]},
        "namespace": namespace,
        "repository": {"url": f"s3://{namespace}/lrs", "endpoint": way.endpoint},
        "retention": {"keepLast": 1, "minimum": 1},
        "schedule": {"image": IMAGE, "backupEnv": ["store"], "pruneEnv": ["store"]},
    }
    path.write_text(yaml.safe_dump(settings))
    path.chmod(0o600)
    plane.kubectl_run(
        "create",
        "secret",
        "generic",
        "store",
        "-n",
        namespace,
        *(f"--from-literal={key}={value}" for key, value in s3.environment.items()),
    )
    with Node(plane, namespace, tmp_path / "node", {IMAGE: sandbox.product()}) as running:
        made = Night(plane, namespace, running, s3, cli, path, gate)
        cli.ok("repository", "init", env=made.env)
        made.call("schedule", "--apply")
        yield made
        gate.hold.freed.set()
        made.call("schedule", "--delete")


def states(night: Night) -> Iterator[dict[str, Any]]:
    """Those of the containers of all pods."""
    for pod in night.items("pods"):
        yield from (each["state"] for each in pod["status"].get("containerStatuses") or ())


def first_end(night: Night, run: subprocess.Popen[str], code: int) -> str:
    """The termination message of the first pod that ends so. Its Job would try again, which nobody waits for."""

    def ends() -> list[str]:
        over = (state["terminated"] for state in states(night) if "terminated" in state)
        return [each["message"] for each in over if each["exitCode"] == code]

    loader.wait_until(lambda: bool(ends()), f"a pod to end with {code}")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=loader.PATIENCE)
    return ends()[0]
