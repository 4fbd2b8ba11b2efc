"""Namespaces that are restored under another name: which becomes which. Pure."""

from __future__ import annotations

from collections.abc import Collection

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import is_namespace


def namespace_map(pairs: Collection[str]) -> dict[str, str]:
    """`A=B` several times → {A: B}."""
    mapped: dict[str, str] = {}
    for pair in pairs:
        source, separator, target = pair.partition("=")
        if not (separator and is_namespace(source) and is_namespace(target)) or source == target:
            raise UsageError(f"--map-namespace {pair!r}: write it as OLD=NEW with two names of namespaces")
        if source in mapped:
            raise UsageError(f"--map-namespace: {source} is mapped twice")
        mapped[source] = target
    return mapped
