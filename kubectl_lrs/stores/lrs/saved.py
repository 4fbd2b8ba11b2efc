"""The LRS in a backup, read back without trust."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from kubectl_lrs.formats.documents import MAX_DEPTH, TOO_DEEP
from kubectl_lrs.formats.nesting import is_readable, is_within
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.diff import same
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.manifest import Manifest, loads, sanitise
from kubectl_lrs.model.names import is_namespace, is_object_name, manifest_path
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.model.workloads import CRD_NAME, GROUP, PLURAL, type_of
from kubectl_lrs.repository import Backup

KEPT = 4 << 20
"""Characters of raw objects that are kept when they were read; of more than these every reading begins with the file."""

TIER = RESOURCES
RAW_FILE = "lrs.raw.jsonl.gz"
INDEX_FILE = "lrs.index.jsonl.gz"
CRD_FILE = "crd.yaml"


@dataclass(frozen=True, slots=True)
class StoredLrs:
    """One LRS out of a backup: the sanitised manifest, and what sanitising took away that a restore may want.

    `mapped_from`: the namespace that it was saved in, where it is to go into another one. `names_old`: (field, text) of its
    strings that still name a registry whose images go elsewhere. `sum`: a digest of it as the source has it.
    """

    manifest: Manifest
    owners: tuple[Mapping[str, Any], ...] = ()
    status: Any = None
    mapped_from: str = ""
    names_old: tuple[tuple[str, str], ...] = ()
    sum: bytes = b""

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


class Source(Protocol):
    """Where a restore takes its objects from; may be read more than once, in the same order each time."""

    description: str

    @property
    def version(self) -> str:
        """The API version of its objects, without the group."""

    @property
    def kind(self) -> str:
        """The kind of its objects."""

    def __iter__(self) -> Iterator[StoredLrs]:
        """Every LRS."""

    def texts(self) -> Iterator[str]:
        """The text of which each has its `sum`, in their order, as an API server gave it; none where there is no such."""


class BackupSource:
    """The LRS of a sealed backup.

    They are read from the raw objects, which takes a twentieth of the time of reading YAML. The first time that they are
    read to the end makes sure that the YAML files, which people read and plain kubectl takes, say the same: DamageError
    where one of them is not what the raw object says, or one of the two is missing. What others saved has one of the two alone.
    """

    def __init__(self, folder: Backup) -> None:
        self.folder = folder
        self.description = folder.name
        facts = folder.catalog.tiers["resources"]
        self.kind = str(facts.get("kind"))
        self.version = str(facts.get("version"))
        self._is_checked = not folder.has_sums
        self._kept: list[StoredLrs] | None = None
        self._has_lrs = folder.catalog.has_lrs
        if self._has_lrs and (facts.get("group"), facts.get("plural")) != (GROUP, PLURAL):
            raise DamageError(f"{folder.describe()}: holds {facts.get('plural')}.{facts.get('group')}, not {CRD_NAME}")

    def __iter__(self) -> Iterator[StoredLrs]:
        if not self._has_lrs:
            return iter(())
        if not self._is_checked:
            return self._checked()
        return self._stored() if self._kept is None else iter(self._kept)

    def check(self) -> None:
        """Read them to the end."""
        for _ in self:
            pass

    def texts(self) -> Iterator[str]:
        """Every object in the text that was saved, in their order, as nobody has looked at it. DamageError."""
        return self.folder.lines(RAW_FILE) if self._has_lrs else iter(())

    def _stored(self) -> Iterator[StoredLrs]:
        api_version = f"{GROUP}/{self.version}"
        kept: list[StoredLrs] = []
        room = KEPT
        for number, line in enumerate(self.folder.lines(RAW_FILE), 1):
            try:
                manifest = loads(line)
                problem = problem_of(manifest, api_version, self.kind) if is_readable(line, manifest) else TOO_DEEP
            except (ValueError, RecursionError):
                problem = "not JSON"
            if problem:
                raise DamageError(f"{self.folder.describe(RAW_FILE)}: line {number}: {problem}")
            owners = manifest["metadata"].get("ownerReferences") or ()
            stored = StoredLrs(sanitise(manifest), tuple(owners), manifest.get("status"), sum=sum_of(line))
            room -= len(line)
            if room > 0:
                kept.append(stored)
            else:
                kept.clear()
            yield stored
        self._kept = kept if room > 0 else None

    def _checked(self) -> Iterator[StoredLrs]:
        sums = {path: digest for path, digest in self.folder.sums() if path.startswith("lrs/")}
        for stored in self._stored():
            path = manifest_path(stored.namespace, stored.name)
            digest = sums.pop(path, None)
            if digest is None:
                raise DamageError(
                    f"{self.folder.describe()}: {RAW_FILE} holds {stored.namespace}/{stored.name} twice, or there is no {path}"
                )
            text = dump(stored.manifest).encode("utf-8", "surrogatepass")
            if hashlib.sha256(text).hexdigest() != digest:
                self._compare(path, stored.manifest)
            yield stored
        if sums:
            raise DamageError(f"{self.folder.describe()}: {RAW_FILE} does not hold the object of {min(sums)}")
        self._is_checked = True

    def _compare(self, path: str, manifest: Manifest) -> None:
        """Another version may have written the same object in other words; only what it says counts."""
        with self.folder.reading(path) as file:
            document = _yaml(file, f"{self.folder.describe(path)}")
        if not same(document, manifest):
            raise DamageError(f"{self.folder.describe()}: {path} and {RAW_FILE} say different things of the same object")


def sum_of(text: str) -> bytes:
    """What tells an object of a backup from any other, by its text with the end of the line."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


