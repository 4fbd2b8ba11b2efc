"""The file of `--files-options` and the like: options and credentials of a storage, as its library takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import UsageError

MAX_OPTIONS = 1 << 20
"""Bytes that it may have."""


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
