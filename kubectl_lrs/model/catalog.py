"""The catalog of a backup, `backup.json`: what the folder holds, of which cluster and instant. Pure.

It is written last, so its presence means that the folder was sealed; its last field is the sum of all before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from kubectl_lrs import __version__
from kubectl_lrs.model import meanwhile, own_sum
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.meanwhile import Meanwhile
from kubectl_lrs.model.units import printable

FILE = "backup.json"
SUMS_FILE = "SHA256SUMS"
MAX_SIZE = 64 << 20
"""Bytes of `backup.json`: no more are read, and no more are written."""

FORMAT_VERSION = 2
TOOL = f"kubectl-lrs {__version__}"
"""What this version writes as `tool`."""

OLDEST = datetime(2000, 1, 1, tzinfo=timezone.utc)
NEWEST = datetime(9998, 12, 31, tzinfo=timezone.utc)
"""Of their years, and of those between, is every catalog; no other is read."""

CLOCKS = timedelta(minutes=1)
"""By so much the clocks of two machines may differ."""

SORTED_SINCE = 2
"""The format since which the sums are sorted, so that their own sum is the identity of a backup."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Which cluster a backup was taken of. `uid` is that of namespace kube-system, empty where it may not be read."""

    server: str
    ca_sha256: str = ""
    uid: str = ""
    version: str = ""
    context: str = ""

    @property
    def is_known(self) -> bool:
        """Whether anything tells which one it is; of what others saved nothing does."""
        return bool(self.uid or self.server)

    @property
    def title(self) -> str:
        """By context and URL, as far as both are known."""
        if not self.is_known:
            return "a cluster that is not known"
        return f"{self.context} ({self.server})" if self.context else self.server

    def is_same(self, other: Cluster) -> bool:
        """By uid where both have one, else by server URL and CA. One that is not known is surely the same as none."""
        if not (self.is_known and other.is_known):
            return False
        if self.uid and other.uid:
            return self.uid == other.uid
        return (self.server, self.ca_sha256) == (other.server, other.ca_sha256)

    def is_another(self, other: Cluster) -> bool:
        """Whether it is known to be another one than that."""
        return self.is_known and not self.is_same(other)


COUNTED: Mapping[str, str] = {
    "resources": "objects",
    "mongo": "collections",
    "images": "images",
    "files": "files",
    "deployments": "deployments",
}
"""Tier → what of its facts says how much it holds: a number, or a list."""