MOST_NAMED = 50
"""So many LRS are read each by itself; of more than these all objects are."""


class NamedSource(BackupSource):
    """A few LRS of a backup, out of their YAML files and the index; nothing else is read.

    Of a backup on object storage that costs a few requests, where the raw objects would all come. A YAML file is held
    against its sum, and says what the raw object says but for its status: whoever needs that takes a `BackupSource`.
    """

    def __init__(self, folder: Backup, entries: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(folder)
        self._entries = entries
        self._read: list[StoredLrs] = []

    def texts(self) -> Iterator[str]:
        """None of them is read."""
        return iter(())

    def __iter__(self) -> Iterator[StoredLrs]:
        self._read = self._read or [self._one(entry) for entry in self._entries]
        return iter(self._read)

    def _one(self, entry: Mapping[str, Any]) -> StoredLrs:
        path, owners = manifest_path(entry["namespace"], entry["name"]), entry["owners"]
        where = self.folder.describe(path)
        with self.folder.reading(path) as file:
            manifest = _yaml(file, where)
        problem = problem_of(_with_owners(manifest, owners), f"{GROUP}/{self.version}", self.kind)
        if not problem and not is_within(manifest, MAX_DEPTH):
            problem = TOO_DEEP
        if not problem and (manifest["metadata"]["namespace"], manifest["metadata"]["name"]) != (
            entry["namespace"],
            entry["name"],
        ):
            problem = f"not the object that {INDEX_FILE} says it is"
        if problem:
            raise DamageError(f"{where}: {problem}")
        return StoredLrs(sanitise(manifest), tuple(owners), sum=sum_of(dump(manifest)))


def _with_owners(manifest: Any, owners: Any) -> Any:
    """As the raw object has it, so that the owners are looked at too."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("metadata"), dict):
        return manifest
    return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": owners}}


def named_source(folder: Backup, names: Sequence[str]) -> NamedSource | None:
    """The LRS of these names, with or without a namespace; None where they are many, or one of them is not there."""
    wanted = {name.rpartition("/")[2] for name in names}
    if not wanted or len(wanted) > MOST_NAMED:
        return None
    found = [entry for entry in _entries(folder) if entry["name"] in wanted]
    return NamedSource(folder, found) if {entry["name"] for entry in found} == wanted else None


def index(folder: Backup) -> Iterator[dict[str, Any]]:
    """What the index of a backup says of each object: namespace, name, type, uid, resourceVersion, created, path, owners."""
    if not folder.catalog.has_lrs:
        return
    left = sum(path.startswith("lrs/") for path, _ in folder.sums()) if folder.has_sums else len(folder.paths("lrs/"))
    for entry in _entries(folder):
        left -= 1
        if left < 0:
            raise DamageError(f"{folder.describe(INDEX_FILE)}: not the index of the objects in this backup")
        yield entry


def _entries(folder: Backup) -> Iterator[dict[str, Any]]:
    for line in folder.lines(INDEX_FILE):
        try:
            entry = loads(line)
        except (ValueError, RecursionError) as error:
            raise DamageError(f"{folder.describe(INDEX_FILE)}: not JSON") from error
        if not _is_index_entry(entry):
            raise DamageError(f"{folder.describe(INDEX_FILE)}: not the index of the objects in this backup")
        yield entry


_INDEX_FIELDS = ("namespace", "name", "type", "uid", "resourceVersion", "created", "path")


def _is_index_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(field), str) for field in _INDEX_FIELDS):
        return False
    owners = entry.get("owners")
    return isinstance(owners, list) and all(isinstance(owner, dict) for owner in owners)


def saved_crd(folder: Backup) -> Manifest | None:
    """The saved CRD, None where the backup has none; DamageError where the file holds something else."""
    if not folder.catalog.tiers["resources"].get("crd"):
        return None
    where = f"{folder.describe(CRD_FILE)}"
    with folder.reading(CRD_FILE) as file:
        document = _yaml(file, where)
    try:
        is_ours = (
            (document["apiVersion"], document["kind"], document["metadata"]["name"]) == (*_CRD, CRD_NAME)
            and (document["spec"]["group"], document["spec"]["names"]["plural"]) == (GROUP, PLURAL)
            and all(isinstance(each["name"], str) for each in document["spec"]["versions"])
            and isinstance(document["spec"]["names"]["kind"], str)
        )
    except (KeyError, TypeError, IndexError):
        is_ours = False
    if not is_ours:
        raise DamageError(f"{where}: not the CustomResourceDefinition {CRD_NAME}")
    return sanitise(document)


_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")

MAX_YAML = 32 << 20
"""Bytes of a YAML file."""


def _yaml(file: BinaryIO, where: str) -> Any:
    """A YAML document that is plain data: no tags that make objects, no aliases (which can grow without bound)."""
    from kubectl_lrs.formats import yaml_reader  # only where it is used: the help of a command does not wait for it

    data = file.read(MAX_YAML + 1)
    if len(data) > MAX_YAML:
        raise DamageError(f"{where}: larger than {MAX_YAML >> 20} MiB")
    try:
        return yaml_reader.load(data, aliases=False)
    except yaml_reader.NotYamlError as error:
        raise DamageError(f"{where}: {error}") from error


def problem_of(manifest: Any, api_version: str, kind: str) -> str:
    """Why this is no LRS that may be written; empty where it is one."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("metadata"), dict):
        return "not a Kubernetes object"
    if (manifest.get("apiVersion"), manifest.get("kind")) != (api_version, kind):
        return f"{manifest.get('apiVersion')!r} {manifest.get('kind')!r} is not the LRS that the catalog speaks of"
    metadata = manifest["metadata"]
    namespace, name = metadata.get("namespace"), metadata.get("name")
    if not isinstance(namespace, str) or not is_namespace(namespace):
        return f"{namespace!r} is not a valid namespace"
    if not isinstance(name, str) or not is_object_name(name):
        return f"{name!r} is not a valid object name"
    wrong = [field for field, is_right in _METADATA.items() if metadata.get(field) is not None and not is_right(metadata[field])]
    return f"{namespace}/{name}: its metadata.{wrong[0]} cannot have come from an API server" if wrong else ""


def _are_strings(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _are_finalizers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_owners(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) and _is_owner(each) for each in value)


def _is_owner(owner: Mapping[str, Any]) -> bool:
    """Its fields become parts of URL paths."""
    name, kind, api_version = owner.get("name"), owner.get("kind"), owner.get("apiVersion")
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and not set("/%") & set(name)
        and isinstance(kind, str)
        and isinstance(api_version, str)
        and _API_VERSION.fullmatch(api_version) is not None
    )


_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_METADATA: Mapping[str, Callable[[Any], bool]] = {
    "labels": _are_strings,
    "annotations": _are_strings,
    "finalizers": _are_finalizers,
    "ownerReferences": _are_owners,
}
"""What the fields must look like that are read here; the rest is the server's to judge."""
