"""Names: which are valid in Kubernetes, and which file an object's manifest gets. Pure."""

from __future__ import annotations

import re
from datetime import datetime

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_LABEL_VALUE = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_BACKUP = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""As text: `re` compiles each once, when it is first needed; the help of a verb does not wait for it."""

MAX_STEM = 200
"""Bytes of a file's stem; file systems allow 255 for a name, Kubernetes 253 without any extension."""

BACKUP_PREFIX = "lrs_backup_"
LATEST = "latest"


def is_namespace(name: str) -> bool:
    """Whether Kubernetes would accept it as the name of a namespace (RFC 1123 label)."""
    return re.fullmatch(_LABEL, name) is not None


def is_object_name(name: str) -> bool:
    """Whether Kubernetes would accept it as the name of a custom resource (RFC 1123 subdomain, 253 bytes)."""
    return len(name) <= 253 and re.fullmatch(_SUBDOMAIN, name) is not None


def is_label_value(value: str) -> bool:
    """Whether Kubernetes would accept it as a label's value that is not empty."""
    return re.fullmatch(_LABEL_VALUE, value) is not None


def is_backup_name(name: str) -> bool:
    """Whether a backup may be called so: visible, one path segment, not the word for the newest."""
    return len(name) <= 200 and name != LATEST and re.fullmatch(_BACKUP, name) is not None


def backup_name(instant: datetime) -> str:
    """The vendor's folder name plus seconds; `instant` in UTC."""
    return f"{BACKUP_PREFIX}{instant:%Y_%m_%d_%H_%M_%S}"


def file_stem(name: str) -> str:
    """A file name for any object name: injective, at most `MAX_STEM` bytes, lower case only, no path separator.

    Everything but `a-z 0-9 . _ -` is percent-encoded, so that names which differ only in case stay apart on a file
    system that folds it; a longer name is cut and ends in a hash of the whole (`%~` occurs in no encoded name).
    """
    stem = name if _KEPT.issuperset(name) else "".join(char if char in _KEPT else _percent(char) for char in name)
    if stem.startswith("."):
        stem = f"%2e{stem[1:]}"
    if len(stem) > MAX_STEM:
        import hashlib

        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        stem = f"{stem[: MAX_STEM - 26]}%~{digest}"
    return stem


_KEPT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


def _percent(char: str) -> str:
    from urllib.parse import quote

    encoded = quote(char, safe="", errors="surrogateescape")
    return encoded.lower() if encoded != char else f"%{ord(char):02x}"


def manifest_path(namespace: str, name: str) -> str:
    """Where in a backup the manifest of an object lies, relative to its top, with `/`."""
    return f"lrs/{file_stem(namespace)}/{file_stem(name)}.yaml"
