"""What rehearsals make in a repository of a registry: each says what, before it makes it, and only that is removed again.

The mark of a run is a manifest under a tag of its own, made first and removed last. It lists the tags of the run, each with
the digest that it is to name, and the manifests that were not there before. A tag that names something else by now, and a
manifest that any other tag names, stays: it is somebody's.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError
from kubectl_lrs.runtime import process
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.stores.common.image_names.reference import Reference, is_digest
from kubectl_lrs.stores.images.access import NOBODYS, Access, Doing
from kubectl_lrs.stores.images.layout import parts_of
from kubectl_lrs.stores.images.registry.client import RegistryClient, Removal
from kubectl_lrs.stores.images.registry.content import OCI_MANIFEST, Manifest, MissingError, PushError, UnclearError, digest_of

R = TypeVar("R")

PREFIX = "lrs-rehearsal-"
KIND = "application/vnd.kubectl-lrs.rehearsal.v1+json"
MAX_MARK = 64 << 20

LIFE = 24 * 3600.0
"""Seconds, by the registry's clock, after which a run is over that nobody knows of."""

_TAG = re.compile(rf"({PREFIX}[0-9]{{14}}-[0-9a-f]{{16}})(?:-[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a run says of itself. `name`: its own tag; `began`: by the registry's clock, 0 where that does not tell.

    `tags`: each with the digest that it is to name; `manifests`: those that were not there before, what names others first.
    `has_ended`: it made all that it will, and may not remove it.
    """

    name: str
    began: float
    process: int
    place: str
    who: str
    tags: Mapping[str, str]
    manifests: tuple[str, ...]
    has_ended: bool = False

    def is_over(self, now: float) -> bool:
        """Whether it is known that it makes nothing more."""
        is_old = bool(self.began and now) and now - self.began > LIFE
        return self.has_ended or is_old or process.is_gone(self.process, self.place)


@dataclass
class Left:
    """What is still there, in words: what the registry does not let go, or somebody else's tag keeps; and what failed."""

    kept: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Runs:
    """The runs of one repository, asked as the user alone."""

    def __init__(self, access: Access, where: Reference, *, workers: int) -> None:
        self._access = access
        self._where = where
        self._workers = workers

    # ---- what is there

    def now(self) -> float:
        """The registry's time, 0 where it does not tell."""
        return self._ask(lambda registry: registry.tags(self._where.repository)).now

    def there(self, digests: Iterable[str]) -> set[str]:
        """Which manifests the repository has."""
        return {
            digest
            for digest, is_there in map_unordered(digests, self._has, workers=self._workers, stop=self._access.stop)
            if is_there
        }

    def _has(self, digest: str) -> tuple[str, bool]:
        return digest, self._ask(lambda registry: registry.has(self._where.repository, digest))

    def at_work(self, but: str = "") -> list[str]:
        """Who may be at work in it, beside the run of that name."""
        tags = self._ask(lambda registry: registry.tags(self._where.repository))
        marks = (mark for name, mark in self._marks(tags.names) if name != but)
        return [mark.who for mark in marks if mark and not mark.is_over(tags.now)]

    def _marks(self, tags: frozenset[str]) -> Iterator[tuple[str, Mark | None]]:
        """Each run of which there is a tag; None where nothing says what it has made."""
        for name in sorted({match[1] for tag in tags if (match := _TAG.fullmatch(tag))}):
            yield name, self._mark(name) if name in tags else None

    def _mark(self, name: str) -> Mark | None:
        with suppress(MissingError, UnclearError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _read(self._ask(lambda registry: self._content(registry, name)), name)
        return None

    def _content(self, registry: RegistryClient, name: str) -> bytes:
        blob = parts_of(registry.manifest(self._where.repository, name)).blobs[0]
        if blob.media_type != KIND or blob.size > MAX_MARK:
            raise ValueError("not a mark")
        return b"".join(registry.blob(self._where.repository, blob.digest, blob.size))

    def _ask(self, work: Callable[[RegistryClient], R]) -> R:
        where = self._where
        refusals = (CredentialsError, DeniedError)
        return self._access.ask(where.registry, where.repository, NOBODYS, work, refusals=refusals, doing=Doing.CLEAR)

    # ---- a run

    def announce(self, mark: Mark) -> None:
        """Say what it will make; LrsError where that is not there afterwards."""
        data = json.dumps(asdict(mark)).encode()
        part = {"mediaType": KIND, "digest": digest_of(data), "size": len(data)}
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": part, "layers": [part]}
        content = json.dumps(document).encode()
        manifest = Manifest(content, digest_of(content), OCI_MANIFEST)

        def push(registry: RegistryClient) -> Manifest:
            registry.push_blob(self._where.repository, digest_of(data), len(data), lambda: io.BytesIO(data))
            return registry.push_manifest(self._where.repository, mark.name, manifest)

        if self._ask(push).digest != manifest.digest:
            raise PushError(f"{self._where.name}:{mark.name}: the registry has something else under it than it was sent")

    def remove(self, mark: Mark) -> Left:
        """All that a run has made, then its mark. LrsError: what is there could not be looked at, and nothing was removed."""
        names = self._ask(lambda registry: registry.tags(self._where.repository)).names
        digests = dict(map_unordered(sorted(names), self._digest, workers=self._workers, stop=self._access.stop))
        own = {tag for tag, digest in mark.tags.items() if digests.get(tag) == digest}
        left = Left()
        for digest in mark.manifests:
            named = {tag for tag, each in digests.items() if each == digest}
            if others := sorted(named - own):
                left.kept.append(f"{digest} stays: {others[0]} names it too")
            else:
                self._remove(digest, sorted(named), left)
        if not left.failed:
            self._forget(mark, digests.get(mark.name, ""), left)
        return left

    def _digest(self, tag: str) -> tuple[str, str]:
        return tag, self._ask(lambda registry: registry.digest_of(self._where.repository, tag))

    def _remove(self, digest: str, tags: Iterable[str], left: Left) -> None:
        """The tags first: some registries remove nothing that one names; others know no removal of a tag by itself."""
        try:
            for tag in tags:
                self._delete(tag)
            removal, said = self._delete(digest)
            if removal is Removal.REFUSED:
                left.kept.append(f"{digest} stays: the registry does not remove it: {said}")
        except LrsError as error:
            left.failed.append(f"{digest} could not be removed: {error}")

    def _forget(self, mark: Mark, digest: str, left: Left) -> None:
        """Its mark. Where that has to stay, it says that the run is over."""
        if not digest:
            return
        self._remove(digest, [mark.name], left)
        with suppress(LrsError):
            if self._digest(mark.name)[1]:
                self.announce(replace(mark, has_ended=True))

    def _delete(self, reference: str) -> tuple[Removal, str]:
        return self._ask(lambda registry: registry.delete_manifest(self._where.repository, reference))

    # ---- what killed ones have left

    def sweep(self) -> Iterator[str]:
        """Remove what runs have made that are over; what was removed and what was not, in words."""
        tags = self._ask(lambda registry: registry.tags(self._where.repository))
        for name, mark in self._marks(tags.names):
            what = f"{self._where.name}:{name}"
            if mark is None:
                yield f"{what} has the name of a rehearsal's, and nothing says what one has made: left alone"
            elif not mark.is_over(tags.now):
                yield f"{what} is at work or may be ({mark.who}): left alone"
            else:
                yield from _told(what, self.remove(mark))


def _told(what: str, left: Left) -> Iterator[str]:
    if left.failed:
        yield f"warning: what a killed rehearsal has left could not be removed: {what}: {left.failed[0]}"
    elif left.kept:
        yield f"of what an earlier rehearsal has left {len(left.kept)} manifests stay: {what}: {left.kept[0]}"
    else:
        yield f"removed {what}, which a killed rehearsal has left"


def _read(data: bytes, name: str) -> Mark:
    """ValueError and the like where it is none of this name, or where it lists what is not a rehearsal's."""
    found: Mapping[str, Any] = json.loads(data)
    mark = Mark(
        name=str(found["name"]),
        began=float(found["began"]),
        process=int(found["process"]),
        place=str(found["place"]),
        who=str(found["who"])[:200],
        tags={str(tag): str(digest) for tag, digest in found["tags"].items()},
        manifests=tuple(map(str, found["manifests"])),
        has_ended=found["has_ended"] is True,
    )
    if mark.name != name or not all(map(is_digest, (*mark.tags.values(), *mark.manifests))):
        raise ValueError("not of this run")
    if any((match := _TAG.fullmatch(tag)) is None or match[1] != name or tag == name for tag in mark.tags):
        raise ValueError("tags of another run")
    return mark
