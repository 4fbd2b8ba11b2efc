"""Diff: two backups, or a backup and the cluster, object by object and field by field. Nothing is written.

Both sides come in the order of their keys, so they are merged as they are read: what is kept is what differs.
An object that is on one side only counts as a difference only where the other side was asked to hold it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Generic, NamedTuple, Protocol, TypeVar

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.lists import LISTS, everywhere, given_up
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.diff import Change, Kind, changes, same
from kubectl_lrs.model.errors import DamageError, ExitCode, ExpiredError, UsageError
from kubectl_lrs.model.manifest import Manifest, comparable
from kubectl_lrs.model.schema import Schema, defaults_of, with_defaults
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.workloads import type_of
from kubectl_lrs.runtime.parallel import prefetch
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.retry import insist, is_any
from kubectl_lrs.stores.lrs.same_text import SameText
from kubectl_lrs.stores.lrs.saved import BackupSource, StoredLrs
from kubectl_lrs.usecases.diff_stores import NotCompared, StoreComparison

T = TypeVar("T")


class Entry(NamedTuple):
    """An object: `namespace/name`, and the manifest as it is compared.

    `sum`: of its text in a backup; `saved`: what is compared without the defaults that were filled in, None where none were.
    """

    key: str
    manifest: Manifest
    sum: bytes = b""
    saved: Manifest | None = None


class AsSaved(NamedTuple):
    """An object that has the text of the entry with this sum, and was not read."""

    sum: bytes


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that differs. `fields` tells how, where it is on both sides; a manifest is None where it is not there."""

    kind: Kind
    before: Manifest | None
    after: Manifest | None
    fields: tuple[Change, ...] = ()

    @property
    def manifest(self) -> Manifest:
        """The object on the first side that has it."""
        return (self.after or {}) if self.before is None else self.before

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.manifest["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def type(self) -> str:
        """Its workload type."""
        return type_of(self.manifest)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one side comes from. `path` and `catalog` are a backup's; the cluster has none."""

    label: str
    server: str
    context: str = ""
    resource_version: str = ""
    path: str = ""
    catalog: Catalog | None = None

    @property
    def title(self) -> str:
        """The cluster by context and URL."""
        if self.catalog:
            return self.catalog.cluster.title
        return f"{self.context} ({self.server})" if self.context else self.server


class Side(Protocol):
    """One of the two that are compared. `namespace` is the only one it can be about, None where it can be any."""

    namespace: str | None
    being_deleted: list[str]

    @property
    def origin(self) -> Origin:
        """Where it comes from; complete when its entries were read."""

    def entries(self, texts: Callable[[], Iterator[str]] | None = None) -> Iterator[Entry | AsSaved]:
        """Every object, in the order of the keys where the source keeps to it.

        `texts`: those of the other side, in its order; what has one of them need not be read.
        """

    def texts(self) -> Iterator[str]:
        """Those of its objects, where each of them comes among its entries, as it is there but for defaults; else none."""

    def covers(self, manifest: Manifest) -> bool:
        """Whether it would hold such an object if there were one."""


class BackupSide:
    """A backup. With a map of namespaces its objects stand in the namespaces that they are mapped to."""

    def __init__(self, source: BackupSource, namespace_map: Mapping[str, str], schema: Schema | None = None) -> None:
        folder = source.folder
        catalog = folder.catalog
        self._source = source
        self._map = namespace_map
        self._defaults = defaults_of(schema or {})
        self._is_of_others = catalog.origin is not None
        self._scope = _scope(catalog, folder.name)
        self._matches = Selection(
            types=self._scope.types, excluded_types=self._scope.excluded_types, selector=self._scope.selector
        ).matcher(with_left_out=True)
        own = self._scope.namespace
        self.namespace = None if own is None else namespace_map.get(own, own)
        self.being_deleted: list[str] = []
        self.origin = Origin(
            label=folder.name,
            server=catalog.cluster.server,
            context=catalog.cluster.context,
            resource_version=str(catalog.tiers["resources"].get("resourceVersion", "")),
            path=folder.location,
            catalog=catalog,
        )

    def entries(self, _texts: Callable[[], Iterator[str]] | None = None) -> Iterator[Entry]:
        """A mapped namespace has another place in the order, so it is read by itself, at the price of a pass each.

        The first pass to the end is the one that believes nothing; with several they would all be that.
        """
        if not self._map:
            return self._stream(lambda _namespace: True)
        self._source.check()
        streams = [self._stream(lambda namespace: namespace not in self._map)]
        streams += [self._stream(source.__eq__) for source in self._map]
        return heapq.merge(*streams, key=lambda entry: entry.key)

    def texts(self) -> Iterator[str]:
        """None where namespaces are mapped."""
        return iter(()) if self._map else self._source.texts()

    def covers(self, manifest: Manifest) -> bool:
        """By the selection that the backup was taken with; what others chose to save nobody knows."""
        return (
            not self._is_of_others
            and self._matches(manifest)
            and any(self._scope.namespace in (None, source) for source in self._sources(manifest["metadata"]["namespace"]))
        )

    def _sources(self, namespace: str) -> Iterator[str]:
        """The namespaces of the backup that are held against this one."""
        yield from (source for source, target in self._map.items() if target == namespace)
        if namespace not in self._map:
            yield namespace

    def _stream(self, is_wanted: Callable[[str], bool]) -> Iterator[Entry]:
        for stored in self._source:
            if is_wanted(stored.namespace):
                yield self._entry(stored)

    def _entry(self, stored: StoredLrs) -> Entry:
        namespace = self._map.get(stored.namespace, stored.namespace)
        manifest = with_defaults(stored.manifest, self._defaults) if self._defaults else stored.manifest
        clean = comparable(manifest)
        clean["metadata"]["namespace"] = namespace
        saved = None if manifest is stored.manifest else comparable(stored.manifest)
        return Entry(f"{namespace}/{stored.name}", clean, stored.sum, saved)


def _scope(catalog: Catalog, where: str) -> Selection:
    """What a backup was taken for. What was left out by default then stays out, whatever the default is now."""
    saved = catalog.selection
    try:
        return Selection(
            namespace=saved["namespace"],
            types=tuple(saved["types"]),
            excluded_types=(*saved["excludedTypes"], *saved["leftOutByDefault"]),
            selector=saved["selector"],
        )
    except (KeyError, TypeError, AttributeError, UsageError) as error:
        raise DamageError(f"{where}: its catalog holds no valid selection: {error}") from error


class LiveSide:
    """The cluster as it is now, in one consistent snapshot. What is being deleted counts as not there, as in a backup."""

    def __init__(self, kube: KubeClient, resource: Resource, namespace: str | None, is_meant: Callable[[Manifest], bool]) -> None:
        self._kube = kube
        self._resource = resource
        self._read_from = namespace
        self._is_meant = is_meant
        self._resource_version = ""
        self.namespace: str | None = None
        self.being_deleted: list[str] = []

    @property
    def origin(self) -> Origin:
        """The API server."""
        connection = self._kube.connection
        return Origin(label="live", server=connection.server, context=connection.context, resource_version=self._resource_version)

    def entries(self, texts: Callable[[], Iterator[str]] | None = None) -> Iterator[Entry | AsSaved]:
        """By pages, the next one fetched while one is used."""
        self.being_deleted.clear()
        recall = SameText(texts) if texts else None
        with everywhere(self._read_from):
            for page in prefetch(self._kube.pages(self._resource, self._read_from, recall=recall)):
                self._resource_version = page.resource_version
                for number, (_, manifest) in enumerate(page.items):
                    if number in page.unchanged:
                        yield AsSaved(page.unchanged[number])
                        continue
                    metadata = manifest["metadata"]
                    key = f"{metadata['namespace']}/{metadata['name']}"
                    if "deletionTimestamp" not in metadata:
                        yield Entry(key, comparable(manifest))
                    elif self._is_meant(manifest):
                        self.being_deleted.append(key)

    def texts(self) -> Iterator[str]:
        """None: the objects are never read twice."""
        return iter(())

    def covers(self, _manifest: Manifest) -> bool:
        """The cluster holds whatever there is."""
        return True


@dataclass(kw_only=True)
class Comparison(Generic[T]):
    """What came out. `kept` is what the caller made of each difference; `not_compared` counts the objects of one side
    that the other was not asked to hold. `stores`: what is beside the LRS; `parts_not_compared`: of that."""

    before: Origin
    after: Origin
    kept: list[T] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)
    equal: int = 0
    not_compared: int = 0
    being_deleted: list[str] = field(default_factory=list)
    stores: list[StoreComparison] = field(default_factory=list)
    parts_not_compared: list[NotCompared] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything that was compared does."""
        return bool(self.kept) or any(each.differs for each in self.stores)

    @property
    def is_whole(self) -> bool:
        """Whether all that either side holds was compared."""
        return not (self.not_compared or self.parts_not_compared or any(each.untold for each in self.stores))

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to look at on either side."""
        return not (self.kept or self.equal or self.not_compared)

    def exit_code(self) -> ExitCode:
        """0 only if nothing differs."""
        return ExitCode.DIFFERENCE if self.differs else ExitCode.DONE


