"""What schemas are made of: kinds of values, records of fields, and what documents of several kinds have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
ANY: Schema = {}
TEXTS: Schema = {"type": "array", "items": TEXT}
COUNTS: Schema = {"type": "object", "additionalProperties": COUNT}
FREE: Schema = {"type": "object"}
INSTANT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}


def maybe(schema: Schema) -> Schema:
    """It, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Any number of them."""
    return {"type": "array", "items": schema}


def record(optional: Mapping[str, Schema] | None = None, **fields: Schema) -> Schema:
    """An object with these fields, and perhaps some others."""
    return {"type": "object", "properties": {**fields, **(optional or {})}, "required": sorted(fields)}


ITEM = record(tier=TEXT, namespace=TEXT, name=TEXT, state=TEXT, message=TEXT)
"""One thing that a document is about, alike in all of them."""

FINDING = record({"details": TEXTS}, severity=TEXT, note=TEXT, message=TEXT, hint=TEXT)
