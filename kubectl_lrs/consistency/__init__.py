"""Do applications, LRS, documents, images, files and deployments agree? Pure: what is known goes in, findings come out."""

from __future__ import annotations

from kubectl_lrs.consistency.inventory import (
    Application,
    Deployed,
    Document,
    ImageAt,
    Inventory,
    Keys,
    LostFile,
    LrsObject,
    NoneThere,
    Occurrence,
    Part,
    SparkSession,
    Unchecked,
    known,
)
from kubectl_lrs.consistency.rules import RULES, Examination, Found, Gap, Rule, examine

__all__ = [
    "RULES",
    "Application",
    "Deployed",
    "Document",
    "Examination",
    "Found",
    "Gap",
    "ImageAt",
    "Inventory",
    "Keys",
    "LostFile",
    "LrsObject",
    "NoneThere",
    "Occurrence",
    "Part",
    "Rule",
    "SparkSession",
    "Unchecked",
    "examine",
    "known",
]
