"""The file of `--files-options` and the like: options and credentials of a storage, as its library names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.redact import shown

MAX_OPTIONS = 1 << 20
"""Bytes that it may have."""


class S3Options(TypedDict, total=False):
    """Those that s3fs and boto3 have for it."""

    key: str
    secret: str
    token: str
    anon: bool
    profile: str
    endpoint_url: str
    use_ssl: bool
    client_kwargs: Mapping[str, Any]
    config_kwargs: Mapping[str, Any]
    requester_pays: bool
    s3_additional_kwargs: Mapping[str, Any]


class GcsOptions(TypedDict, total=False):
    """`token`: a file, what stands in one, or a word."""

    token: str | Mapping[str, Any]
    endpoint_url: str


class AzureOptions(TypedDict, total=False):
    """Those that adlfs has for it."""

    account_name: str
    account_key: str
    sas_token: str
    connection_string: str
    anon: bool
    endpoint_url: str


Kind = TypeVar("Kind", S3Options, GcsOptions, AzureOptions)


def options_of(place: StorageLocation, kind: type[Kind], *, takes: str) -> Kind:
    """The options of a place. UsageError where there is one that this `kind` does not have; `takes`: who has them, for it."""
    known = kind.__annotations__
    if unknown := sorted(place.options.keys() - known.keys()):
        hint = f"{takes}: {', '.join(known)}"
        raise UsageError(f"{place.said.options}: {shown(unknown[0])}: no such option", hint=hint)
    return kind(**place.options)


def read_options(path: Path, *, said: str) -> dict[str, Any]:
    """One mapping, in JSON or YAML. `said`: what the user has named it by. UsageError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_OPTIONS + 1)
    except OSError as error:
        raise UsageError(f"{said} {path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_OPTIONS:
        raise UsageError(f"{said} {path}: larger than {MAX_OPTIONS >> 20} MiB")
    try:
        options = _parsed(data)
    except (ValueError, RecursionError):
        # Not `from error`: what the parser quotes may be a secret.
        raise UsageError(f"{said} {path}: neither JSON nor YAML") from None
    if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
        raise UsageError(f"{said} {path}: not a mapping of names to values")
    return options


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        from kubectl_lrs.formats import yaml_reader

        return yaml_reader.load(data, aliases=True)
