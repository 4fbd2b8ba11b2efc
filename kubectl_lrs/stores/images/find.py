"""Which strings in saved LRS and Mongo documents name an image. Pure; nothing is guessed silently.

The fields' names are not public. So a string is taken for an image where its field or its own form says that it is one,
and each finding says by what (`Why`). What looks like an image and cannot be decided is listed, for the user to settle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.image_names.recognise import IDENTIFIER, Decision, Why, doubtful, in_lrs, is_image_field, parsed
from kubectl_lrs.stores.common.image_names.reference import Reference, has_host, is_host, is_pinned, normal_host, parse
from kubectl_lrs.stores.common.image_names.repositories import is_of_the_product
from kubectl_lrs.stores.common.mentions import LRS, Mention

PLACES = 20
"""How many places of an image are recorded, and how many undecided strings; all are counted."""

MOST = 100_000
"""Images in one backup."""

SHOWN = 200


@dataclass(frozen=True, slots=True)
class ImageMention:
    """Where an image is named."""

    store: str
    id: str
    field: str
    why: Why


@dataclass(slots=True)
class Image:
    """One image and where it was found; `count` places in all, the first of them in `places`.

    `owners`: every LRS and document that names it, by (store, id), each with the first field of it that does.
    """

    reference: Reference
    places: list[ImageMention] = field(default_factory=list)
    count: int = 0
    owners: dict[tuple[str, str], ImageMention] = field(default_factory=dict)

    def add(self, place: ImageMention) -> None:
        """One more place."""
        self.count += 1
        if len(self.places) < PLACES:
            self.places.append(place)
        self.owners.setdefault((place.store, place.id), place)

    @property
    def namespaces(self) -> frozenset[str]:
        """Those of the LRS that name it."""
        return frozenset(identifier.partition("/")[0] for store, identifier in self.owners if store == LRS)


def registries_of(images: Iterable[Reference]) -> list[str]:
    """The registries that these images are in."""
    return sorted({reference.registry for reference in images})


@dataclass(frozen=True)
class Undecided:
    """A string that may or may not name an image, and why that cannot be told."""

    store: str
    id: str
    field: str
    text: str
    why: str


@dataclass
class Found:
    """All images by reference, and what could not be decided.

    `left_out`: by --exclude-image; `not_allowed`: of registries that --registry does not name.
    """

    images: dict[Reference, Image] = field(default_factory=dict)
    undecided: list[Undecided] = field(default_factory=list)
    undecided_count: int = 0
    left_out: list[str] = field(default_factory=list)
    not_allowed: list[Reference] = field(default_factory=list)

    def add(self, reference: Reference, place: ImageMention) -> None:
        """One more place of an image."""
        if reference not in self.images and len(self.images) >= MOST:
            raise UsageError(f"more than {MOST} images are named; leave some out with --exclude-image")
        self.images.setdefault(reference, Image(reference)).add(place)

    def add_undecided(self, mention: Mention, why: str) -> None:
        """One more string that cannot be decided."""
        self.undecided_count += 1
        if len(self.undecided) < PLACES * 10:
            self.undecided.append(Undecided(mention.store, mention.id, mention.field, mention.text[:SHOWN], why))


@dataclass(frozen=True)
class Allowed:
    """The registries that may be asked, by their names in references; all of them where none is named."""

    hosts: frozenset[str] = frozenset()

    def __contains__(self, registry: str) -> bool:
        return not self.hosts or registry in self.hosts


def allowed(hosts: Collection[str]) -> Allowed:
    """`--registry HOST` several times; UsageError where one is no host."""
    for host in hosts:
        if not is_host(host.strip()):
            raise UsageError(
                f"--registry {host!r}: not the name of a registry",
                hint="write it as images have it, such as registry.example.com",
            )
    return Allowed(frozenset(normal_host(host.strip()) for host in hosts))


@dataclass(frozen=True)
class ImageFilter:
    """What the user says of images: more of them, patterns of those that are not meant, and the only registries to ask."""

    also: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    registries: Allowed = Allowed()


def find(mentions: Iterable[Mention], wanted: ImageFilter) -> Found:
    """The images that LRS and documents name. LRS come first in `mentions`: what they use decides for documents."""
    found = Found()
    for text in wanted.also:
        found.add(asked(text, "--image"), ImageMention("", "", "", Why.ASKED))
    registries: set[str] = set()
    possible: list[tuple[Reference, ImageMention]] = []
    in_documents = False
    for mention in mentions:
        if mention.store != LRS and not in_documents:
            in_documents = True
            registries = _settle(found, possible)
        decided = _in_document(mention, found, registries) if in_documents else in_lrs(mention.field, mention.text)
        if isinstance(decided, str):
            found.add_undecided(mention, decided)
        elif decided:
            found.add(decided[0], ImageMention(mention.store, mention.id, mention.field, decided[1]))
        elif not in_documents and has_host(mention.text) and is_pinned(mention.text) and (reference := parsed(mention.text)):
            possible.append((reference, ImageMention(mention.store, mention.id, mention.field, Why.REGISTRY)))
    if not in_documents:
        _settle(found, possible)
    _leave_out(found, wanted)
    return found


def _settle(found: Found, possible: Iterable[tuple[Reference, ImageMention]]) -> set[str]:
    """Add what is of a registry that LRS take their images from; those registries."""
    registries = {reference.registry for reference in found.images}
    for reference, place in possible:
        if reference.registry in registries:
            found.add(reference, place)
    return registries


def asked(text: str, flag: str) -> Reference:
    """A reference that the user gave."""
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text!r}: {error}", hint="write it like registry.example.com/folder/name:tag") from error


def _leave_out(found: Found, wanted: ImageFilter) -> None:
    for reference in list(found.images):
        if any(fnmatchcase(str(reference), pattern) for pattern in wanted.excluded):
            del found.images[reference]
            found.left_out.append(str(reference))
        elif reference.registry not in wanted.registries:
            del found.images[reference]
            found.not_allowed.append(reference)


def _in_document(mention: Mention, found: Found, registries: set[str]) -> Decision:
    """What a string of a Mongo document is; a tag is never made up, as the document may have it in another field."""
    text = mention.text
    reference = parsed(text)
    named = is_image_field(mention.field)
    if reference is None:
        return doubtful(text, named=False)
    if IDENTIFIER.fullmatch(text):
        return None
    pinned, hosted = is_pinned(text), has_host(text)
    if pinned and reference in found.images:
        return reference, Why.USED
    if pinned and hosted and is_of_the_product(reference.repository):
        return reference, Why.PRODUCT
    if pinned and hosted and reference.registry in registries:
        return reference, Why.REGISTRY
    if pinned and hosted and named:
        return reference, Why.FIELD
    return _why_not(reference, text, named=named, known=reference.registry in registries)


def _why_not(reference: Reference, text: str, *, named: bool, known: bool) -> Decision:
    """Why a string that could name an image is not taken for one, where it looks as if it did."""
    pinned, hosted = is_pinned(text), has_host(text)
    of_the_product = is_of_the_product(reference.repository) and (hosted or pinned or "/" in text)
    if not (of_the_product or (hosted and known) or (named and (hosted or (pinned and "/" in text)))):
        return None
    return "it names no tag" if hosted else "it names no registry"


def where(places: Iterable[ImageMention]) -> Iterator[str]:
    """Places, for a person."""
    for place in places:
        yield f"{place.store} {place.id} {place.field}".strip() or place.why.value
