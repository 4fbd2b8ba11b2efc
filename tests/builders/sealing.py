"""A backup made without any server: what a test writes, sealed as a whole by the use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import FolderWriter, SealedFolder
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.usecases.backup import Destination, back_up

RESOURCES: Mapping[str, Any] = {
    "group": "lrs.datarobot.com",
    "version": "v1",
    "kind": "LRS",
    "plural": "lrs",
    "resourceVersion": "1",
    "objects": 0,
    "bytes": 0,
    "types": {},
    "namespaces": {},
    "skipped": [],
    "crd": None,
    "crdNote": "",
}


class Notes:
    """A progress that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, what: str, total: int | None = None, *, unit: str = "") -> None:
        """Nothing."""

    def advance(self, count: int = 1) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        self.said.append(message)

    def end(self) -> None:
        """Nothing."""


class Written:
    """Writes what a function says; the facts are those of a resources tier without objects, and what it gives beside."""

    def __init__(self, work: Callable[[FolderWriter], Mapping[str, Any] | None]) -> None:
        self._work = work

    def collect(self, writer: FolderWriter, _progress: Progress) -> dict[str, Any]:
        return {**RESOURCES, **(self._work(writer) or {})}


def sealed(
    directory: Path,
    work: Callable[[FolderWriter], Mapping[str, Any] | None],
    name: str = "",
    progress: Progress | None = None,
    **more: Any,
) -> SealedFolder:
    """The backup that holds what `work` writes; `more` goes to the destination."""
    path, _ = back_up(
        {"resources": Written(work)},
        destination=Destination(directory=directory, name=name, **more),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=progress or Notes(),
    )
    return SealedFolder.open(path)
