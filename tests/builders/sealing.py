"""A backup made without any server: what a test writes, sealed as a whole by the use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from kubectl_lrs.model.catalog import Cluster
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination

Work = Callable[[FolderWriter], Mapping[str, Any] | None]

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

    def note(self, message: str, _known: object = None) -> None:
        self.said.append(message)

    def end(self) -> None:
        """Nothing."""


class Written:
    """Writes what a function says; the facts are these and what it gives beside."""

    def __init__(self, facts: Mapping[str, Any], work: Work = lambda _writer: None) -> None:
        self._facts = facts
        self._work = work

    def collect(self, writer: FolderWriter, _progress: Progress) -> dict[str, Any]:
        more = self._work(writer)
        return {**self._facts, **(more if isinstance(more, dict) else {})}


def told(folder: SealedFolder, **facts: Any) -> SealedFolder:
    """The same backup with other facts in its catalog."""
    path = folder.path / "backup.json"
    path.chmod(0o600)
    path.write_bytes(replace(folder.catalog, **facts).serialise())
    path.chmod(0o400)
    return SealedFolder.open(folder.path)


def dated(folder: SealedFolder, instant: datetime) -> SealedFolder:
    """The same backup, as if it had been made then."""
    return told(folder, instant=instant, finished=instant)


def nights(directory: Path, count: int, *, prefix: str = "night", **facts: Any) -> list[SealedFolder]:
    """So many backups, one for each of the last nights, the oldest first: `night-5`, ..., `night-0`.

    Each holds a file of its own, and one that all of them share.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    made = []
    for number in reversed(range(count)):

        def work(writer: FolderWriter, number: int = number) -> None:
            writer.write("files/same", b"same" * 2500)
            writer.write("files/own", f"{prefix} {number}".encode() * 100)

        folder = sealed(directory, work, f"{prefix}-{number}", others={"files": {"files": 2}})
        instant = datetime.now(timezone.utc) - timedelta(days=number, hours=1)
        made.append(told(folder, **{"instant": instant, "finished": instant, **facts}))
    return made


def sealed(
    directory: Path,
    work: Work,
    name: str = "",
    *,
    progress: Progress | None = None,
    others: Mapping[str, Mapping[str, Any]] | None = None,
    allow_empty: bool = True,
    **more: Any,
) -> SealedFolder:
    """The backup that holds what `work` writes, with the facts of other tiers; `more` goes to the destination."""
    path, _ = back_up(
        {**{tier: Written(facts) for tier, facts in (others or {}).items()}, "resources": Written(RESOURCES, work)},
        destination=Destination(repository=PlainRepository(directory), name=name, **more),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=progress or Notes(),
        allow_empty=allow_empty,
    )
    return SealedFolder.open(Path(path))
