"""An object as the API server gave it → a manifest that can be created anew. Pure.

Sanitised means: without what the server sets and without what points at objects of a cluster that may be gone;
everything else is untouched, in its order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from kubectl_lrs.model.recall import Recall

Manifest: TypeAlias = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVER_FIELDS = frozenset(
    (
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "selfLink",
        "managedFields",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    )
)
_DROPPED = SERVER_FIELDS | {"ownerReferences"}
_MAY_BE_EMPTY = ("labels", "annotations", "finalizers")

_BETWEEN = re.compile(r"[\s,:]*")
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]')
_DECODER = json.JSONDecoder()
_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
"""What comes out of JSON has no circles."""


def sanitise(manifest: Mapping[str, Any]) -> Manifest:
    """A new manifest without server-set fields, owners, status and kubectl's last-applied copy; the rest is shared."""
    clean = {key: value for key, value in manifest.items() if key != "status"}
    clean["metadata"] = metadata = {k: v for k, v in manifest["metadata"].items() if k not in _DROPPED}
    annotations = metadata.get("annotations")
    if annotations and LAST_APPLIED in annotations:
        rest = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
        if rest:
            metadata["annotations"] = rest
        else:
            del metadata["annotations"]
    return clean


def comparable(manifest: Mapping[str, Any]) -> Manifest:
    """Sanitised, and without what the server does not tell apart: empty labels, annotations and finalizers."""
    clean = sanitise(manifest)
    metadata = clean["metadata"]
    for key in _MAY_BE_EMPTY:
        if key in metadata and not metadata[key]:
            del metadata[key]
    return clean


def fingerprint(manifest: Mapping[str, Any]) -> bytes:
    """16 bytes that two manifests share when they are equal (the order of keys aside); small enough to keep for all."""
    return hashlib.blake2b(_sorted(manifest).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def loads(text: str) -> Any:
    """JSON → data without loss: integers stay integers of any size, floats floats."""
    return _DECODER.decode(text)


def split_list(text: str, recall: Recall | None = None) -> Iterator[tuple[str, Any]]:
    """The top-level members of a JSON object in order, as (key, value); each element of `items` as ("items", (raw, value)).

    `raw` is the element's own text in the answer, so that it can be kept exactly as the server wrote it. Its value is None
    where it is nested more deeply than Python's reader goes: one object must not keep the others from being read. Of an
    object that `recall` has it is what that says.
    """

    def skip(at: int) -> int:
        match = _BETWEEN.match(text, at)
        return match.end() if match else at

    at = skip(text.index("{") + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = skip(at)
        if key == "items" and text[at] == "[":
            at = skip(at + 1)
            while text[at] != "]":
                raw, value = (known.text, known) if recall and (known := recall.at(text, at)) else _element(text, at, recall)
                yield key, (raw, value)
                at = skip(at + len(raw))
            at = skip(at + 1)
        else:
            value, at = _DECODER.raw_decode(text, at)
            yield key, value
            at = skip(at)


def _element(text: str, at: int, recall: Recall | None) -> tuple[str, Any]:
    """(its text, its value)."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        return text[at : _end_of(text, at)], None
    return text[at:end], (recall.beside(text, at, value) if recall else None) or value


def _end_of(text: str, at: int) -> int:
    """Where an element ends that Python's reader does not read."""
    depth = 0
    for match in _BRACKETS.finditer(text, at):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    raise ValueError("an element of the list has no end")


def metadata_of(raw: str) -> Any:
    """The metadata in the text of an object that as a whole is not read; ValueError where they are not to be had.

    The API server writes them behind apiVersion and kind, before anything that a user could have nested.
    """
    try:
        return _DECODER.raw_decode(raw, raw.index(_METADATA) + len(_METADATA))[0]
    except RecursionError as error:
        raise ValueError("metadata") from error


_METADATA = '"metadata":'
