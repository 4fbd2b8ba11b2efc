"""A control plane for measuring, a folder, and the commands that are measured in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Run, run
from tests.bed import loader, samples, toolchain
from tests.bed.controlplane import ControlPlane

CRD = loader.CRDS / "v1alpha1-lrs.yaml"
API_VERSION, KIND = loader.version_and_kind(CRD)
NAMESPACE = "datarobot"


class Place:
    """One control plane with the CRD, and a folder of its own."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.directory = directory
        self.python = toolchain.venv()
        self.environment = {
            "PATH": f"{plane.bin}:{os.defpath}",
            "HOME": str(directory),
            "KUBECONFIG": str(plane.kubeconfig),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(toolchain.ROOT),  # what is measured is this tree, whosever `.venv` it has
        }

    @classmethod
    @contextmanager
    def fresh(cls) -> Iterator[Place]:
        """A new control plane, taken down again at the end."""
        directory = Path(tempfile.mkdtemp(prefix="kubectl-lrs-bench-"))
        try:
            with ControlPlane.start(directory / "plane") as plane:
                loader.install_crd(plane, CRD)
                (directory / "work").mkdir()
                yield cls(plane, directory / "work")
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def fill(self, count: int, namespace: str = NAMESPACE) -> None:
        """Create so many LRS of 3.6 kB each."""
        loader.create_namespace(self.plane, namespace)
        made = (samples.filler(number, API_VERSION, KIND, namespace) for number in range(count))
        loader.create_many(self.plane, made, workers=16)

    def lrs(self, *arguments: str, code: int = 0) -> Run:
        """The product, as pip installs it."""
        return self.run(str(self.python.parent / "kubectl-lrs"), *arguments, code=code)

    def kubectl(self, *arguments: str, output: str = "") -> Run:
        """The real kubectl."""
        return self.run(str(self.plane.kubectl), *arguments, output=output)

    def run(self, *command: str, output: str = "", code: int = 0) -> Run:
        """Any command, in the folder; `output`: the file for its standard output."""
        return run(
            command,
            environment=self.environment,
            cwd=self.directory,
            output=self.directory / output if output else None,
            code=code,
        )

    def clean(self, what: str, command: Callable[[], Run]) -> Run:
        """Run a command that writes a folder which must not be there yet."""
        shutil.rmtree(self.directory / what, ignore_errors=True)
        return command()
