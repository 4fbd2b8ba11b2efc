"""Fixtures: storages that all tests of a run share. Each test has a bucket of its own there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bed.azurite import Azurite
from tests.bed.gcs import Gcs
from tests.bed.hdfs import Hdfs


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    """A Google Cloud Storage."""
    with Gcs(tmp_path_factory.mktemp("gcs")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """An HDFS."""
    with Hdfs(tmp_path_factory.mktemp("hdfs")) as running:
        yield running


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A Blob service of Azure."""
    with Azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running
