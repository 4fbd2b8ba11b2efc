"""The LRS in a backup, read back without trust."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import yaml

from kubectl_lrs.diff import same
from kubectl_lrs.errors import DamageError
from kubectl_lrs.folder import SealedFolder
from kubectl_lrs.manifest import Manifest, loads, sanitise
from kubectl_lrs.names import is_namespace, is_object_name, manifest_path
from kubectl_lrs.workloads import CRD_NAME, GROUP, PLURAL, type_of
from kubectl_lrs.yamltext import dump

RAW_FILE = "lrs.raw.jsonl.gz"
INDEX_FILE = "lrs.index.jsonl.gz"
CRD_FILE = "crd.yaml"


@dataclass(frozen=True, slots=True)
class StoredLrs:
    """One LRS out of a backup: the sanitised manifest, and what sanitising took away that a restore may want."""

    manifest: Manifest
    owners: tuple[Mapping[str, Any], ...] = ()
    status: Any = None

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


class BackupSource:
    """The LRS of a sealed backup.

    They are read from the raw objects, which takes a twentieth of the time of reading YAML; `check` makes sure that
    the YAML files, which people read and plain kubectl takes, say the same.
    """

    def __init__(self, folder: SealedFolder) -> None:
        self.folder = folder
        self.description = folder.path.name
        facts = folder.catalog.tiers["resources"]
        self.kind = str(facts.get("kind"))
        self.version = str(facts.get("version"))
        if (facts.get("group"), facts.get("plural")) != (GROUP, PLURAL):
            raise DamageError(f"{folder.path}: holds {facts.get('plural')}.{facts.get('group')}, not {CRD_NAME}")

    def __iter__(self) -> Iterator[StoredLrs]:
        for number, line in enumerate(self.folder.lines(RAW_FILE), 1):
            yield self._stored(line, number)

    def _stored(self, line: str, number: int) -> StoredLrs:
        try:
            manifest = loads(line)
        except (ValueError, RecursionError) as error:
            raise DamageError(f"{self.folder.path / RAW_FILE}: line {number}: not JSON") from error
        if problem := _problem(manifest, self.kind):
            raise DamageError(f"{self.folder.path / RAW_FILE}: line {number}: {problem}")
        owners = manifest["metadata"].get("ownerReferences") or ()
        return StoredLrs(sanitise(manifest), tuple(owners), manifest.get("status"))

    def check(self) -> None:
        """DamageError where a YAML file is not what the raw object says, or one of the two is missing."""
        sums = {path: digest for path, digest in self.folder.sums() if path.startswith("lrs/")}
        for stored in self:
            path = manifest_path(stored.namespace, stored.name)
            digest = sums.pop(path, None)
            if digest is None:
                raise DamageError(
                    f"{self.folder.path}: {RAW_FILE} holds {stored.namespace}/{stored.name}, but there is no {path}"
                )
            text = dump(stored.manifest).encode("utf-8", "surrogatepass")
            if hashlib.sha256(text).hexdigest() != digest:
                self._compare(path, stored.manifest)
        if sums:
            raise DamageError(f"{self.folder.path}: {RAW_FILE} does not hold the object of {min(sums)}")

    def _compare(self, path: str, manifest: Manifest) -> None:
        """Another version may have written the same object in other words; only what it says counts."""
        with self.folder.reading(path) as file:
            document = _yaml(file, f"{self.folder.path / path}")
        if not same(document, manifest):
            raise DamageError(f"{self.folder.path}: {path} and {RAW_FILE} say different things of the same object")


def index(folder: SealedFolder) -> Iterator[dict[str, Any]]:
    """What the index of a backup says of each object: namespace, name, type, uid, resourceVersion, created, path, owners."""
    for line in folder.lines(INDEX_FILE):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise DamageError(f"{folder.path / INDEX_FILE}: not JSON") from error


def saved_crd(folder: SealedFolder) -> Manifest | None:
    """The saved CRD, None where the backup has none; DamageError where the file holds something else."""
    if not folder.catalog.tiers["resources"].get("crd"):
        return None
    with folder.reading(CRD_FILE) as file:
        document = _yaml(file, f"{folder.path / CRD_FILE}")
    if (
        not isinstance(document, dict)
        or document.get("kind") != "CustomResourceDefinition"
        or document["metadata"]["name"] != CRD_NAME
    ):
        raise DamageError(f"{folder.path / CRD_FILE}: not the CustomResourceDefinition {CRD_NAME}")
    return document


def _yaml(file: BinaryIO, where: str) -> Any:
    try:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        raise DamageError(f"{where}: not YAML") from error


def _problem(manifest: Any, kind: str) -> str:
    """Why this is no LRS that may be written; empty where it is one."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("metadata"), dict):
        return "not a Kubernetes object"
    if str(manifest.get("apiVersion")).partition("/")[0] != GROUP or manifest.get("kind") != kind:
        return f"{manifest.get('apiVersion')} {manifest.get('kind')} is not an LRS"
    metadata = manifest["metadata"]
    if not is_namespace(str(metadata.get("namespace"))):
        return f"{metadata.get('namespace')!r} is not a valid namespace"
    if not is_object_name(str(metadata.get("name"))):
        return f"{metadata.get('name')!r} is not a valid object name"
    return ""
