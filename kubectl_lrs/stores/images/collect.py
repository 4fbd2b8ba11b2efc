"""The images that LRS and documents name → a backup: looked up in their registries, listed, and copied when that is asked for.

What is written has been held against its digest. An image that its registry says not to have (whole) is listed as missing,
one of which nothing can be told or had as unresolved, with the reason: neither ends the backup of the others. Where every
registry that is named is out of reach there is no copy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, TypeVar

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.model.units import counted, size
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.common.mentions import mentions
from kubectl_lrs.stores.images.access import OF_ONE, Access
from kubectl_lrs.stores.images.download import Copied, Downloads, blobs_of
from kubectl_lrs.stores.images.find import Found, Image, ImageFilter, find, registries_of, where
from kubectl_lrs.stores.images.layout import Tree, blob_path, tree, write_frame
from kubectl_lrs.stores.images.registry.client import RegistryClient
from kubectl_lrs.stores.images.registry.content import Manifest, MissingError
from kubectl_lrs.stores.images.saved import FILE, MAX_SIZE, TIER, Level, SavedImage, State, serialise

T = TypeVar("T")
R = TypeVar("R")

SETTLE = 10.0
"""Seconds that are given to what is under way when everything is given up."""


@dataclass(frozen=True)
class _Resolved:
    """An image as its registry has it; without a tree, `failure` says why."""

    entry: SavedImage
    tree: Tree | None = None
    failure: LrsError | None = None


class ImagesCollector:
    """What the registries have of the images that are named in the folder."""

    def __init__(self, access: Access, level: Level, *, wanted: ImageFilter, workers: int) -> None:
        self._access = access
        self._level = level
        self._wanted = wanted
        self._workers = workers

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write `images.json` and, at `copy`, the layout; the facts for the catalog."""
        progress.begin("looking for images")
        found = find(mentions(writer), self._wanted)
        self._access.log_in(mentions(writer), found.images)
        if found.images:  # anybody who may make an LRS may name a host: it is said before it is contacted
            progress.note(f"images: contacting {', '.join(registries_of(found.images))}")
        progress.begin("images: looking them up", len(found.images))
        resolved = {each.entry.reference: each for each in self._each(found.images, self._resolve, progress)}
        copied: list[Copied] = []
        if self._level is Level.COPY:
            self._require_some(resolved.values())
            copied = self._copy(writer, resolved.values(), progress)
            resolved = _judged(resolved, copied)
            self._require_some(resolved.values())
            self._write_layout(writer, resolved)
        entries = {resolved[reference].entry: found.images[reference] for reference in sorted(found.images)}
        writer.write(FILE, self._document(entries, found), limit=MAX_SIZE)
        facts = self._facts(entries, found, copied)
        if self._level is Level.COPY and found.not_allowed and not found.images:
            facts["missing"] = [_all_left_out(found.not_allowed)]
        return facts

    # ---- what there is

    def _resolve(self, reference: Reference) -> _Resolved:
        def whole(registry: RegistryClient) -> tuple[Manifest, Tree]:
            top = registry.manifest(reference.repository, reference.wanted)
            return top, tree(top, lambda digest: registry.manifest(reference.repository, digest))

        try:
            top, found = self._access.ask(reference.registry, reference.repository, self._access.domain(reference), whole)
        except OF_ONE as error:
            return _failed(SavedImage(reference=reference, state=State.UNRESOLVED), error)
        entry = SavedImage(
            reference=reference,
            state=State.COPIED if self._level is Level.COPY else State.RECORDED,
            digest=top.digest,
            media_type=top.media_type,
            bytes=found.bytes,
            platforms=tuple(found.platforms),
        )
        return _Resolved(entry, found)

    def _require_some(self, resolved: Iterable[_Resolved]) -> None:
        """An error where nothing can be had, and that is not because the registries say not to have it."""
        found = list(resolved)
        failures = [each.failure for each in found if each.failure]
        away = [each for each in failures if isinstance(each, (UnreachableError, DeniedError))]
        lost = self._access.lost
        if away and (len(away) == len(found) or all(each.entry.reference.registry in lost for each in found)):
            raise _explained(away[0])

    # ---- copies

    def _copy(self, writer: Writer, images: Iterable[_Resolved], progress: Progress) -> list[Copied]:
        blobs = blobs_of((each.entry.reference, each.tree) for each in images if each.tree)
        total = sum(each.descriptor.size for each in blobs)
        progress.begin(f"images: copying {len(blobs)} blobs, {size(total)}", len(blobs))
        downloads = Downloads(writer, self._access)
        return list(self._each(blobs, downloads.copy, progress))

    def _write_layout(self, writer: Writer, resolved: Mapping[Reference, _Resolved]) -> None:
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

    def _document(self, entries: Mapping[SavedImage, Image], found: Found) -> bytes:
        return serialise(
            entries,
            level=self._level,
            instant=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            undecided=found.undecided,
            undecided_count=found.undecided_count,
            left_out=[*found.left_out, *map(str, found.not_allowed)],
        )

    def _facts(self, entries: Mapping[SavedImage, Image], found: Found, copied: Iterable[Copied]) -> dict[str, Any]:
        states = {state: sum(entry.state is state for entry in entries) for state in State}
        blobs = [each for each in copied if each.is_there]
        lacking = (State.MISSING, State.UNRESOLVED) if self._level is Level.COPY else (State.MISSING,)
        return {
            "level": self._level.value,
            "images": len(entries),
            "copied": states[State.COPIED],
            "blobs": len(blobs),
            "bytes": sum(each.size for each in blobs),
            "reused": sum(each.reused for each in blobs),
            "undecided": found.undecided_count,
            "leftOut": len(found.left_out) + len(found.not_allowed),
            "registries": registries_of(found.images),
            "missing": [_missing(entry, image) for entry, image in entries.items() if entry.state in lacking],
            "notes": [each.to_dict() for each in (*self._access.notes, *_notes(states, entries, found, self._level))],
        }

    def _each(self, items: Iterable[T], work: Callable[[T], R], progress: Progress) -> Iterator[R]:
        """The results of work on several at once; the first failure ends it, after what is under way has ended too."""
        failures: list[LrsError] = []

        def attempt(item: T) -> R | None:
            try:
                return work(item)
            except LrsError as error:
                failures.append(error)
                self._access.stop.set()
                return None

        with _settled(self._access.stop) as counted:
            for result in map_unordered(items, counted(attempt), workers=self._workers, stop=self._access.stop):
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
    return error.with_hint(without)


