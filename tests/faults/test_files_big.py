"""Large files and many of them: memory stays flat, over a path and over S3."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from benchmarks.measure import run
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import stored
from tests.conftest import ROOT, Cli, Crd

SIZE = 300 << 20
LIMIT = 200.0
"""MB that a run may have at its peak; the program with what speaks S3 takes 70 before the first byte."""


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if sys.version_info >= (3, 11) else _slowly(path)


def _slowly(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ["mount", "s3"])
def test_a_large_file_takes_little_memory(
    kind: str, s3: S3, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path
) -> None:
    stored.populate(plane, crd, namespace)
    ground = stored.mount(tmp_path) if kind == "mount" else stored.bucket(s3, "large")
    large = ground.root / "large" / "file"
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate(SIZE)
        file.seek(SIZE // 2)
        file.write(os.urandom(1000))
    before = _sum(large)
    environment = {**os.environ, **ground.environment, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT)}
    program = (sys.executable, "-m", "kubectl_lrs")
    saving = (*program, "backup", "-n", namespace, "--files", "copy", "--files-all", *ground.reached, "--name", "large", "-q")
    assert run(saving, environment=environment, cwd=cli.directory).peak < LIMIT
    ground.empty()
    back = (*program, "restore", "large", "--tier", "files", *ground.reached, "-q")
    assert run(back, environment=environment, cwd=cli.directory).peak < LIMIT
    assert _sum(large) == before