@dataclass(frozen=True, kw_only=True, order=True)
class Missing:
    """Something that a source no longer had, or that could not be had of it: `reason` says which.

    `where` names what needs it, empty where nothing tells. `is_absent`: the source surely did not have it.

    Of version 0.1.0, which wrote a sentence, only `store` and `reason` are known.
    """

    store: str
    kind: str = ""
    name: str = ""
    reason: str
    where: str = ""
    is_absent: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the catalog."""
        said = {"store": self.store, "kind": self.kind, "name": self.name, "reason": self.reason, "where": self.where}
        return {**said, "absent": self.is_absent}

    @property
    def sentence(self) -> str:
        """As version 0.1.0 wrote it."""
        what = f"{self.kind} {self.name}".strip()
        why = f"{self.reason}, referred to by {self.where}" if self.where else self.reason
        return ": ".join(part for part in (self.store, what, why) if part)


UNKNOWN_CLUSTER = Cluster(server="")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a backup was made from, where that was not a cluster: others' `program`, where its files were, and what told when."""

    program: str
    location: str
    dated: str

    def __str__(self) -> str:
        return f"{self.program} {self.location}"

    def to_dict(self) -> dict[str, str]:
        """As it stands in the catalog."""
        return {"program": self.program, "location": self.location, "dated": self.dated}


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """`instant` (UTC) is when the snapshot was taken; `tiers` holds each tier's own facts by its name.

    `levels`: how much of each store beside the cluster was asked for. `missing`: what the sources no longer had. `stored`:
    files and bytes that are new, and that an earlier backup has too. `sha256`: its own sum, once it is sealed. `origin`: of
    what others saved; what they chose to save, and of which cluster, nobody knows then.
    """

    name: str
    instant: datetime
    finished: datetime
    tool: str
    cluster: Cluster
    selection: Mapping[str, Any]
    profile: str
    tiers: Mapping[str, Mapping[str, Any]]
    levels: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    sums_sha256: str = ""
    stored: Mapping[str, int] = field(default_factory=dict)
    format_version: int = field(default=FORMAT_VERSION)
    sha256: str = ""
    origin: Origin | None = None

    @property
    def state(self) -> str:
        """`whole`, or `partial` where the source itself no longer had something; `missing` lists it."""
        return "partial" if self.missing else "whole"

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found: no LRS, and nothing in any other tier, as far as that can be told."""
        return all(facts.get(COUNTED.get(tier, "")) in (0, []) for tier, facts in self.tiers.items())

    def is_after(self, now: datetime) -> bool:
        """Whether its instant is later than that, by more than clocks of machines that are looked after differ."""
        return self.instant > now + CLOCKS

    @property
    def has_lrs(self) -> bool:
        """Whether LRS were looked for; in what others saved there may be none, and then nothing tells of which kind."""
        return bool(self.tiers["resources"]["kind"])

    @property
    def objects(self) -> int:
        """How many LRS it holds."""
        return int(self.tiers["resources"]["objects"])

    @property
    def meanwhile(self) -> Meanwhile | None:
        """What became of the LRS while the other stores were read; None where there were none, or nobody looked."""
        return meanwhile.parse(self.tiers["resources"])

    @property
    def size(self) -> int:
        """Bytes that its tiers hold, before anything is packed."""
        sizes = (facts.get("bytes") for facts in self.tiers.values())
        return sum(each for each in sizes if type(each) is int)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, without its own sum."""
        cluster = self.cluster
        return {
            "formatVersion": self.format_version,
            "name": self.name,
            "state": self.state,
            "instant": stamp(self.instant),
            "finished": stamp(self.finished),
            "tool": self.tool,
            "cluster": {
                "uid": cluster.uid,
                "server": cluster.server,
                "caSha256": cluster.ca_sha256,
                "version": cluster.version,
                "context": cluster.context,
            },
            "profile": self.profile,
            "levels": dict(self.levels),
            "selection": dict(self.selection),
            "tiers": {name: dict(facts) for name, facts in self.tiers.items()},
            "missing": [each.to_dict() for each in self.missing],
            "sums": {"file": SUMS_FILE, "sha256": self.sums_sha256},
            "stored": dict(self.stored),
            "origin": self.origin.to_dict() if self.origin else None,
        }

    def serialise(self) -> bytes:
        """The bytes of `backup.json`, sealed with their own sum."""
        document = self.to_dict()
        if self.format_version < SORTED_SINCE:  # as version 0.1.0 wrote it
            document |= {"missing": [each.sentence for each in self.missing]}
            del document["stored"], document["origin"]
        return own_sum.serialise(document)


