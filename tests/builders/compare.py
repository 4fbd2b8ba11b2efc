"""What a test holds against each other: objects without what belongs to one life in one cluster."""

from __future__ import annotations

from typing import Any

from tests.bed import loader
from tests.bed.controlplane import ControlPlane

OF_ONE_LIFE = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink")

Key = tuple[str, str]


def essence(manifest: dict[str, Any]) -> dict[str, Any]:
    """An object without server-set metadata, owners and status."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in OF_ONE_LIFE}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


def essences(plane: ControlPlane, api_version: str, *namespaces: str) -> dict[Key, dict[str, Any]]:
    """The essence of every live LRS of these namespaces, by namespace and name."""
    found = [each for namespace in namespaces for each in loader.live(plane, api_version, namespace)]
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): essence(each) for each in found}