def _failed(entry: SavedImage, error: LrsError) -> _Resolved:
    """An image is missing where its registry says so; else nobody could say, or it could not be had."""
    state = State.MISSING if isinstance(error, MissingError) else State.UNRESOLVED
    return _Resolved(replace(entry, state=state, reason=str(error)), failure=error)


def _judged(resolved: Mapping[Reference, _Resolved], copied: Iterable[Copied]) -> dict[Reference, _Resolved]:
    """The images as they are in the backup: one that could not get a blob is not. That it is missing is said first."""
    judged = dict(resolved)
    for blob in copied:
        for reference, error in blob.failures.items():
            if judged[reference].entry.state is not State.MISSING:
                judged[reference] = _failed(judged[reference].entry, error)
    return judged


def _missing(entry: SavedImage, image: Image) -> Missing:
    return Missing(
        store=TIER,
        kind="image",
        name=str(entry.reference),
        reason=entry.reason,
        where=next(where(image.places), ""),
        is_absent=entry.state is State.MISSING,
    )


def _all_left_out(images: Collection[Reference]) -> Missing:
    """Of a copy that holds no image, as the registries that may be asked are none of those that are named."""
    hosts = ", ".join(registries_of(images))
    why = f"--registry names none of the registries that the images are in: {hosts}"
    return Missing(store=TIER, kind="images", name=f"{len(images)} of {len(images)}", reason=why)


def _notes(states: Mapping[State, int], entries: Iterable[SavedImage], found: Found, level: Level) -> Iterator[Remark]:
    if (count := states[State.UNRESOLVED]) and level is not Level.COPY:
        first = next(each for each in entries if each.state is State.UNRESOLVED)
        yield Remark(f"{counted(count, 'image')} could not be looked up, such as {first.reference}: {first.reason}")
    if found.not_allowed:
        hosts = ", ".join(registries_of(found.not_allowed))
        why = f"{len(found.not_allowed)} images are of registries that --registry does not name: {hosts}"
        yield Remark(why, Note.IMAGES_LEFT_OUT)
    if found.undecided_count:
        one = found.undecided[0]
        example = f"{one.text!r} in {one.store} {one.id} {one.field} ({one.why})"
        why = f"{found.undecided_count} strings may name images and cannot be decided, such as {example}"
        yield Remark(f"{why}; {FILE} lists them, --image takes one", Note.IMAGES_UNDECIDED)
    if found.left_out:
        yield Remark(f"{len(found.left_out)} images were left out by --exclude-image", Note.IMAGES_LEFT_OUT)