class _OutOfOrderError(Exception):
    """A side does not come in the order of its keys."""


class Differ:
    """Compares the objects of two sides that `selection` takes on either of them; its namespace is the after side's.

    `only`: `namespace/name` of those that are meant, None for all.
    """

    def __init__(
        self, before: Side, after: Side, selection: Selection, progress: Progress, only: Collection[str] | None = None
    ) -> None:
        self._before = before
        self._after = after
        self._matches = selection.matcher(with_left_out=True)
        self._only = only
        self._progress = progress
        self._sort = False
        _require_overlap(before, after, selection.namespace)

    def run(self, keep: Callable[[Difference], T]) -> Comparison[T]:
        """Compare; only what `keep` makes of each difference stays in memory."""
        try:
            return insist(
                lambda _attempt: self._compare(keep),
                policy=LISTS,
                may_pass=is_any(ExpiredError, _OutOfOrderError),
                before_again=self._begun_anew,
            )
        except (ExpiredError, _OutOfOrderError) as error:
            raise given_up("the comparison was done") from error
        finally:
            self._progress.end()

    def _begun_anew(self, error: Exception) -> None:
        """After a snapshot was lost; or in another server's order, for which all of it has to be held at once."""
        if isinstance(error, _OutOfOrderError):
            self._sort = True
        else:
            self._progress.note("the API server's snapshot expired; the comparison begins anew")

    def _compare(self, keep: Callable[[Difference], T]) -> Comparison[T]:
        found: Comparison[T] = Comparison(before=self._before.origin, after=self._after.origin)
        self._progress.begin("comparing")
        any_at_all = False
        for before, after in _pairs(_read(self._ordered(self._before)), self._ordered(self._after, self._before.texts)):
            self._progress.advance()
            any_at_all = True
            if not any(self._is_meant(manifest) for manifest in (before, after) if manifest is not None):
                continue
            difference = self._difference(before, after, found)
            if difference is not None:
                found.counts[difference.kind] += 1
                found.kept.append(keep(difference))
        if any_at_all and found.is_empty and self._only is None:
            raise UsageError("nothing on either side matches", hint="see what there is with: show -o wide")
        found.before, found.after = self._before.origin, self._after.origin
        found.being_deleted = [*self._before.being_deleted, *self._after.being_deleted]
        return found

    def _is_meant(self, manifest: Manifest) -> bool:
        metadata = manifest["metadata"]
        return self._matches(manifest) and (self._only is None or f"{metadata['namespace']}/{metadata['name']}" in self._only)

    def _difference(self, before: Manifest | None, after: Manifest | None, found: Comparison[T]) -> Difference | None:
        """How the two differ; None where they do not, or cannot be held against each other, which is counted."""
        if before is not None and after is not None:
            if not same(before, after):
                return Difference(Kind.CHANGED, before, after, tuple(changes(before, after)))
            found.equal += 1
        elif before is not None and self._after.covers(before):
            return Difference(Kind.REMOVED, before, None)
        elif after is not None and self._before.covers(after):
            return Difference(Kind.ADDED, None, after)
        else:
            found.not_compared += 1
        return None

    def _ordered(self, side: Side, texts: Callable[[], Iterator[str]] | None = None) -> Iterator[Entry | AsSaved]:
        """The entries of a side, each key greater than the one before it; where what has one of the `texts` is, `_pairs` sees."""
        entries = side.entries(texts)
        if self._sort:
            entries = iter(sorted(_read(side.entries()), key=attrgetter("key")))
        last = ""
        for entry in entries:
            if isinstance(entry, AsSaved):
                yield entry
                continue
            key = entry.key
            if key == last:
                raise UsageError(f"two LRS of {side.origin.label} would become {key}", hint="compare them one after the other")
            if key < last:
                raise _OutOfOrderError
            last = key
            yield entry


