"""Removing backups from a folder. One of somebody else, or that others may write, is left alone and counts for nothing: else
planted ones could push ours out.

Before each removal it is seen that nobody holds the backup by now, and that what the plan keeps of its group is still there,
so that two runs with different rules do not remove each other's rest.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kubectl_lrs.model.catalog import SUMS_FILE
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.repository.base import Backup, is_of_future
from kubectl_lrs.repository.plain.holds import read_holds
from kubectl_lrs.repository.plain.removal import ChangedError, InUseError, Seen, Unfinished, finish, own, remove, unfinished
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.pruning import Begun, Found, Going, LeftAlone, Looked, Outcome, PoolFacts, PruneResult, Weight
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.lock import have_alone
from kubectl_lrs.runtime.safe_files import Directory
from kubectl_lrs.runtime.trust import OWN, SEALED, RefusedError, Trust


class PlainPruner:
    """The folder `path`. `trust`: whose holds are believed beside ours."""

    def __init__(self, path: Path, trust: Trust = OWN) -> None:
        self._path, self._trust = path, trust

    @property
    def location(self) -> str:
        """As the user named it."""
        return str(self._path)

    @property
    def resolved(self) -> str:
        """Without links, from the root."""
        return str(self._path.resolve())

    def look(self) -> Looked:
        """The backups of ours, and what else lies there."""
        sealed, unsealed = PlainRepository(self._path).scan()
        left_alone = [LeftAlone(name=each.name, why=each.why, is_unread=True) for each in unsealed]
        ours: list[Found] = []
        with opened(self._path) as parent:
            holds = read_holds(self._path, self._trust)
            for each in sealed:
                held = holds.of(each.catalog)
                try:
                    found = Found(
                        name=each.name,
                        catalog=each.catalog,
                        hold=held.reason or "no reason was given" if held else "",
                        doubt="dated later than now" if is_of_future(each.catalog) else "",
                        which=_seen(parent, each),
                    )
                except LrsError as error:
                    is_unread = not isinstance(error, RefusedError)
                    left_alone.append(LeftAlone(name=each.name, why=getattr(error, "why", str(error)), is_unread=is_unread))
                else:
                    ours.append(found)
            begun = [Begun(name=each.name, where=str(self._path / each.hidden), why=each.why) for each in unfinished(parent)]
        return Looked(backups=ours, left_alone=left_alone, begun=begun, unbelieved=holds.refused)

    def prepare(self, looked: Looked, going: Collection[str]) -> PlainRemoval:
        """There is nothing to make ready."""
        return PlainRemoval(self._path, self._trust, [each for each in looked.backups if each.name in going])


def _seen(parent: Directory, sealed: Backup) -> Seen:
    try:
        with own(parent, sealed.name) as folder:
            seen = Seen.of(folder)
            if folder.look(SUMS_FILE) is None:
                raise ChangedError(f"it is damaged: it has no {SUMS_FILE}")
    except OSError as error:
        raise ChangedError(f"it cannot be read: {error.strerror}") from error
    if seen.catalog != sealed.catalog.sha256:
        raise ChangedError("it changed while it was looked at")
    return seen


class PlainRemoval:
    """The backups that are to go, made ready."""

    def __init__(self, path: Path, trust: Trust, going: Sequence[Found]) -> None:
        self._path, self._trust, self._going = path, trust, going
        self.lacking: Mapping[str, str] = {}

    def weight(self) -> Weight:
        """Of files that have no other name."""
        names: dict[tuple[int, int], int] = {}
        total = 0
        try:
            for each in self._going:
                for found in SealedFolder(self._path / each.name, each.catalog, os.geteuid()).files():
                    key = (found.st_dev, found.st_ino)
                    names[key] = names.get(key, 0) + 1
                    total += found.st_size if names[key] == found.st_nlink else 0
        except OSError:
            return Weight(bytes=None)
        return Weight(bytes=total)

    def apply(self, going: Iterable[Going], stop: Cancel) -> Iterator[Outcome]:
        """First what was begun before. LrsError where another run is at it."""
        with opened(self._path) as parent, alone(parent):
            for begun in unfinished(parent):
                if not begun.why and not stop.is_set():
                    result, message = _finished(parent, begun)
                    yield Outcome(name=begun.name, result=result, message=message)
            for each in going:
                if not stop.is_set():
                    result, message = self._removed(parent, each)
                    yield Outcome(name=each.found.name, found=each.found, result=result, message=message)

    def facts(self) -> PoolFacts | None:
        """Each backup is whole by itself."""
        return None

    def _removed(self, parent: Directory, each: Going) -> tuple[PruneResult, str]:
        try:
            if why := self._why_not(parent, each):
                return PruneResult.KEPT, why
            left = remove(parent, each.found.name, _which(each.found))
        except InUseError:
            return PruneResult.KEPT, "another run reads it; prune again when that is done"
        except FileNotFoundError:
            return PruneResult.FAILED, "it is gone already; another run or program removed it"
        except (OSError, LrsError) as error:
            return PruneResult.FAILED, _said(error)
        return (PruneResult.FAILED, _left(left)) if left else (PruneResult.REMOVED, "")

    def _why_not(self, parent: Directory, each: Going) -> str:
        """What has come since the plan was made, that keeps a backup from being removed; empty where nothing does."""
        if held := read_holds(self._path, self._trust).of(each.found.catalog):
            return f"held by now: {held.reason}"
        gone = next((kept.name for kept in each.kept if not _which(kept).is_at(parent, kept.name)), "")
        return f"{gone}, which the plan keeps, is gone by now; prune again" if gone else ""


def _which(found: Found) -> Seen:
    assert isinstance(found.which, Seen)
    return found.which


def _said(error: OSError | LrsError) -> str:
    if isinstance(error, RefusedError):
        return error.why
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _finished(parent: Directory, each: Unfinished) -> tuple[PruneResult, str]:
    try:
        left = finish(parent, each)
    except FileNotFoundError:
        return PruneResult.REMOVED, "another run finished its removal"
    except (OSError, RefusedError) as error:
        return PruneResult.FAILED, _said(error)
    return (PruneResult.FAILED, _left(left)) if left else (PruneResult.REMOVED, "its removal had been broken off")


def _left(paths: Sequence[str]) -> str:
    return f"left alone, as it is another's, or no backup made it: {', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}"


@contextmanager
def opened(path: Path) -> Iterator[Directory]:
    """The folder of the backups; what lies in it must be ours."""
    try:
        folder = Directory.named(path, SEALED)
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened: {error.strerror}") from error
    with folder:
        yield folder


@contextmanager
def alone(parent: Directory) -> Iterator[None]:
    """While the block lasts no other run removes here; where the file system has no locks, each removal looks for itself."""
    if not have_alone(parent):
        raise LrsError(f"{parent.path}: another run removes backups there; nothing was removed", hint="wait for it")
    yield
