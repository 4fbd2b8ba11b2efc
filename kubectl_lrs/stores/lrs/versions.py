"""LRS that were stored in another version than the one that is read, and hold there what that one does not show.

A CRD without conversion has the same object in every version, and of each the server leaves out what its schema does not
know. Which versions objects were stored in is told by the CRD; where it may not be read, this is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import whole
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.diff import ABSENT, changes
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.stores.lrs.saved import TIER

SHOWN = 5
"""Fields that are named of each."""


def others(crd: Manifest, version: str) -> list[str]:
    """The versions that objects may be stored in, are served, and are not this one; none where the server converts."""
    spec, status = crd.get("spec") or {}, crd.get("status") or {}
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        return []
    served = {each.get("name") for each in spec.get("versions") or () if each.get("served")}
    return [each for each in status.get("storedVersions") or () if each in served and each != version]


def hidden(kube: KubeClient, resource: Resource, selection: Selection, crd: Manifest) -> list[Missing]:
    """The LRS of a selection that hold more in one of the other versions, with what."""
    found: list[Missing] = []
    for version in others(crd, resource.version):
        other = replace(resource, version=version)
        try:
            found += whole(kube, lambda other=other: list(_hidden(kube, resource, other, selection)))  # type: ignore[misc]
        except LrsError as error:
            why = f"whether LRS hold in {version} what {resource.version} does not show is not known: {error}"
            found.append(Missing(store=TIER, kind="version", name=version, reason=why))
    return found


def _hidden(kube: KubeClient, resource: Resource, other: Resource, selection: Selection) -> Iterator[Missing]:
    for read, beside in _paired(_each(kube, resource, selection), _each(kube, other, selection)):
        more = [change.field for change in changes(_content(read), _content(beside)) if change.before is ABSENT]
        if more and read["metadata"]["resourceVersion"] == beside["metadata"]["resourceVersion"]:
            listed = ", ".join(more[:SHOWN]) + (f" and {len(more) - SHOWN} more" if len(more) > SHOWN else "")
            why = f"of what it holds in {other.version}, {resource.version} does not show, and the backup lacks: {listed}"
            yield Missing(store=TIER, kind="LRS", name=_key(read), reason=why)


def _each(kube: KubeClient, resource: Resource, selection: Selection) -> Iterator[Manifest]:
    """In the order in which the server keeps them; one that is too deep is missing already."""
    pages = kube.pages(resource, selection.namespace, selector=selection.label_selector(), with_too_deep=True)
    return (manifest for page in pages for _, manifest in page.items)


def _paired(read: Iterable[Manifest], others: Iterable[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    left = iter(others)
    beside = next(left, None)
    for each in read:
        while beside is not None and _key(beside) < _key(each):
            beside = next(left, None)
        if beside is not None and _key(beside) == _key(each):
            yield each, beside


def _key(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def _content(manifest: Manifest) -> dict[str, Any]:
    """Without what each version has of its own, or the server sets."""
    return {key: value for key, value in manifest.items() if key not in ("apiVersion", "metadata", "status")}
