"""The LRS of an earlier backup, beside a list of those that there are: what is the same is neither read nor written again.

The same means every byte that the API server gives, with its resourceVersion. What is recalled counts only once both files
of the earlier backup were read to their ends, where they have been held against their sums: see `doubt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import zip_longest
from operator import itemgetter
from typing import Any, BinaryIO

from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.catalog import TOOL, Catalog, Cluster
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.manifest import loads
from kubectl_lrs.model.names import manifest_path
from kubectl_lrs.model.recall import Recalled
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import EarlierBackup, lines_in
from kubectl_lrs.stores.lrs.saved import INDEX_FILE, RAW_FILE, TIER


class Beside:
    """The objects of one earlier backup in their order, as a `Recall`. For one thread at a time."""

    def __init__(self, raw: BinaryIO, index: BinaryIO, name: str) -> None:
        self._objects = _objects(raw, index, name)
        self._doubt = ""
        self._count = 0
        self._ahead = self._next()

    def at(self, text: str, start: int) -> Recalled | None:
        """The object that a text goes on with from here, where it is the one that comes next."""
        found = self._ahead
        if found is None or not text.startswith(found.text, start) or found.text.count(_ONCE) != 1:
            return None
        self._count += 1
        self._ahead = self._next()
        return found

    def beside(self, text: str, start: int, manifest: Mapping[str, Any]) -> Recalled | None:
        """The same of one that was read; what comes before it is gone."""
        metadata = manifest["metadata"]
        key = f"{metadata['namespace']}/{metadata['name']}"
        while self._ahead and self._ahead.key < key:
            self._ahead = self._next()
        if self._ahead is None or self._ahead.key != key:
            return None
        found = self.at(text, start)
        self._ahead = self._ahead if found else self._next()
        return found

    def doubt(self) -> str:
        """Why what was recalled must not be believed after all, empty where it may be. Nothing is recalled any more."""
        while self._ahead:
            self._ahead = self._next()
        return self._doubt if self._count else ""

    def _next(self) -> Recalled | None:
        try:
            return next(self._objects, None)
        except DamageError as error:
            self._doubt = str(error)
            return None


@contextmanager
def beside(
    earlier: Iterable[EarlierBackup], cluster: Cluster, resource: Resource, selection: Selection
) -> Iterator[Beside | None]:
    """The newest that this version has made of the same cluster, of the same selection if there is one; None if there is none."""
    wanted = selection.as_dict()
    fitting = [each for each in earlier if _fits(each.catalog, cluster, resource)]
    for each in sorted(fitting, key=lambda each: each.catalog.selection != wanted):
        with ExitStack() as stack:
            files = [each.reading(name) for name in (RAW_FILE, INDEX_FILE)]
            raw, index = (stack.enter_context(file) if file else None for file in files)
            if raw and index:
                yield Beside(raw, index, each.catalog.name)
                return
    yield None


def _fits(catalog: Catalog, cluster: Cluster, resource: Resource) -> bool:
    """Whether it may hold the same objects, and this version would write them so."""
    facts = catalog.tiers.get(TIER) or {}
    is_alike = (facts.get("version"), facts.get("kind")) == (resource.version, resource.kind)
    return is_alike and catalog.tool == TOOL and catalog.origin is None and catalog.cluster.is_same(cluster)


def _objects(raw: BinaryIO, index: BinaryIO, name: str) -> Iterator[Recalled]:
    """Those of both files, which name the same in the same order. DamageError, at their ends at the latest."""
    texts, lines = lines_in(raw, f"{name}: {RAW_FILE}"), lines_in(index, f"{name}: {INDEX_FILE}")
    for text, line in zip_longest(texts, lines, fillvalue=""):
        found = _recalled(text.rstrip("\n"), line.rstrip("\n"))
        if found is None:
            raise DamageError(f"{name}: {INDEX_FILE} does not say what its manifests are")
        yield found


def _recalled(text: str, line: str) -> Recalled | None:
    """What a line of the index says of the object beside it; None where it does not say enough, or is of another one."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        entry = loads(line)
        found = Recalled(text, line, *_of(entry))
        is_right = tuple(map(type, found)) == _TYPES and found.path == manifest_path(found.namespace, found.name)
        is_its = f'"name":"{found.name}","namespace":"{found.namespace}"' in text and f'"uid":"{entry["uid"]}"' in text
        return found if is_right and is_its and text[:1] + text[-1:] == "{}" else None
    return None


_of = itemgetter("namespace", "name", "type", "path", "sha256", "size")
_TYPES = (*(str,) * 7, int)
_ONCE = '"resourceVersion"'  # Each object has one: a line of two would have the second skipped. Others may, and are read.
