"""Addresses of storages: which are taken, which are refused before anything is asked, and that each kind has its module."""

from __future__ import annotations

import importlib

import pytest

from kubectl_lrs.backends import place


@pytest.mark.parametrize("scheme", place._KINDS)
def test_every_kind_of_storage_has_a_module_that_opens_it(scheme: str) -> None:
    assert callable(importlib.import_module(f"kubectl_lrs.backends.{place._KINDS[scheme].module}").opened)
