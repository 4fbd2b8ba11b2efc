"""The workload types of LRS, as a table. Source: the vendor's backup page; the list is open, any other value may occur."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "lrs.datarobot.com"
PLURAL = "lrs"
CRD_NAME = f"{PLURAL}.{GROUP}"
TYPE_LABEL = "datarobot-lrs-type"
SPARK = "spark_app"

UNTYPED = "<none>"
"""How an object without the type label is shown and counted; no label value can look like it."""


@dataclass(frozen=True)
class Workload:
    """One published workload type, and whether it is backed up and restored without being asked for."""

    label: str
    by_default: bool
    why: str


WORKLOADS: Mapping[str, Workload] = {
    workload.label: workload
    for workload in (
        Workload(SPARK, by_default=False, why="sessions are short-lived; the application makes new ones"),
        Workload("deployment", by_default=True, why="a custom model that serves predictions"),
        Workload("management_agent", by_default=True, why="stateless; its definition is all it has"),
        Workload("tracking_agent", by_default=True, why="stateless; its definition is all it has"),
    )
}

LEFT_OUT_BY_DEFAULT: tuple[str, ...] = tuple(w.label for w in WORKLOADS.values() if not w.by_default)


_APPLICATION = re.compile(r"custom[-_]?app(lication)?s?", re.IGNORECASE)


def is_application(label: str) -> bool:
    """Whether a type is surely that of custom applications; how it is called is not published."""
    return _APPLICATION.fullmatch(label) is not None


def type_of(manifest: Mapping[str, Any]) -> str:
    """The workload type of an object, `UNTYPED` where the label is missing."""
    labels = manifest["metadata"].get("labels") or {}
    return str(labels.get(TYPE_LABEL) or UNTYPED)
