"""What `-o json` prints, as JSON Schema: one for each kind of document. The tests hold what commands really print to it.

Within a version of `apiVersion` fields are only ever added, so a schema does not forbid what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubectl_lrs.render.documents import API_VERSION
from kubectl_lrs.render.schemas import acts, backups, runs
from kubectl_lrs.render.schemas.parts import ITEM, Schema, listed

KINDS: Mapping[str, tuple[str, Callable[[], Schema]]] = dict(sorted({**backups.KINDS, **acts.KINDS, **runs.KINDS}.items()))
"""Kind → what prints it, and what it has beside the fields of every document."""


def schema(kind: str) -> Schema:
    """The schema of a kind of document."""
    title, made = KINDS[kind]
    body = made()
    common = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}, "items": listed(ITEM)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{API_VERSION}:{kind}",
        "title": title,
        **body,
        "properties": {**common, **body["properties"]},
        "required": sorted({*common, *body["required"]}),
    }
