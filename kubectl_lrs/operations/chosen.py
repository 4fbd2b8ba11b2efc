"""Which objects of a source a restore is about, and under which namespace. Nothing is looked up in a cluster."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from kubectl_lrs.errors import UsageError
from kubectl_lrs.names import is_namespace
from kubectl_lrs.selection import Selection
from kubectl_lrs.tiers.resources.stored import Source, StoredLrs

Key = tuple[str, str]


class Chosen:
    """The objects of a source that are wanted, in their target namespaces; may be read more than once, as the source."""

    def __init__(self, source: Source, selection: Selection, names: tuple[str, ...], namespace_map: Mapping[str, str]) -> None:
        self.description = source.description
        self._source = source
        self._map = namespace_map
        # Those that are left out by default stay in: the plan shows that they are skipped, and why.
        self._matches = selection.matcher(with_left_out=True)
        self._keys = _resolve(source, names) if names else None

    def __iter__(self) -> Iterator[StoredLrs]:
        for stored in self._source:
            if self._is_wanted(stored):
                yield self._mapped(stored)

    def _is_wanted(self, stored: StoredLrs) -> bool:
        if self._keys is not None:
            return (stored.namespace, stored.name) in self._keys
        return self._matches(stored.manifest)

    def _mapped(self, stored: StoredLrs) -> StoredLrs:
        target = self._map.get(stored.namespace)
        if target is None:
            return stored
        metadata = {**stored.manifest["metadata"], "namespace": target}
        return replace(stored, manifest={**stored.manifest, "metadata": metadata})


def namespace_map(pairs: Collection[str]) -> dict[str, str]:
    """`A=B` several times → {A: B}."""
    mapped: dict[str, str] = {}
    for pair in pairs:
        source, separator, target = pair.partition("=")
        if not (separator and is_namespace(source) and is_namespace(target)):
            raise UsageError(f"--map-namespace {pair!r}: write it as OLD=NEW with two names of namespaces")
        if source in mapped:
            raise UsageError(f"--map-namespace: {source} is mapped twice")
        mapped[source] = target
    return mapped


def _resolve(source: Source, names: Collection[str]) -> set[Key]:
    """The objects that the names mean; a name that is there twice or not at all is an error."""
    wanted: dict[str, tuple[str, str]] = {}
    for name in names:
        namespace, _, plain = name.rpartition("/")
        wanted[name] = (namespace, plain)
    found: dict[str, list[Key]] = {name: [] for name in names}
    everything: set[str] = set()
    for stored in source:
        everything.add(stored.name)
        for name, (namespace, plain) in wanted.items():
            if plain == stored.name and namespace in ("", stored.namespace):
                found[name].append((stored.namespace, stored.name))
    return {_only(name, wanted[name][1], keys, everything, source.description) for name, keys in found.items()}


def _only(name: str, plain: str, keys: list[Key], everything: set[str], where: str) -> Key:
    if len(keys) == 1:
        return keys[0]
    if keys:
        both = ", ".join("/".join(key) for key in keys)
        raise UsageError(f"LRS {name!r} is in {where} {len(keys)} times: {both}", hint="name it as namespace/name")
    near = get_close_matches(plain, sorted(everything), n=3, cutoff=0.6)
    raise UsageError(
        f"LRS {name!r} is not in {where}", hint=f"did you mean {', '.join(near)}?" if near else "list them with: show -o name"
    )


@dataclass
class Census:
    """What one pass over the chosen objects tells: how many where, who owns whom, what still names a mapped namespace."""

    namespaces: dict[str, int] = field(default_factory=dict)
    waves: dict[Key, int] = field(default_factory=dict)
    unmapped: list[str] = field(default_factory=list)
    objects: int = 0


def census(chosen: Chosen, kind: str, mapped: Mapping[str, str]) -> Census:
    """Count the chosen objects; UsageError where two of them would become one."""
    taken = Census()
    owners: dict[Key, list[Key]] = {}
    seen: set[Key] = set()
    names_old = _token_finder(mapped)
    for stored in chosen:
        key = (stored.namespace, stored.name)
        if key in seen:
            raise UsageError(
                f"two LRS of {chosen.description} would become {'/'.join(key)}", hint="restore them one after the other"
            )
        seen.add(key)
        taken.objects += 1
        taken.namespaces[stored.namespace] = taken.namespaces.get(stored.namespace, 0) + 1
        if above := [(stored.namespace, str(owner.get("name"))) for owner in stored.owners if owner.get("kind") == kind]:
            owners[key] = above
        if names_old:
            taken.unmapped += [
                f"{stored.namespace}/{stored.name}: {text}" for text in _strings(stored.manifest) if names_old.search(text)
            ]
    taken.waves = {key: _depth(key, owners, seen, ()) for key in owners}
    return taken


def _depth(key: Key, owners: Mapping[Key, list[Key]], there: set[Key], path: tuple[Key, ...]) -> int:
    """How many LRS of the source must be created before this one, in a row."""
    above = [owner for owner in owners.get(key, ()) if owner in there and owner not in path and owner != key]
    return max((1 + _depth(owner, owners, there, (*path, key)) for owner in above), default=0)


def _token_finder(mapped: Mapping[str, str]) -> re.Pattern[str] | None:
    """Finds the name of a mapped namespace as a whole token: in a URL, a host name, a path."""
    if not mapped:
        return None
    return re.compile(rf"(?<![A-Za-z0-9-])(?:{'|'.join(map(re.escape, mapped))})(?![A-Za-z0-9-])")


def _strings(manifest: Any) -> Iterator[str]:
    """Every string of a manifest but its own namespace."""
    if isinstance(manifest, str):
        yield manifest
    elif isinstance(manifest, list):
        for item in manifest:
            yield from _strings(item)
    elif isinstance(manifest, dict):
        for key, item in manifest.items():
            if key == "metadata" and isinstance(item, dict):
                yield from _strings({name: value for name, value in item.items() if name not in ("namespace", "name")})
            elif key not in ("apiVersion", "kind"):
                yield from _strings(item)
