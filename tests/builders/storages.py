"""Fixtures: storages that tests share, of a file where they start in a moment, else of the run. A bucket is a test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bed.azurite import Azurite
from tests.bed.gcs import Gcs
from tests.bed.hdfs import Hdfs
from tests.bed.registry import Registry
from tests.bed.s3 import S3


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


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A gateway that speaks S3."""
    with S3(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of images that asks nobody who he is."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
