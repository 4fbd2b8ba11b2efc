"""Paths of objects, and which version they are stored in."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.resources import NAMESPACES, Resource, stored_version

LRS = Resource(group="lrs.datarobot.com", version="v1", plural="lrs", kind="LRS")


def test_paths() -> None:
    assert LRS.path() == "/apis/lrs.datarobot.com/v1/lrs"
    assert LRS.path("a", "b") == "/apis/lrs.datarobot.com/v1/namespaces/a/lrs/b"
    assert NAMESPACES.path(name="a/b") == "/api/v1/namespaces/a%2Fb"


@pytest.mark.parametrize(
    ("entry", "served", "stored"),
    [
        ({"kind": "LRS", "storageVersionHash": "Kh0iFJCN/TY="}, ["v1", "v1alpha1"], "v1alpha1"),  # as a real server says it
        ({"kind": "LRS", "storageVersionHash": "F0G4U3UKjKQ="}, ["v1", "v1alpha1"], "v1"),
        ({"kind": "LRS", "storageVersionHash": "F0G4U3UKjKQ="}, ["v1alpha1"], ""),
        ({"kind": "Other", "storageVersionHash": "F0G4U3UKjKQ="}, ["v1", "v1alpha1"], ""),
        ({"kind": "LRS", "storageVersionHash": ""}, ["v1"], ""),
        ({"kind": "LRS"}, ["v1"], ""),
        ({}, [], ""),
    ],
)
def test_the_version_that_objects_are_stored_in(entry: dict[str, Any], served: list[str], stored: str) -> None:
    assert stored_version("lrs.datarobot.com", entry, served) == stored
