"""Which strings of an LRS name an image. Pure; nothing is guessed silently.

The fields' names are not public. So a string is taken for an image where its field or its own form says that it is one,
and the answer says by what (`Why`). What looks like an image and cannot be decided is said too, for the user to settle.
"""

from __future__ import annotations

import re
from enum import Enum

from kubectl_lrs.stores.common.image_names.reference import Reference, has_host, is_pinned, parse
from kubectl_lrs.stores.common.image_names.repositories import is_of_the_product, mentions_one

_LAST_KEY = re.compile(r"([^.\[\]]+)(?:\[\d+\])*$")
_IMAGE_KEY = re.compile(
    r"image|.*(?:Image|_image|-image|IMAGE)|(?:.*(?:Image|_image)|image)_?(?:Name|Uri|URI|Url|URL|Ref|Reference|Tag|name|uri|url|ref|reference)"
)
_CONTAINER = re.compile(r"(?:^|\.)(?:containers|initContainers|ephemeralContainers)\[\d+\]\.image$")
IDENTIFIER = re.compile(r"[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f-]{36}")
"""What could be read as the name of an image, and is an id, a sum or a uuid."""


class Why(str, Enum):
    """By what a string was taken for an image."""

    CONTAINER = "the image of a container"
    FIELD = "the field is called image"
    PRODUCT = "a repository of the product"
    USED = "an LRS uses it too"
    REGISTRY = "a registry that an LRS uses"
    ASKED = "--image"


Decision = tuple[Reference, Why] | str | None
"""An image and by what; or why it cannot be told; or that it is none."""


def in_lrs(path: str, text: str) -> Decision:
    """What a string of an LRS is, by its field (`spec.containers[0].image`) and by itself."""
    reference = parsed(text)
    named = is_image_field(path)
    if reference is None:
        return doubtful(text, named=named)
    if _CONTAINER.search(path):
        return reference, Why.CONTAINER
    if IDENTIFIER.fullmatch(text):
        return None
    if named and (_key(path) == "image" or is_pinned(text) or has_host(text)):
        return reference, Why.FIELD
    if has_host(text) and is_of_the_product(reference.repository):
        return reference, Why.PRODUCT
    if named and "/" in text:
        return "the field is called image, and it names neither registry nor tag"
    if mentions_one(text) and (is_pinned(text) or "/" in text):
        return "a repository of the product, and no registry"
    return None


def doubtful(text: str, *, named: bool) -> Decision:
    """Of a string that is no reference as a whole."""
    if mentions_one(text) and (":" in text or "/" in text):
        return "a repository of the product is a part of it"
    if named and text.strip() and ("/" in text or ":" in text) and " " not in text.strip():
        return "the field is called image, and it is not the name of one"
    return None


def parsed(text: str) -> Reference | None:
    """What a string names, None where it is no name of an image."""
    try:
        return parse(text)
    except ValueError:
        return None


def _key(path: str) -> str:
    """The last name in a path: `image` of `spec.containers[0].image`."""
    match = _LAST_KEY.search(path)
    return match[1] if match else ""


def is_image_field(path: str) -> bool:
    """Whether a field is called after an image: image, baseImage, imageUri, image_name."""
    return _IMAGE_KEY.fullmatch(_key(path)) is not None
