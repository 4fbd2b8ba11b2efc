"""What a spec refers to and a pod cannot start without: Secrets, ConfigMaps, claims, service accounts. Pure.

The schema of LRS is not public, so the references are found by the field names that Kubernetes itself uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_lrs.clients.kubernetes.resources import Resource

KINDS: dict[str, Resource] = {
    kind: Resource(group="", version="v1", plural=plural, kind=kind)
    for kind, plural in (
        ("Secret", "secrets"),
        ("ConfigMap", "configmaps"),
        ("PersistentVolumeClaim", "persistentvolumeclaims"),
        ("ServiceAccount", "serviceaccounts"),
    )
}

Reference = tuple[str, str]
"""(kind, name); the namespace is that of the object."""

_BY_STRING: dict[str, str] = {
    "secretName": "Secret",
    "claimName": "PersistentVolumeClaim",
    "serviceAccountName": "ServiceAccount",
}
_BY_NAME: dict[str, str] = {
    "secret": "Secret",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
    "configMap": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
}
_BY_LIST: dict[str, str] = {"imagePullSecrets": "Secret"}
_FIELDS = frozenset((*_BY_STRING, *_BY_NAME, *_BY_LIST))


def references(value: Any) -> list[Reference]:
    """Every reference in a spec; one that is marked optional is none."""
    found: list[Reference] = []
    _gather(value, found)
    return found


def _gather(value: Any, found: list[Reference]) -> None:
    if isinstance(value, list):
        for item in value:
            _gather(item, found)
    elif isinstance(value, dict):
        counts = not value.get("optional")
        for key, item in value.items():
            if counts and key in _FIELDS:
                found += _of_field(key, item)
            if isinstance(item, (dict, list)):
                _gather(item, found)


def _of_field(key: str, item: Any) -> Iterator[Reference]:
    if key in _BY_STRING and isinstance(item, str) and item:
        yield _BY_STRING[key], item
    elif key in _BY_NAME and isinstance(item, dict):
        if isinstance(item.get("name"), str) and item["name"] and not item.get("optional"):
            yield _BY_NAME[key], item["name"]
    elif key in _BY_LIST and isinstance(item, list):
        for entry in item:
            if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"]:
                yield _BY_LIST[key], entry["name"]
