"""The images that LRS and documents name → a backup: looked up in their registries, listed, and copied when that is asked for.

What is written has been held against its digest. An image that its registry does not have (whole) is listed as missing;
a registry that is out of reach, or does not let one read, means no copy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, TypeVar

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.model.units import size
from kubectl_lrs.repository import FolderWriter
from kubectl_lrs.runtime.cancel import Cancel, StoppedError
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.common.mentions import Mention, mentions
from kubectl_lrs.stores.images.find import Found, Image, Wanted, find
from kubectl_lrs.stores.images.layout import Descriptor, Tree, blob_path, tree, write_frame
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.content import MissingError, PushError, WrongContentError
from kubectl_lrs.stores.images.saved import FILE, TIER, Entry, Level, State, serialise

T = TypeVar("T")
R = TypeVar("R")

GONE = (MissingError, WrongContentError, PushError)
"""What says that the registry itself does not have something, or not as it should be."""

SETTLE = 10.0
"""Seconds that are given to what is under way when everything is given up."""


@dataclass(frozen=True)
class _Resolved:
    """An image as its registry has it; without a tree, `entry` says why."""

    entry: Entry
    tree: Tree | None = None


@dataclass(frozen=True)
class _Blob:
    """One blob to copy, and a repository that has it."""

    blob: Descriptor
    source: Reference


@dataclass(frozen=True)
class _Copied:
    """`reused`: it was there already, from a backup that was broken off. `gone`: the registry does not have it."""

    digest: str
    size: int = 0
    reused: bool = False
    gone: str = ""


class ImagesTier:
    """What the registries have of the images that are named in the folder. `log_in` looks for credentials in what is saved."""

    def __init__(
        self,
        registries: Registries,
        level: Level,
        *,
        wanted: Wanted,
        workers: int,
        log_in: Callable[[Iterable[Mention]], None] = lambda _mentions: None,
    ) -> None:
        self._registries = registries
        self._log_in = log_in
        self._level = level
        self._wanted = wanted
        self._workers = workers
        self._lost: dict[str, str] = {}

    def collect(self, writer: FolderWriter, progress: Progress) -> dict[str, Any]:
        """Write `images.json` and, at `copy`, the layout; the facts for the catalog."""
        progress.begin("looking for images")
        self._log_in(mentions(writer))
        found = find(mentions(writer), self._wanted)
        progress.begin("images: looking them up", len(found.images))
        resolved = {each.entry.reference: each for each in self._each(found.images, self._resolve, progress)}
        copied: dict[str, _Copied] = {}
        if self._level is Level.COPY:
            copied = self._copy(writer, list(resolved.values()), progress)
            resolved = {reference: _judged(each, copied) for reference, each in resolved.items()}
            self._write_layout(writer, resolved)
        entries = {resolved[reference].entry: found.images[reference] for reference in sorted(found.images)}
        writer.write(FILE, self._document(entries, found))
        return _facts(self._level, list(entries), found, copied)

    # ---- what there is

    def _resolve(self, reference: Reference) -> _Resolved:
        if reference.registry in self._lost:
            return _Resolved(Entry(reference=reference, state=State.UNRESOLVED, reason=self._lost[reference.registry]))
        registry = self._registries.of(reference.registry)
        try:
            top = registry.manifest(reference.repository, reference.wanted)
            whole = tree(top, lambda digest: registry.manifest(reference.repository, digest))
        except GONE as error:
            return _Resolved(Entry(reference=reference, state=State.MISSING, reason=str(error)))
        except LrsError as error:
            if self._level is Level.INVENTORY and not isinstance(error, StoppedError):
                if isinstance(error, UnreachableError):  # nor will it answer for the next one
                    self._lost[reference.registry] = str(error)
                return _Resolved(Entry(reference=reference, state=State.UNRESOLVED, reason=str(error)))
            raise
        entry = Entry(
            reference=reference,
            state=State.COPIED if self._level is Level.COPY else State.RECORDED,
            digest=top.digest,
            media_type=top.media_type,
            bytes=whole.bytes,
            platforms=tuple(whole.platforms),
        )
        return _Resolved(entry, whole)

    # ---- copies

    def _copy(self, writer: FolderWriter, images: list[_Resolved], progress: Progress) -> dict[str, _Copied]:
        """Every blob of them once, the largest first, so that none of them is waited for in the end."""
        wanted: dict[str, _Blob] = {}
        for each in images:
            for blob in each.tree.blobs.values() if each.tree else ():
                wanted.setdefault(blob.digest, _Blob(blob, each.entry.reference))
        blobs = sorted(wanted.values(), key=lambda each: each.blob.size, reverse=True)
        total = sum(each.blob.size for each in blobs)
        progress.begin(f"images: copying {len(blobs)} blobs, {size(total)}", len(blobs))
        return {each.digest: each for each in self._each(blobs, lambda blob: self._copy_blob(writer, blob), progress)}

    def _copy_blob(self, writer: FolderWriter, wanted: _Blob) -> _Copied:
        blob, source = wanted.blob, wanted.source
        algorithm, _, value = blob.digest.partition(":")
        if algorithm == "sha256" and writer.adopt(blob.path, value):
            return _Copied(blob.digest, blob.size, reused=True)
        try:
            with writer.stream(blob.path) as sink:
                registry = self._registries.of(source.registry)
                for data in registry.blob(source.repository, blob.digest, blob.size, written=lambda: sink.digest):
                    sink.write(data)
        except GONE as error:
            return _Copied(blob.digest, gone=str(error))
        return _Copied(blob.digest, blob.size)

    def _write_layout(self, writer: FolderWriter, resolved: Mapping[Reference, _Resolved]) -> None:
        """The manifests of what is whole, then the frame that names them."""
        written: set[str] = set()
        named = []
        for reference, each in sorted(resolved.items()):
            if each.tree is None:
                continue
            for manifest in each.tree.manifests.values():
                if manifest.digest not in written:
                    writer.write(blob_path(manifest.digest), manifest.data)
                    written.add(manifest.digest)
            named.append((str(reference), each.tree.manifests[each.entry.digest]))
        write_frame(writer, named)

    def _document(self, entries: Mapping[Entry, Image], found: Found) -> bytes:
        return serialise(
            entries,
            level=self._level,
            instant=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            undecided=found.undecided,
            undecided_count=found.undecided_count,
            left_out=found.left_out,
        )

    def _each(self, items: Iterable[T], work: Callable[[T], R], progress: Progress) -> Iterator[R]:
        """The results of work on several at once; the first failure ends it, after what is under way has ended too."""
        failures: list[LrsError] = []

        def attempt(item: T) -> R | None:
            try:
                return work(item)
            except LrsError as error:
                failures.append(error)
                self._registries.stop.set()
                return None

        with _settled(self._registries.stop) as counted:
            for result in map_unordered(items, counted(attempt), workers=self._workers, stop=self._registries.stop):
                if result is not None:
                    progress.advance()
                    yield result
        if failures:
            raise _explained(failures[0])


@contextmanager
def _settled(stop: Cancel) -> Iterator[Callable[[Callable[[T], R]], Callable[[T], R]]]:
    """Gives a wrapper of work. Where the block is left by an exception, work that is under way is stopped and waited for.

    Else it would go on writing into a folder that is being removed.
    """
    under_way = 0
    changed = threading.Condition()

    def counted(work: Callable[[T], R]) -> Callable[[T], R]:
        def count(item: T) -> R:
            nonlocal under_way
            with changed:
                under_way += 1
            try:
                return work(item)
            finally:
                with changed:
                    under_way -= 1
                    changed.notify_all()

        return count

    try:
        yield counted
    except BaseException:
        stop.set()
        with changed:
            changed.wait_for(lambda: under_way == 0, SETTLE)
        raise


def _explained(error: LrsError) -> LrsError:
    """The failure with the way to do without."""
    without = "--images inventory only lists them, --images none leaves it out, --exclude-image leaves out some"
    error.hint = f"{error.hint}; {without}" if error.hint else without
    return error


def _judged(resolved: _Resolved, copied: Mapping[str, _Copied]) -> _Resolved:
    """An image of which a blob is gone is missing."""
    for digest in resolved.tree.blobs if resolved.tree else ():
        if reason := copied[digest].gone:
            return _Resolved(replace(resolved.entry, state=State.MISSING, reason=reason))
    return resolved


def _missing(entry: Entry, found: Found) -> Missing:
    places = [f"{place.store} {place.id} {place.field}" for place in found.images[entry.reference].places[:1]]
    return Missing(store=TIER, kind="image", name=str(entry.reference), reason=entry.reason, where="".join(places))


def _facts(level: Level, entries: list[Entry], found: Found, copied: Mapping[str, _Copied]) -> dict[str, Any]:
    blobs = [each for each in copied.values() if not each.gone]
    states = {state: sum(entry.state is state for entry in entries) for state in State}
    return {
        "level": level.value,
        "images": len(entries),
        "copied": states[State.COPIED],
        "blobs": len(blobs),
        "bytes": sum(each.size for each in blobs),
        "reused": sum(each.reused for each in blobs),
        "undecided": found.undecided_count,
        "leftOut": len(found.left_out),
        "missing": [_missing(each, found) for each in entries if each.state is State.MISSING],
        "notes": list(_notes(states, entries, found)),
    }


def _notes(states: Mapping[State, int], entries: list[Entry], found: Found) -> Iterator[str]:
    if count := states[State.UNRESOLVED]:
        first = next(each for each in entries if each.state is State.UNRESOLVED)
        yield f"{count} images could not be looked up, such as {first.reference}: {first.reason}"
    if found.undecided_count:
        one = found.undecided[0]
        example = f"{one.text!r} in {one.store} {one.id} {one.field} ({one.why})"
        yield (
            f"{found.undecided_count} strings may name images and cannot be decided, such as {example}; "
            f"{FILE} lists them, --image takes one"
        )
    if found.left_out:
        yield f"{len(found.left_out)} images were left out by --exclude-image"
