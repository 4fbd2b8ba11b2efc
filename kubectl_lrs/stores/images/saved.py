"""`images.json`: every image that a backup knows of, what it was then, where it is named. Written, and read without trust."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.common.image_names.reference import Reference, is_digest, parse
from kubectl_lrs.stores.images.find import Image, Undecided

FILE = "images.json"
TIER = "images"
KIND = "lrs-images"
FORMAT_VERSION = 1
MAX_SIZE = 256 << 20


class Level(str, Enum):
    """How much of the images a backup takes."""

    NONE = "none"
    INVENTORY = "inventory"
    COPY = "copy"


class State(str, Enum):
    """What became of one image. `missing`: the registry did not have it, whole. `unresolved`: nobody could say."""

    COPIED = "copied"
    RECORDED = "recorded"
    MISSING = "missing"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, kw_only=True)
class SavedImage:
    """One image. `digest` is what it stood for when the backup was made, `bytes` all of it, `reason` why it is not there."""

    reference: Reference
    state: State
    digest: str = ""
    media_type: str = ""
    bytes: int = 0
    platforms: tuple[str, ...] = ()
    reason: str = ""


def serialise(
    entries: Mapping[SavedImage, Image],
    *,
    level: Level,
    instant: str,
    undecided: list[Undecided],
    undecided_count: int,
    left_out: list[str],
) -> bytes:
    """The bytes of `images.json`."""
    document = {
        "kind": KIND,
        "formatVersion": FORMAT_VERSION,
        "level": level.value,
        "instant": instant,
        "images": [_data(entry, image) for entry, image in entries.items()],
        "undecided": [
            {"store": each.store, "id": each.id, "field": each.field, "text": each.text, "why": each.why} for each in undecided
        ],
        "undecidedCount": undecided_count,
        "leftOut": left_out,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _data(entry: SavedImage, image: Image) -> dict[str, Any]:
    return {
        "reference": str(entry.reference),
        "registry": entry.reference.registry,
        "repository": entry.reference.repository,
        "tag": entry.reference.tag,
        "state": entry.state.value,
        "digest": entry.digest,
        "mediaType": entry.media_type,
        "bytes": entry.bytes,
        "platforms": list(entry.platforms),
        "reason": entry.reason,
        "foundCount": image.count,
        "found": [{"store": each.store, "id": each.id, "field": each.field, "why": each.why.value} for each in image.places],
    }


@dataclass(frozen=True)
class Inventory:
    """What a backup says of images."""

    level: Level
    entries: tuple[SavedImage, ...]
    undecided: int

    def of(self, only: Collection[str] | None) -> Inventory:
        """Those of these references alone; all of them for None."""
        return (
            self if only is None else replace(self, entries=tuple(each for each in self.entries if str(each.reference) in only))
        )


def saved(folder: Backup) -> Inventory | None:
    """The inventory of a backup, None where it holds none; DamageError where the file is none."""
    if TIER not in folder.catalog.tiers:
        return None
    where = folder.describe(FILE)
    with folder.reading(FILE) as file:
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise DamageError(f"{where}: larger than {MAX_SIZE >> 20} MiB")
    try:
        document = json.loads(data)
        version = document["formatVersion"]
        if type(version) is int and version > FORMAT_VERSION:
            raise UsageError(f"{where}: format {version} is newer than this program reads ({FORMAT_VERSION})")
        return _inventory(document)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DamageError(f"{where}: not a list of images: {error}") from error


def _inventory(document: Mapping[str, Any]) -> Inventory:
    if document["kind"] != KIND or document["formatVersion"] != FORMAT_VERSION:
        raise ValueError("kind")
    entries = tuple(_entry(each) for each in document["images"])
    if len({each.reference for each in entries}) < len(entries):
        raise ValueError("an image stands in it twice")
    return Inventory(Level(document["level"]), entries, int(document["undecidedCount"]))


def _entry(data: Mapping[str, Any]) -> SavedImage:
    entry = SavedImage(
        reference=parse(data["reference"]),
        state=State(data["state"]),
        digest=str(data["digest"]),
        media_type=str(data["mediaType"]),
        bytes=int(data["bytes"]),
        platforms=tuple(str(each) for each in data["platforms"]),
        reason=str(data["reason"]),
    )
    if entry.state in (State.COPIED, State.RECORDED) and not is_digest(entry.digest):
        raise ValueError(f"{entry.reference} has no digest")
    return entry
