"""A cluster that the user has and has named, for the demo: a namespace and the invented CRD in it, both taken out again.

Only what was not there before is made, and only what was made is removed. Standard library and the user's own kubectl.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bed import loader, samples

CRD = loader.CRDS / "v1alpha1-lrs.yaml"
PATIENCE = "120s"

Lrs = dict[str, Any]


class NamedCluster:
    """One context of the user's kubeconfig. SystemExit with the reason where the demo must not use it, or it does not answer."""

    def __init__(self, context: str, namespace: str, directory: Path) -> None:
        found = shutil.which("kubectl")
        if found is None:
            sys.exit("--context uses the kubectl on your PATH, and there is none")
        self.kubectl = Path(found)
        self.namespace = namespace
        self.environment: Mapping[str, str] = os.environ
        self.kubeconfig = directory / "kubeconfig"
        text = self._run("config", "view", "--minify", "--flatten", "--context", context)
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(text)
        self.environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        self._made: list[str] = []

    def set_up(self) -> None:
        """The CRD, the namespace and the samples, with their statuses."""
        if self._run("get", "crd", loader.CRD_NAME, "--ignore-not-found", "-o", "name"):
            sys.exit(f"this cluster has the CRD {loader.CRD_NAME}: it may have LRS of somebody; the demo leaves it alone")
        if self._run("get", "namespace", self.namespace, "--ignore-not-found", "-o", "name"):
            sys.exit(f"this cluster has a namespace {self.namespace} already; the demo leaves it alone")
        self._run("create", "-f", str(CRD))
        self._made.append("crd")
        self._run("wait", "--for=condition=Established", f"crd/{loader.CRD_NAME}", f"--timeout={PATIENCE}")
        self._run("create", "namespace", self.namespace)
        self._made.append("namespace")
        self._send("create", samples.samples(*loader.version_and_kind(CRD), self.namespace))
        self._send("replace", [{**each, "status": samples.status_of(each)} for each in self.live()], "--subresource=status")

    def live(self) -> list[Lrs]:
        """The LRS that are there."""
        found: list[Lrs] = json.loads(self._run("get", "lrs", "-n", self.namespace, "-o", "json"))["items"]
        return found

    def stop(self) -> None:
        """Take out what was made; the CRD only while nobody else has an LRS."""
        if "namespace" in self._made:
            self._run("delete", "namespace", self.namespace, "--ignore-not-found", f"--timeout={PATIENCE}")
        if "crd" not in self._made:
            return
        if others := self._run("get", "lrs", "-A", "-o", "name").split():
            print(f"the CRD stays: {len(others)} LRS of somebody else have come since", file=sys.stderr)
            return
        self._run("delete", "crd", loader.CRD_NAME, "--ignore-not-found", f"--timeout={PATIENCE}")
        self._made.clear()

    def _send(self, verb: str, objects: Sequence[Lrs], *flags: str) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self._run(verb, *flags, "-f", "-", stdin=json.dumps(document))

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(self.kubectl), *arguments],
            input=stdin or "",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"kubectl {' '.join(arguments[:3])}: {done.stderr.strip()}")
        return done.stdout
