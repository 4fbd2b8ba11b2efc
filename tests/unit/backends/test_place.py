"""Addresses of storages: which are taken, which are refused before anything is asked, and that each kind has its module."""

from __future__ import annotations

import importlib

import pytest

from kubectl_lrs.backends import place
from kubectl_lrs.model.errors import UsageError


@pytest.mark.parametrize("kind", [*place._KINDS.values(), *place._OURS.values()], ids=lambda kind: kind.module)
def test_every_kind_of_storage_has_a_module_that_opens_it(kind: place._Kind) -> None:
    assert callable(importlib.import_module(f"kubectl_lrs.backends.{kind.module}").opened)


@pytest.mark.parametrize("scheme", sorted(set(place._KINDS) - {"file", "s3"}))
def test_an_endpoint_where_there_is_none(scheme: str) -> None:
    with pytest.raises(UsageError, match=f"is not for {scheme}://"):
        place.open_backend(place.StorageLocation(url=f"{scheme}://b/p", endpoint="https://other"))


@pytest.mark.parametrize(
    "endpoint", ["http://[bad", "http://h:abc", "https://a b", "https://h:99999", "host:9000", "ftp://h", "https://"]
)
@pytest.mark.parametrize("scheme", ["az", "gs", "s3"])
def test_an_endpoint_that_is_none(scheme: str, endpoint: str) -> None:
    with pytest.raises(UsageError, match=r"--backup-endpoint .*: no URL of a server"):
        place.open_backend(place.StorageLocation(url=f"{scheme}://b/p", endpoint=endpoint, said=place.BACKUPS, is_ours=True))


@pytest.mark.parametrize("scheme", ["az", "gs"])
def test_an_endpoint_in_the_options_that_is_none(scheme: str) -> None:
    options = {"endpoint_url": "http://[bad"}
    with pytest.raises(UsageError, match="no URL of a server"):
        place.open_backend(place.StorageLocation(url=f"{scheme}://b/p", options=options, said=place.BACKUPS, is_ours=True))
