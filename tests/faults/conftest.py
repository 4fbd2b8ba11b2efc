"""What several files of faults stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import FaultProxy
from tests.bed.s3 import S3
from tests.bed.s3_between import Between
from tests.conftest import Cli


@pytest.fixture
def proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    """Trouble, between the product and the API server."""
    with FaultProxy(plane) as running:
        yield running


@pytest.fixture
def through(proxy: FaultProxy, cli: Cli, tmp_path: Path) -> Cli:
    """The product, through the proxy."""
    return Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)


@pytest.fixture
def between(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    """What stands between the gateway of S3 and us. What botocore's own settings say of attempts has no effect."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with Between(s3) as running:
        yield running


@pytest.fixture
def bucket(s3: S3, request: pytest.FixtureRequest) -> str:
    """One of a test's own."""
    name = f"e{abs(hash(request.node.name)) % 10**10}"
    (s3.buckets / name).mkdir()
    return name
