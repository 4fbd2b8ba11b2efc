"""What a pod cannot start without, by the field names that Kubernetes uses."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.stores.lrs.references import KINDS, references


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, []),
        ({"volumes": [{"secret": {"secretName": "s"}}]}, [("Secret", "s")]),
        ({"volumes": [{"configMap": {"name": "c"}}]}, [("ConfigMap", "c")]),
        ({"volumes": [{"persistentVolumeClaim": {"claimName": "p"}}]}, [("PersistentVolumeClaim", "p")]),
        ({"serviceAccountName": "a"}, [("ServiceAccount", "a")]),
        ({"imagePullSecrets": [{"name": "i"}, {"name": ""}, "x", {}]}, [("Secret", "i")]),
        ({"env": [{"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, [("Secret", "s")]),
        ({"env": [{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}}]}, []),
        ({"volumes": [{"secret": {"secretName": "s", "optional": True}}]}, []),
        ({"secret": "a word", "secretName": "", "configMap": {"name": 1}, "imagePullSecrets": {"name": "x"}}, []),
        ([[{"a": {"secretRef": {"name": "deep"}}}]], [("Secret", "deep")]),
        ("secretName", []),
        (None, []),
    ],
)
def test_references_of_a_spec(spec: Any, wanted: list[tuple[str, str]]) -> None:
    found = list(references(spec))
    assert found == wanted
    assert all(kind in KINDS for kind, _ in found)