def _read(entries: Iterator[Entry | AsSaved]) -> Iterator[Entry]:
    """They, of a side that was given no texts."""
    return (entry for entry in entries if isinstance(entry, Entry))


def _pairs(before: Iterator[Entry], after: Iterator[Entry | AsSaved]) -> Iterator[tuple[Manifest | None, Manifest | None]]:
    """Both sides side by side; None where one of them lacks an object."""
    old, new = next(before, None), next(after, None)
    passed = ""
    while old is not None or new is not None:
        if isinstance(new, AsSaved):
            if old is None:  # it came before its turn
                raise _OutOfOrderError
            if old.sum != new.sum:
                yield old.manifest, None
                old = next(before, None)
                continue
            passed = old.key
            new = Entry(old.key, old.saved or old.manifest)
        elif new is not None and new.key <= passed:
            raise _OutOfOrderError
        if new is None or (old is not None and old.key < new.key):
            yield old.manifest if old else None, None
            old = next(before, None)
        elif old is None or new.key < old.key:
            yield None, new.manifest
            new = next(after, None)
        else:
            yield old.manifest, new.manifest
            old, new = next(before, None), next(after, None)


def _require_overlap(before: Side, after: Side, wanted: str | None) -> None:
    """UsageError where the sides, and the namespace that was asked for, have nothing in common."""
    said = {f"{side.origin.label} holds namespace {side.namespace}": side.namespace for side in (before, after)}
    said[f"-n names {wanted}"] = wanted
    given = {words: namespace for words, namespace in said.items() if namespace is not None}
    if len(set(given.values())) > 1:
        raise UsageError(
            f"nothing to compare: {', '.join(given)}", hint="hold one namespace against another with --map-namespace OLD=NEW"
        )
