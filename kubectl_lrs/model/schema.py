"""A structural schema (OpenAPI v3, as the API server publishes it) held against a manifest. Pure.

It fills in defaults as the server does, and names what strict validation would refuse: fields that are not in the
schema, missing ones, wrong types. Everything finer (patterns, CEL, ranges) is the server's to judge.
Source: kubernetes.io, "Extend the Kubernetes API with CustomResourceDefinitions", structural schemas and defaulting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

UNKNOWN = "unknown field"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
_NOT_OURS = ("apiVersion", "kind", "metadata", "status")
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def with_defaults(value: Any, schema: Schema) -> Any:
    """The value with the schema's defaults filled in; the same object where there is none to fill in."""
    if isinstance(value, dict):
        return _object_with_defaults(value, schema)
    items = schema.get("items")
    if isinstance(value, list) and items:
        filled = [with_defaults(item, items) for item in value]
        return value if all(new is old for new, old in zip(filled, value, strict=True)) else filled
    return value


def defaults_of(schema: Schema) -> Schema:
    """What `with_defaults` needs of a schema, and nothing else: empty where there is no default in it."""
    kept = {key: schema[key] for key in ("default", "nullable") if "default" in schema and key in schema}
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    below = {key: defaults_of(each) for key, each in properties.items()}
    items, others = schema.get("items"), schema.get("additionalProperties")
    if items and (inner := defaults_of(items)):
        kept["items"] = inner
    if isinstance(others, dict) and (inner := defaults_of(others)):
        return {**kept, "additionalProperties": inner, "properties": properties}  # which field is of which counts
    if with_one := {key: each for key, each in below.items() if each}:
        kept["properties"] = with_one
    return kept


def _object_with_defaults(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    changed: dict[str, Any] = {}
    for key, item in value.items():
        below = properties.get(key) or (others if isinstance(others, dict) else None)
        if below and (filled := _filled(item, below)) is not item:
            changed[key] = filled
    for key, below in properties.items():
        if key not in value and "default" in below:
            changed[key] = with_defaults(below["default"], below)
    return {**value, **changed} if changed else value


def _filled(item: Any, schema: Schema) -> Any:
    """A null where the schema does not allow it is replaced by the default, as the server does."""
    if item is None and "default" in schema and not schema.get("nullable"):
        return with_defaults(schema["default"], schema)
    return with_defaults(item, schema)


@dataclass(frozen=True, slots=True)
class Problem:
    """One field of a manifest that the schema does not take, and what is wrong with it."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"

    @property
    def is_unknown_field(self) -> bool:
        """Whether strict validation alone refuses it; otherwise the server drops the field."""
        return self.what == UNKNOWN


def problems(manifest: Mapping[str, Any], schema: Schema) -> Iterator[Problem]:
    """What strict validation would refuse in a manifest, such as `spec.foo: unknown field`."""
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    loose = bool(schema.get(PRESERVE)) or not properties
    for key, value in manifest.items():
        if key in _NOT_OURS:
            continue
        if key in properties:
            yield from _problems(value, properties[key], key)
        elif not loose:
            yield Problem(key, UNKNOWN)
    for key in schema.get("required") or ():
        if key not in manifest:
            yield Problem(key, "missing, but required")


def _problems(value: Any, schema: Schema, path: str) -> Iterator[Problem]:
    if value is None:
        if not schema.get("nullable") and "default" not in schema and schema.get("type"):
            yield Problem(path, "null, but not nullable")
        return
    if not _has_type(value, schema):
        yield Problem(path, f"{_kind(value)}, but the schema wants {schema['type']}")
    elif isinstance(value, dict):
        yield from _object_problems(value, schema, path)
    elif isinstance(value, list) and schema.get("items"):
        for index, item in enumerate(value):
            yield from _problems(item, schema["items"], f"{path}[{index}]")
    elif "enum" in schema and value not in schema["enum"]:
        yield Problem(path, f"{value!r} is not one of {', '.join(map(repr, schema['enum']))}")


def _object_problems(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Problem]:
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    open_ended = bool(others) or bool(schema.get(PRESERVE)) or bool(schema.get("x-kubernetes-embedded-resource"))
    of_others = others if isinstance(others, dict) and others else None
    takes_strings = of_others is not None and _takes_any_string(of_others)
    for key, item in value.items():
        if takes_strings and item.__class__ is str and key not in properties:
            continue  # as of most maps
        below = properties.get(key, of_others)
        if below is None:
            if not open_ended:
                yield Problem(f"{path}.{key}", UNKNOWN)
        elif not (item.__class__ is str and _takes_any_string(below)):
            yield from _problems(item, below, f"{path}.{key}")
    for key in schema.get("required") or ():
        if key not in value and "default" not in properties.get(key, {}):
            yield Problem(f"{path}.{key}", "missing, but required")


def _takes_any_string(schema: Schema) -> bool:
    """Whether a string of any content fits."""
    return schema.get("type") == "string" and "enum" not in schema


def _has_type(value: Any, schema: Schema) -> bool:
    wanted = _TYPES.get(schema.get("type", ""))
    if wanted is None or schema.get("x-kubernetes-int-or-string"):
        return True
    if isinstance(value, bool):
        return bool in wanted
    if isinstance(value, float) and value.is_integer() and int in wanted:
        return True
    return isinstance(value, wanted)


def _kind(value: Any) -> str:
    return next((name for name, types in _TYPES.items() if type(value) in types), type(value).__name__)
