"""An OCI layout in a folder of this machine: made whole or not at all, and read without trust. Format: image layout 1.0."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.runtime.paths import is_file
from kubectl_lrs.stores.common.image_names.reference import is_digest
from kubectl_lrs.stores.images.layout import MAX_INDEX, NAME, VERSION, Tree, tree
from kubectl_lrs.stores.images.registry.content import (
    INDEXES,
    MANIFESTS,
    MAX_MANIFEST,
    OCI_INDEX,
    Manifest,
    WrongContentError,
    digest_of,
)

VERSION_FILE = "oci-layout"
INDEX_FILE = "index.json"
MAKE_ONE = "a layout is made by: image --layout DIR"


class Layout:
    """A layout that is being made, or was read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.part = folder / "part"
        """A file to write a blob into, which `keep` then gives its name."""

    def blob(self, digest: str) -> Path:
        """Where a blob lies; DamageError for what is no digest."""
        if not is_digest(digest):
            raise DamageError(f"{self.folder}: it names what is no digest")
        algorithm, _, value = digest.partition(":")
        return self.folder / "blobs" / algorithm / value

    def add(self, data: bytes) -> str:
        """Keep a blob; its digest."""
        digest = digest_of(data)
        self.blob(digest).write_bytes(data)
        return digest

    def keep(self, digest: str) -> None:
        """What was written into `part` is the blob of this digest."""
        self.part.rename(self.blob(digest))

    def finish(self, top: Manifest, name: str) -> None:
        """Name the manifest that all of it belongs to."""
        entry = {"mediaType": top.media_type, "digest": top.digest, "size": len(top.data), "annotations": {NAME: name}}
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
        (self.folder / VERSION_FILE).write_text(json.dumps({"imageLayoutVersion": VERSION}))
        (self.folder / INDEX_FILE).write_text(json.dumps(index, indent=1) + "\n")

    # ---- reading

    def tree(self) -> tuple[Manifest, Tree]:
        """The one image of it: (what a tag is to name, all of it). DamageError where a byte is not as its digest says."""
        try:
            version = json.loads(self._read(self.folder / VERSION_FILE, 4096))["imageLayoutVersion"]
            (entry,) = json.loads(self._read(self.folder / INDEX_FILE, MAX_INDEX))["manifests"]
            media_type, digest = str(entry["mediaType"]), str(entry["digest"])
            known = version == VERSION and media_type in INDEXES | MANIFESTS
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            known = False
        if not known:
            raise UsageError(f"{self.folder}: not an OCI layout of one image", hint=MAKE_ONE)
        try:
            top = self._manifest(digest, media_type)
            found = tree(top, self._manifest)
        except (WrongContentError, ValueError, AttributeError, RecursionError) as error:
            raise DamageError(f"{self.folder}: not an image: {error}") from error
        for blob in found.blobs.values():
            self._require(blob.digest, blob.size)
        return top, found

    def _manifest(self, digest: str, media_type: str = "") -> Manifest:
        data = self._read(self.blob(digest), MAX_MANIFEST)
        if digest_of(data, digest.partition(":")[0]) != digest:
            raise DamageError(f"{self.blob(digest)}: altered: it is not what its name says")
        return Manifest(data, digest, media_type or str(json.loads(data).get("mediaType")))

    def _require(self, digest: str, size: int) -> None:
        path, seen = self.blob(digest), 0
        hashing = hashlib.new(digest.partition(":")[0])
        with _opened(path) as file:
            while data := file.read(1 << 20):
                hashing.update(data)
                seen += len(data)
        if seen != size or hashing.hexdigest() != path.name:
            raise DamageError(f"{path}: altered: it is not what its name says")

    def _read(self, path: Path, limit: int) -> bytes:
        with _opened(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise DamageError(f"{path}: larger than {limit >> 20} MiB")
        return data


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if not is_file(path):
        raise UsageError(f"{path}: it is not there, or no file", hint=MAKE_ONE)
    with path.open("rb") as file:
        yield file


@contextmanager
def made(target: Path | None) -> Iterator[Layout]:
    """A new layout: in the folder `target` once the block is done, and gone where it fails; without one, for the block alone.

    UsageError where `target` is there and holds anything.
    """
    if target is not None and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: it is there, and not empty", hint="name a folder that is not there")
    try:
        folder = Path(tempfile.mkdtemp(prefix=".image-", dir=target.absolute().parent if target else None))
    except OSError as error:
        raise LrsError(f"{error.filename}: no folder can be made: {error.strerror}") from error
    try:
        (folder / "blobs" / "sha256").mkdir(parents=True)
        yield Layout(folder)
        if target is not None:
            folder.chmod(0o755)
            folder.rename(target)
    except OSError as error:
        raise LrsError(f"{error.filename or folder}: {error.strerror or error}", hint="TMPDIR says where room is") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
