"""File storages for tests: a path and an S3 bucket with the same faces; files to put in; LRS that speak of them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.conftest import Crd

APP = "65f0c0ffee0123456789abcd"
SPOKEN_OF = "workspaces/main/app.py"
FILES: dict[str, bytes] = {
    f"apps/{APP}/source.tar.gz": os.urandom(70_000),
    f"kv/{APP}.db": b"\x00" * 5000,
    SPOKEN_OF: b"print('hello')\n",
    "other/not-ours.bin": b"x" * 100,
    "other/empty": b"",
    "Other/Case": b"upper",
    "names/with blank, ümläut & 100%.txt": b"1",
    "names/q?a=b#c": b"2",
}
OURS = {path for path in FILES if APP in path or path == SPOKEN_OF}


@dataclass(frozen=True)
class Ground:
    """A storage whose content is plain files below `root`. `url`, `flags`, `environment`: how the product reaches it."""

    root: Path
    url: str
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def reached(self) -> tuple[str, ...]:
        """The flags that name it."""
        return ("--files-url", self.url, *self.flags)

    def fill(self, files: Mapping[str, bytes] = FILES) -> None:
        """Put these files in."""
        for path, data in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def empty(self) -> None:
        """Nothing is left but the storage itself."""
        for entry in self.root.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def content(self) -> dict[str, bytes]:
        """Every file."""
        return dict(_files(self.root))


def mount(directory: Path) -> Ground:
    """A path, as Gluster's is."""
    root = directory / "gluster"
    root.mkdir()
    return Ground(root, f"file://{root}")


def bucket(s3: S3, name: str, prefix: str = "storage/of/app") -> Ground:
    """A bucket of its own, and a prefix in it. The gateway keeps objects as plain files."""
    (s3.buckets / name).mkdir()
    root = s3.buckets / name / prefix
    root.mkdir(parents=True)
    return Ground(root, f"s3://{name}/{prefix}", ("--files-endpoint", s3.endpoint), s3.environment)


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each != ".sgwtmp"]
        for name in names:
            path = Path(folder, name)
            yield str(path.relative_to(root)), path.read_bytes()


def populate(plane: ControlPlane, crd: Crd, namespace: str, **environment: str) -> None:
    """The LRS of the application, whose name has its id and whose spec speaks of a file; `environment` beside that."""
    made: dict[str, Any] = samples.filler(0, crd.api_version, crd.kind, namespace)
    made["metadata"]["name"] = f"app-{APP}"
    made["spec"]["env"] = {"WORKSPACE": f"/mnt/storage/{SPOKEN_OF}", **environment}
    loader.create_many(plane, [made])


def sums(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 by path."""
    return {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