def parse(data: bytes, *, where: str) -> Catalog:
    """The catalog in the bytes of a `backup.json`; `where` names it in errors."""
    try:
        document = json.loads(data.decode("utf-8", "surrogatepass"))
        version = document["formatVersion"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{where}: not a catalog: {error}") from error
    if type(version) is not int or version < 1:
        raise DamageError(f"{where}: not a catalog: format {printable(str(version))[:40]}")
    if version > FORMAT_VERSION:
        raise UsageError(
            f"{where}: format {version} is newer than this program reads ({FORMAT_VERSION})",
            hint="use the version of kubectl lrs that made it, or a newer one",
        )
    try:
        if not own_sum.is_right(data):
            raise DamageError(f"{where}: altered since it was sealed (its own sum does not match)")
        return from_document(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise DamageError(f"{where}: not a valid catalog: {error!r}") from error


def from_document(document: Mapping[str, Any]) -> Catalog:
    """What a document says. KeyError, TypeError, ValueError and the like where it is not one."""
    cluster = document["cluster"]
    catalog = Catalog(
        name=str(document["name"]),
        instant=instant_of(document["instant"]),
        finished=instant_of(document["finished"]),
        tool=str(document["tool"]),
        cluster=Cluster(
            uid=str(cluster["uid"]),
            server=str(cluster["server"]),
            ca_sha256=str(cluster["caSha256"]),
            version=str(cluster["version"]),
            context=str(cluster["context"]),
        ),
        selection=dict(document["selection"]),
        profile=str(document["profile"]),
        levels={str(name): str(level) for name, level in document["levels"].items()},
        tiers={str(name): dict(facts) for name, facts in document["tiers"].items()},
        missing=tuple(_missing(each, document["tiers"]) for each in document["missing"]),
        sums_sha256=str(document["sums"]["sha256"]),
        stored=document.get("stored", {}),
        format_version=document["formatVersion"],
        sha256=document["sha256"],
        origin=_origin(document.get("origin")),
    )
    if not _are_counts(catalog.stored):
        raise ValueError("stored")
    _check_fields("selection", catalog.selection, _SELECTION)
    _check_fields("resources", catalog.tiers["resources"], _RESOURCES)
    meanwhile.parse(catalog.tiers["resources"])
    return catalog


def _origin(entry: Any) -> Origin | None:
    if entry is None:
        return None
    values = {name: entry[name] for name in ("program", "location", "dated")}
    if not all(map(_is_text, values.values())):
        raise ValueError("origin")
    return Origin(**values)


def _missing(entry: Any, tiers: Mapping[str, Any]) -> Missing:
    """One entry; a sentence of version 0.1.0 begins with the tier, and what it says further is for people alone."""
    if isinstance(entry, str):
        tier, _, rest = entry.partition(": ")
        return Missing(store=tier, reason=rest) if tier in tiers else Missing(store="", reason=entry)
    values = {name: entry[name] for name in ("store", "kind", "name", "reason", "where")}
    if not all(map(_is_text, values.values())):
        raise ValueError("missing")
    return Missing(**values, is_absent=entry.get("absent") is True)


def _check_fields(what: str, facts: Mapping[str, Any], wanted: Mapping[str, Callable[[Any], bool]]) -> None:
    for name, is_right in wanted.items():
        if not is_right(facts[name]):
            raise ValueError(f"{what}.{name}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


def _are_skipped(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and set(each) >= _SKIPPED for each in value)


_SKIPPED = {"namespace", "name", "reason"}
_SELECTION: Mapping[str, Callable[[Any], bool]] = {
    "namespace": _is_text_or_none,
    "types": _are_texts,
    "excludedTypes": _are_texts,
    "leftOutByDefault": _are_texts,
    "selector": _is_text,
}
_RESOURCES: Mapping[str, Callable[[Any], bool]] = {
    "group": _is_text,
    "version": _is_text,
    "kind": _is_text,
    "plural": _is_text,
    "resourceVersion": _is_text,
    "objects": _is_count,
    "bytes": _is_count,
    "types": _are_counts,
    "namespaces": _are_counts,
    "skipped": _are_skipped,
    "crd": _is_text_or_none,
    "crdNote": _is_text_or_none,
}
"""What a catalog must say of what was asked for and of the resources tier; a backup is read without trust."""


def stamp(instant: datetime) -> str:
    """As text: to the microsecond: of two backups that a script takes in one second, the later one is the latest."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(text: str) -> datetime:
    """What `stamp` has written; ValueError for anything else."""
    instant = datetime.fromisoformat(f"{text[:-1]}+00:00")
    written = instant.isoformat(timespec="microseconds" if "." in text else "seconds")
    if f"{written[:-6]}Z" != text or not can_be(instant):
        raise ValueError(text)
    return instant


def can_be(instant: datetime) -> bool:
    """Whether a catalog may be of it: nearer to the ends, other time zones could not show it."""
    return OLDEST.year <= instant.year <= NEWEST.year
