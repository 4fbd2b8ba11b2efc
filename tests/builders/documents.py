"""What a command prints for programs, held against the schema that `schema KIND` prints: every test that runs one does it."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Sequence
from typing import Any

from jsonschema import Draft202012Validator

from kubectl_lrs.render.schemas import schema

seen: set[str] = set()
"""The kinds that this process has seen."""


def is_for_programs(arguments: Sequence[object]) -> bool:
    """Whether a call asks for JSON."""
    words = [str(each) for each in arguments]
    return "-o" in words and words[words.index("-o") + 1 : words.index("-o") + 2] == ["json"]


def check(text: str) -> dict[str, Any]:
    """The document, which must be as its schema says, and hold no field that it does not say."""
    document: dict[str, Any] = json.loads(text)
    kind = document["kind"]
    errors = [f"{kind}: {'/'.join(map(str, error.path))}: {error.message[:500]}" for error in _strict(kind).iter_errors(document)]
    assert errors == []
    seen.add(kind)
    return document


@functools.cache
def _strict(kind: str) -> Draft202012Validator:
    found = schema(kind)
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(_closed(copy.deepcopy(found)))


def _closed(schema: Any) -> Any:
    """The same without room for fields that are not named."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict):
        closed["additionalProperties"] = False
    return closed
