"""A namespace with a few LRS and a backup of them, which then drift apart."""

from __future__ import annotations

import json
from typing import Any

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd

Lrs = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


def lrs(crd: Crd, namespace: str, name: str, spec: dict[str, Any] | None = None, kind: str = "deployment") -> Lrs:
    metadata = {"name": name, "namespace": namespace, "labels": {samples.TYPE_LABEL: kind}}
    return {"apiVersion": crd.api_version, "kind": crd.kind, "metadata": metadata, "spec": {"image": "a:1", **(spec or {})}}


class Bed:
    """A namespace with LRS `one`, `two` and `three`, and a backup of them called `saved`."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        self.create("one", "two", "three")
        cli.ok("backup", "-n", namespace, "--name", "saved")

    def path(self, name: str, namespace: str = "") -> str:
        return f"{loader.objects_path(self.crd.api_version, namespace or self.namespace)}/{name}"

    def create(self, *names: str, namespace: str = "", spec: dict[str, Any] | None = None, kind: str = "deployment") -> None:
        made = [lrs(self.crd, namespace or self.namespace, name, spec, kind) for name in names]
        for each in made:
            each["metadata"]["labels"]["bed"] = self.namespace
        loader.create_many(self.plane, made)

    def merge(self, name: str, body: dict[str, Any], namespace: str = "") -> None:
        status, answer = self.plane.api("PATCH", self.path(name, namespace), body, content_type=MERGE_PATCH)
        assert status == 200, answer

    def delete(self, name: str) -> None:
        assert self.plane.api("DELETE", self.path(name))[0] == 200

    def data(self, *arguments: str, code: int = 4) -> dict[str, Any]:
        """The answer as JSON."""
        done = self.cli.run("diff", *arguments, "-o", "json")
        assert done.returncode == code, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def found(self, *arguments: str) -> dict[str, str]:
        """What differs: name → how."""
        done = self.cli.run("diff", *arguments, "-o", "json")
        answer = json.loads(done.stdout)
        assert done.returncode == (4 if answer["differences"] else 0), done.stderr
        return {each["name"]: each["change"] for each in answer["differences"]}


def drift(bed: Bed) -> None:
    """One is changed, one removed, one added."""
    bed.merge("one", {"metadata": {"labels": {"a.b/c": "x"}}, "spec": {"image": "b:2", "template": {"gone": None, "new": 1}}})
    bed.delete("two")
    bed.create("four")
