"""LRS that others saved, in whatever they lie: read and checked, and kept packed in memory. Not trusted.

All of it is read before the first object is given out: what changes meanwhile changes nothing, and nothing is written to
any disk.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

from kubectl_lrs.formats.documents import Document
from kubectl_lrs.formats.yaml_reader import load_all
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.manifest import Manifest, fingerprint, loads, sanitise
from kubectl_lrs.model.workloads import GROUP
from kubectl_lrs.stores.lrs.saved import StoredLrs, problem_of

Key = tuple[str, str]


class LooseLrs:
    """The LRS of one version and kind that were read; see `saved.Source`.

    An object without a namespace gets `default_namespace`. UsageError, before any object is given out, for what cannot be
    read or is something else than an LRS, and for two objects of one name that are not the same.
    """

    def __init__(self, description: str, *, default_namespace: str = "") -> None:
        self.description = description
        self.version = ""
        self.kind = ""
        self._default_namespace = default_namespace
        self._first = ""
        self._lists: dict[bool, str] = {}
        self._origins: dict[Key, tuple[str, bytes]] = {}
        self._packed = _Packed()

    def __len__(self) -> int:
        return len(self._origins)

    def __iter__(self) -> Iterator[StoredLrs]:
        for text in self._packed:
            manifest = loads(text)
            owners = manifest["metadata"].get("ownerReferences") or ()
            yield StoredLrs(sanitise(manifest), tuple(owners), manifest.get("status"), sum=fingerprint(manifest))

    def texts(self) -> Iterator[str]:
        """None: they may have come from anywhere, and in any order."""
        return iter(())

    @property
    def keys(self) -> list[Key]:
        """(namespace, name) of each, in the order in which they came."""
        return list(self._origins)

    @property
    def unended(self) -> str:
        """Where a list is that goes on in another one, while no list ends; empty where there is none such."""
        return "" if False in self._lists else self._lists.get(True, "")

    def text(self, number: int) -> str:
        """The JSON of the object that came as this one."""
        return self._packed[number]

    def read(self, where: str, data: bytes, *, meant: Key | None = None) -> bool:
        """Take in every object of a file; whether there was any document in it. `meant`: the one object that it must be."""
        found = False
        for document in load_all(data, where=where):
            found = True
            place = f"{where}: line {document.line}"
            if document.is_item or not (isinstance(document.value, dict) and "items" in document.value):
                self._add(document.value, place, meant)
            elif problem := _list_problem(document):
                raise UsageError(f"{place}: {problem}")
            else:
                self._lists.setdefault(_goes_on(document), place)
        return found

    def _add(self, manifest: Any, place: str, meant: Key | None) -> None:
        self._check_kind(manifest, place)
        metadata = manifest.get("metadata")
        if isinstance(metadata, dict) and not metadata.get("namespace") and self._default_namespace:
            manifest = {**manifest, "metadata": {**metadata, "namespace": self._default_namespace}}
        elif isinstance(metadata, dict) and not metadata.get("namespace"):
            raise UsageError(
                f"{place}: {_named(manifest)} has no namespace", hint="-f takes it into that of the context or of -n"
            )
        if problem := problem_of(manifest, f"{GROUP}/{self.version}", self.kind):
            raise UsageError(f"{place}: {problem}")
        if meant and (manifest["metadata"]["namespace"], manifest["metadata"]["name"]) != meant:
            raise UsageError(f"{place}: {_named(manifest)} lies where {'/'.join(meant)} belongs", hint="it was altered")
        if self._is_new(manifest, place):
            self._packed.append(json.dumps(manifest, separators=(",", ":")))

    def _check_kind(self, manifest: Any, place: str) -> None:
        """It is an LRS, and of the version and kind of the first one."""
        if not isinstance(manifest, dict) or not isinstance(manifest.get("apiVersion"), str):
            raise UsageError(f"{place}: not a Kubernetes object", hint="only LRS manifests can be restored with -f")
        api_version, kind = manifest["apiVersion"], manifest.get("kind")
        group, _, version = api_version.partition("/")
        if group != GROUP or not version or not isinstance(kind, str) or not kind:
            raise UsageError(
                f"{place}: {_named(manifest)} is not an LRS of group {GROUP}", hint="restore all else with: kubectl apply -f"
            )
        if not self._first:
            self.version, self.kind, self._first = version, kind, place
        elif (version, kind) != (self.version, self.kind):
            raise UsageError(
                f"{place}: {_named(manifest)} is of {api_version}; in {self._first} is a {self.kind} of {GROUP}/{self.version}",
                hint="restore them one version after the other",
            )

    def _is_new(self, manifest: Manifest, place: str) -> bool:
        """Whether no object of this name was there before; UsageError where a different one was."""
        metadata = manifest["metadata"]
        key = (metadata["namespace"], metadata["name"])
        print_ = fingerprint(
            {"lrs": sanitise(manifest), "owners": metadata.get("ownerReferences"), "status": manifest.get("status")}
        )
        before = self._origins.setdefault(key, (place, print_))
        if before[1] != print_:
            raise UsageError(f"{'/'.join(key)} is there twice and differs: {before[0]}, and {place}", hint="keep one of the two")
        return before[0] == place


class _Packed:
    """Texts, each packed with the first one as the dictionary: LRS have most of their words in common."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self._first = b""

    def __getitem__(self, number: int) -> str:
        return zlib.decompressobj(zdict=self._first).decompress(self._texts[number]).decode()

    def append(self, text: str) -> None:
        """One more."""
        data = text.encode()
        self._first = self._first or data
        packer = zlib.compressobj(1, zdict=self._first)
        self._texts.append(packer.compress(data) + packer.flush())

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self._texts)))


def _named(manifest: Manifest) -> str:
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{manifest.get('apiVersion')!r} {manifest.get('kind')!r} {name!r}"


def _goes_on(document: Document) -> bool:
    """Whether a list says that it is but a part, as the API server gives it by `limit`."""
    metadata = document.value.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("continue"))


def _list_problem(document: Document) -> str:
    """Why a document with items is no list of LRS."""
    kind, api_version = document.value.get("kind"), document.value.get("apiVersion")
    if (kind, api_version) == ("List", "v1"):
        return ""
    is_list = isinstance(kind, str) and kind.endswith("List") and str(api_version).startswith(f"{GROUP}/")
    return "" if is_list else f"{_named(document.value)} is not a List"
