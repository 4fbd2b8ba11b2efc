"""Sample LRS of every workload type, accepted by both CRDs of the bed. Names, labels and specs are invented."""

from __future__ import annotations

from typing import Any

Lrs = dict[str, Any]

TYPE_LABEL = "datarobot-lrs-type"
CUSTOM_APPLICATION = "custom_application"
"""Invented: the value for custom applications is not public."""

COUNTS = {
    "spark_app": 4,
    "deployment": 8,
    CUSTOM_APPLICATION: 5,
    "management_agent": 2,
    "tracking_agent": 2,
    "training_run": 2,
    "": 1,
}
"""How many of each type; the empty one carries no type label."""

TROUBLESOME = (
    "y",
    "n",
    "on",
    "null",
    "~",
    "1e3",
    "0o14",
    "08",
    "0x1F",
    "1_000",
    "12:30:45",
    "2026-11-23",
    ".inf",
    "=",
    "<<",
    "",
)
"""Strings that some reader of YAML takes for something else."""


def samples(api_version: str, kind: str, namespace: str = "datarobot") -> list[Lrs]:
    """Two dozen LRS."""
    made: list[Lrs] = []
    for workload, count in COUNTS.items():
        made += [_sample(api_version, kind, namespace, workload, number, len(made) + number) for number in range(count)]
    return made


def _sample(api_version: str, kind: str, namespace: str, workload: str, number: int, serial: int) -> Lrs:
    identifier = f"65f0{serial:04x}c0ffee{serial * 7919:010x}"
    stem = workload.replace("_", "-") or "untyped"
    labels = {"app.kubernetes.io/part-of": "datarobot"} | ({TYPE_LABEL: workload} if workload else {})
    if workload == "deployment":
        labels["datarobot-deployment-id"] = identifier
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": f"lrs-{stem}-{identifier}",
            "namespace": namespace,
            "labels": labels,
            "annotations": {"datarobot.com/owner": "administrator", "example.com/number": str(number)},
        },
        "spec": _spec(workload, identifier, number, serial),
    }


def _spec(workload: str, identifier: str, number: int, serial: int) -> dict[str, Any]:
    repository = "custom-apps/managed-image" if workload == CUSTOM_APPLICATION else "managed-image"
    return {
        "image": f"registry.example.com/datarobot/{repository}:{identifier}",
        "replicas": number % 3,
        "paused": False,
        "maxBytes": 2**62 + serial,
        "threshold": 0.1 + number,
        "port": 8080 if number % 2 else "http",
        "env": {"LRS_ID": identifier, "LANG": "C.UTF-8", **{f"V{n}": text for n, text in enumerate(TROUBLESOME)}},
        "args": ["--serve", "first line\nsecond line\n", "ünïcödé ✓", "tab\there"],
        "template": {
            "empty": {},
            "none": [],
            "nothing": None,
            "nested": [{"deep": [[1, 2.5, -0.0], []]}, "x"],
            "big": 1e21,
            "containers": [{"name": "main", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}],
        },
    }


def status_of(sample: Lrs) -> dict[str, Any]:
    """A status that an operator would have set; every fourth one has failed."""
    failed = int(sample["metadata"]["annotations"]["example.com/number"]) % 4 == 3
    return {
        "phase": "Failed" if failed else "Running",
        "conditions": [{"type": "Ready", "status": "False" if failed else "True", "reason": "Invented"}],
    }


def filler(number: int, api_version: str, kind: str, namespace: str) -> Lrs:
    """One of many: about 3.6 kB as the server returns it."""
    made = _sample(api_version, kind, namespace, "deployment", number % 5, number)
    made["metadata"]["name"] = f"lrs-{number:06d}-{made['metadata']['labels']['datarobot-deployment-id']}"
    made["spec"]["env"] |= {f"SETTING_{n}": f"value {n} of {number} with some length" for n in range(24)}
    return made
