"""The seal of a backup, `backup.json`: small, put last, once. Its presence makes a backup; it is read without trust. Pure.

It holds what `list` and `prune` need to know, and the sums of all that the backup has beside the pool.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from kubectl_lrs.model import own_sum
from kubectl_lrs.model.catalog import COUNTED, Catalog, from_document
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository.pool.layout import BLOCKS, CATALOG, REFS, BackupId, is_of_backup, seconds_of, stamped

KIND = "lrs-backup"
FORMAT_VERSION = 2
MAX_SIZE = 4 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT = ("formatVersion", "state", "instant", "finished", "tool", "cluster", "profile", "levels", "selection", "origin")
"""What a head has as the catalog has it."""

_LISTS: Mapping[str, Any] = {"types": {}, "namespaces": {}, "skipped": []}
"""What a catalog says of its resources and a head does not."""


class Stored(NamedTuple):
    """One object beside the seal."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Stored:
        """These bytes."""
        return cls(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, kw_only=True)
class Seal:
    """`checked_at`: seconds by the storage's clock when the look began that found all of the pool's objects there.

    `objects`: what the backup has beside the pool, by file name. `stored`: what was new when it was made. `is_copy`: it was
    taken from another repository, so that it may be much older than its seal.
    """

    backup: BackupId
    repository: str
    checked_at: float
    head: Mapping[str, Any]
    objects: Mapping[str, Stored]
    stored: Mapping[str, int]
    is_copy: bool = False

    @cached_property
    def catalog(self) -> Catalog:
        """As far as the head says it: what it lacks is empty."""
        return _catalog(self.backup.name, self.head)

    @property
    def identity(self) -> str:
        """The sum of the backup's sorted sums."""
        return str(self.head["identity"])

    def is_late(self, stored: float | None, grace: float) -> bool:
        """Whether it came when what it refers to may have been removed: it counts only once all of that is seen.

        `stored`: when the storage has put it there, by its own clock; `grace`: the repository's, in seconds. Where that is long
        before the look, the two are not of one clock, and nothing tells how long lay between them.
        """
        return stored is None or abs(stored - self.checked_at) > grace / 2

    def serialise(self) -> bytes:
        """The bytes of `backup.json`."""
        return own_sum.serialise(
            {
                "kind": KIND,
                "formatVersion": FORMAT_VERSION,
                "name": self.backup.name,
                "session": self.backup.session,
                "repository": self.repository,
                "checkedAt": stamped(self.checked_at),
                "copied": self.is_copy,
                "head": dict(self.head),
                "stored": dict(self.stored),
                "objects": {file: each._asdict() for file, each in self.objects.items()},
            }
        )


def head_of(catalog: Catalog, identity: str) -> dict[str, Any]:
    """What of a sealed catalog stands in the seal."""
    document = catalog.to_dict()
    return {
        **{name: document[name] for name in _KEPT},
        "tiers": {tier: _facts(tier, facts) for tier, facts in catalog.tiers.items()},
        "missing": len(catalog.missing),
        "bytes": catalog.size,
        "identity": identity,
        "sha256": catalog.sha256,
    }


def _facts(tier: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Its single values, its counts by name, and how much it holds as a number."""
    single = {
        name: value for name, value in facts.items() if value is None or isinstance(value, (str, int)) or _are_counts(value)
    }
    counted = facts.get(COUNTED.get(tier, ""))
    return {**single, COUNTED[tier]: len(counted)} if isinstance(counted, list) else single


def _are_counts(value: Any) -> bool:
    """Such as LRS by type and by namespace, by which `latest` is chosen."""
    return isinstance(value, Mapping) and all(type(each) is int for each in value.values())


def _catalog(name: str, head: Mapping[str, Any]) -> Catalog:
    missing = head["missing"]
    tiers = dict(head["tiers"])
    tiers["resources"] = {**_LISTS, **tiers["resources"]}
    some = {"store": "", "kind": "", "name": "", "where": "", "reason": f"{missing} things, which its catalog lists"}
    document = {**head, "name": name, "tiers": tiers, "missing": [some] if missing else [], "sums": {"sha256": head["identity"]}}
    return from_document(document)


def parse(data: bytes, *, backup: BackupId, repository: str, where: str) -> Seal:
    """The seal in the bytes at the key of this backup; `where` names it in errors."""
    try:
        document = json.loads(data.decode("utf-8", "surrogatepass"))
        version = document["formatVersion"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{where}: not a seal: {error}") from error
    if type(version) is not int or version < FORMAT_VERSION or document.get("kind") != KIND:
        raise DamageError(
            f"{where}: not a seal: {printable(str(document.get('kind')))[:40]}, format {printable(str(version))[:40]}"
        )
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{where}: format {version} is newer than this program reads ({FORMAT_VERSION})",
            hint="use the version of kubectl lrs that made it, or a newer one",
        )
    if not own_sum.is_right(data):
        raise DamageError(f"{where}: altered since it was sealed (its own sum does not match)")
    try:
        seal = _from_document(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise DamageError(f"{where}: not a valid seal: {error!r}") from error
    if (seal.backup, seal.repository) != (backup, repository):
        raise DamageError(f"{where}: the seal of another backup or of another repository")
    return seal


def _from_document(document: Mapping[str, Any]) -> Seal:
    seal = Seal(
        backup=BackupId(str(document["name"]), str(document["session"])),
        repository=str(document["repository"]),
        checked_at=seconds_of(document["checkedAt"]),
        head=document["head"],
        objects={file: _stored(file, each) for file, each in document["objects"].items()},
        stored={str(name): _count(each) for name, each in document["stored"].items()},
        is_copy=document["copied"] is True,
    )
    if lacking := {CATALOG, BLOCKS, REFS} - set(seal.objects):
        raise ValueError(sorted(lacking))
    _count(seal.head["missing"])
    _sum(seal.head["identity"])
    _sum(seal.catalog.sha256)
    return seal


def _stored(file: str, entry: Mapping[str, Any]) -> Stored:
    if not is_of_backup(file):
        raise ValueError(file)
    return Stored(_count(entry["size"]), _sum(entry["sha256"]))


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(value)
    return value


def _sum(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(value)
    return value
