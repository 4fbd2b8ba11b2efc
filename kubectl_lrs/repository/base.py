"""What every form of a repository is to those who use it: backups that can be found, read and held, and new ones.

Where a backup lies is the form's own business: whoever speaks of one, or of a file in it, does so by `describe`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, runtime_checkable

from kubectl_lrs.model.catalog import SUMS_FILE
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.model.names import BACKUP_PREFIX, LATEST
from kubectl_lrs.repository.unsealed import Unsealed, doubts

if TYPE_CHECKING:
    from kubectl_lrs.model.catalog import Catalog
    from kubectl_lrs.model.choice import Asked
    from kubectl_lrs.repository.holds import Holds
    from kubectl_lrs.runtime.progress import Progress
    from kubectl_lrs.runtime.trust import Trust

LISTED, ALL = 0.0, 1.0
"""How much of the contents is read to see whether they are as they were sealed: none, all."""


class Readable(Protocol):
    """A backup whose files can be read: one that is sealed, or one that is being made."""

    @property
    def name(self) -> str:
        """What it is called."""

    def describe(self, relative: str = "") -> str:
        """It, or one of its files, for a person."""

    def paths(self, prefix: str = "") -> list[str]:
        """Its files whose path begins so."""

    def reading(self, relative: str) -> AbstractContextManager[BinaryIO]:
        """One of its files, opened for reading."""


@dataclass(frozen=True)
class Damage:
    """One file of a backup that is not as it was sealed; `what` says how."""

    path: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Original:
    """The two files that seal a folder of format 1, byte for byte: a copy keeps them, so that it is the same folder again.

    `sums_sha256`: the sum of its list of sums, which is in an order of its own.
    """

    catalog: bytes
    sums_sha256: str
    opened: Callable[[], AbstractContextManager[BinaryIO]]

    def sums(self) -> Iterator[bytes]:
        """The list of sums, piece by piece. DamageError at its end where it is another one."""
        digest = hashlib.sha256()
        with self.opened() as file:
            while data := file.read(1 << 20):
                digest.update(data)
                yield data
        if digest.hexdigest() != self.sums_sha256:
            raise DamageError(f"{SUMS_FILE}: altered: its sum is not the one in the catalog")


class Backup(Readable, Protocol):
    """A backup that was sealed, read without trust."""

    warning: str
    """What is to be said of how it was chosen, empty where nothing is."""

    @property
    def catalog(self) -> Catalog:
        """What it says of itself."""

    @property
    def location(self) -> str:
        """Where it is, as it can be named from any directory."""

    @property
    def parent(self) -> str:
        """The repository that it lies in, likewise."""

    @property
    def identity(self) -> str:
        """The SHA-256 of the sorted list of its sums: backups that hold the same have the same. Empty where it cannot be read."""

    @property
    def unique_bytes(self) -> int | None:
        """Bytes that no other backup shares, which go with it; None where that cannot be told."""

    @property
    def owner(self) -> str:
        """Who has written its catalog, as far as the storage says; else empty."""

    @property
    def is_foreign(self) -> bool:
        """Whether it was surely written by neither this user nor root: anything may be in it, sums and all."""

    def in_use(self) -> Backup:
        """The same, which nobody removes while this object lives, where the storage has locks."""

    def kept(self, progress: Progress) -> AbstractContextManager[None]:
        """While the block lasts, all that it holds can be read, whatever is removed meanwhile; for those who read for long.

        Where the storage cannot keep it, `progress` is told for how long that surely is so. DamageError where it is gone by now.
        """

    def sums(self) -> Iterator[tuple[str, str]]:
        """(path, SHA-256) of every file but the two that seal them. DamageError."""

    def original(self) -> Original | None:
        """What sealed it where it was of format 1; None for any other. DamageError."""

    reads_all: bool
    """Whether `damages` reads all contents in any case."""

    has_sums: bool
    """Whether there are sums to hold it against. Of what others saved there are none: `sums` and `damages` refuse to answer."""

    def damages(self, on_file: Callable[[int], None] = ..., *, share: float = ...) -> Iterator[Damage]:
        """Every file that is missing, surplus or altered. `on_file` is told each file's bytes.

        `share`: of so many of the contents the sums are computed; by default of as few as the form allows.
        """

    def unread(self, share: float = ...) -> str:
        """What such a look does not tell, empty where it tells all."""

    def lines(self, relative: str) -> Iterator[str]:
        """The lines of a gzip file. DamageError."""


class Elsewhere(Protocol):
    """What can be read as a backup and lies in no repository."""

    def has(self, name: str) -> bool:
        """Whether a name means such."""

    def opened(self, name: str) -> Backup | None:
        """It; None where the name means none. DamageError, UsageError."""


class Sink(Protocol):
    """A new file that is written bit by bit. `size` and `digest` (SHA-256) are those of what the backup has.

    Of a compressed file they are complete only when it is closed.
    """

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits."""

    def write(self, data: bytes, /) -> int:
        """All of them."""


class EarlierBackup(Protocol):
    """A sealed backup whose files a new one may share."""

    @property
    def catalog(self) -> Catalog:
        """What it says of itself."""

    def reading(self, relative: str) -> BinaryIO | None:
        """One of its files, held against its sum, at its beginning; None where it is not there, or not as it was sealed."""


class Writer(Readable, Protocol):
    """A backup that is being made. Several threads may write, each its own files. OSError, or an LrsError of the storage."""

    instant: datetime
    """When it was begun (UTC), which a backup is named after that got no name."""

    is_sealed: bool

    @property
    def location(self) -> str:
        """Where it will be, as it can be named from here."""

    @property
    def is_locked(self) -> bool:
        """Whether other runs can see that this one is alive, or need not."""

    def write(self, relative: str, data: bytes, *, limit: int | None = None) -> str:
        """A new file, and its SHA-256; `relative` is a path in the backup, with `/`. `limit`: what its reader takes."""

    def stream(self, relative: str, *, compressed: bool = False) -> AbstractContextManager[Sink]:
        """A new file that is written bit by bit, gzip on request; it is part of the backup when the block ends well."""

    def extending(self, relative: str) -> AbstractContextManager[Sink]:
        """More for a gzip file at the top that is finished: one is put after the other, which readers take for one."""

    def scratch(self, relative: str) -> AbstractContextManager[BinaryIO]:
        """A file that is no part of the backup: it goes when the block ends well, and may stay for another run when not."""

    def adopt(self, relative: str, digest: str) -> bool:
        """Have a file with the SHA-256 `digest` without getting it again; whether there is one."""

    def checkpoint(self) -> int:
        """A mark that `rollback` takes the backup back to."""

    def rollback(self, mark: int) -> None:
        """Remove every file that was finished since the mark."""

    def earlier(self) -> Iterator[EarlierBackup]:
        """The sealed backups whose files it shares, the newest first."""

    def left_behind(self, relative: str) -> Iterator[BinaryIO]:
        """The files of this path that runs have left which are no more."""

    def seal(self, catalog: Catalog, original: Original | None = None) -> Catalog:
        """Make it a backup: the catalog as it is sealed. Nothing of it is one before.

        `original`: of a copy, which is sealed by the same two files; `catalog` says what they say.
        """

    def settle(self, progress: Progress) -> None:
        """After the seal: what is used up goes, and what the user should know is said."""

    def put_away(self, *, keep: bool) -> str:
        """It was not sealed, or something failed after that. `keep`: leave what another run can take over.

        What that is, in words; empty where nothing is left.
        """


class Segments(Protocol):
    """Parts of a backup that others copy: a list of each, and what they say of it when it is done. LrsError."""

    @property
    def names(self) -> list[str]:
        """What they are called."""

    def put(self, lines: Iterable[bytes]) -> None:
        """The list of one more."""

    def marked(self) -> set[int]:
        """The numbers of those that somebody says to have done."""

    def look(self) -> None:
        """See what contents are there by now."""

    def taken_in(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        """Each line of a list, and what is said of it, without trust; the contents are known then. DamageError."""

    def size_of(self, digest: str) -> int | None:
        """Of a content that is known by then; None of one that is not."""


@runtime_checkable
class Segmented(Writer, Protocol):
    """A backup of which others may copy parts."""

    def segments(self, about: str) -> Segments:
        """Begin with it. `about`: what `left_behind` knows the marks by afterwards."""


class Segment(Protocol):
    """A part of another run's backup. `writer`: where its contents go; `lines`: of its list; `about`: what they are about."""

    @property
    def about(self) -> str:
        """Read without trust."""

    @property
    def lines(self) -> Sequence[bytes]:
        """Read without trust."""

    @property
    def writer(self) -> Writer:
        """Of this part alone."""

    @property
    def is_marked(self) -> bool:
        """Whether somebody has done it."""

    def mark(self, lines: Iterable[bytes]) -> None:
        """It is done; `lines`: what is to be said of each line of its list, in that order."""


class Notes(Protocol):
    """What runs leave for the next one beside the backups that they have made. It is no part of them, and goes with them."""

    def write(self, backup: Backup, body: Mapping[str, Any]) -> None:
        """Leave it, once. LrsError."""

    def read(self, backup: Backup) -> Mapping[str, Any] | None:
        """What was left; None where nothing was. LrsError."""


class Preparation(Protocol):
    """What a new backup begins with."""

    def begin(self, name: str) -> Writer:
        """The backup of this name; empty: after the instant. UsageError where there is one, OSError."""

    def close(self) -> None:
        """No more is begun."""


class Repository(ABC):
    """Backups in one place. `elsewhere`: what else a name may mean."""

    elsewhere: Elsewhere | None = None

    @property
    @abstractmethod
    def location(self) -> str:
        """Where it is, as the user named it."""

    @property
    @abstractmethod
    def resolved(self) -> str:
        """Where it is, as it can be named from any directory."""

    @property
    @abstractmethod
    def journals(self) -> Path:
        """The folder on this machine where journals of what is done with its backups lie."""

    @abstractmethod
    def scan(self) -> tuple[list[Backup], list[Unsealed]]:
        """The sealed backups, oldest first, and what only looks like one. UsageError where there is no repository."""

    @abstractmethod
    def opened(self, name: str) -> Backup | None:
        """The backup of this name, or at this path; None where nothing is there. DamageError, UsageError."""

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether something of this name looks like a backup, sealed or damaged."""

    @abstractmethod
    def holds(self) -> Holds:
        """Which backups are held. OSError, LrsError."""

    @abstractmethod
    def hold(self, backup: Backup, reason: str) -> None:
        """Hold it; a hold that it has gets the new reason. LrsError."""

    @abstractmethod
    def unhold(self, backup: Backup) -> None:
        """Take its hold away. UsageError where there is none, LrsError."""

    @property
    def notes(self) -> Notes | None:
        """Where a run leaves what the next one is to know; None where that is no business of the place of the backups."""
        return None

    @abstractmethod
    def prepare(self, *, trust: Trust, trust_previous: bool, progress: Progress) -> Preparation:
        """Make ready for a new backup: what killed runs have left is taken in. OSError, LrsError."""

    def segment(self, name: str) -> AbstractContextManager[Segment]:
        """Copy a part of another run's backup. UsageError, LrsError."""
        raise UsageError(f"{self.location}: {name}: there are segments in a pooled repository alone")

    @abstractmethod
    def explained(self, error: OSError, so: str = "no backup was made") -> LrsError:
        """A failed write, as the user should read it; `so` is what follows from it."""

    def named(self, name: str) -> Backup | None:
        """The backup of this name in it, and none that a path elsewhere leads to. DamageError."""
        return self.opened(name) if self.has(name) else None

    def find(self, name: str) -> Backup:
        """The backup that `name` means: `latest`, a name here, or a path."""
        if name == LATEST:
            return self.latest()
        if found := self._elsewhere_alone(name) or self.opened(name):
            return found.in_use()
        from difflib import get_close_matches

        names = self.names()
        near = get_close_matches(name, names, n=3, cutoff=0.5) or names[-3:]
        hint = f"there is {', '.join(near)}" if near else f"{self.location} holds no sealed backup"
        if near and get_close_matches(name, [LATEST], cutoff=0.8):
            hint = f"did you mean {LATEST}? {hint}"
        raise UsageError(f"backup {name!r} not found in {self.location}", hint=hint)

    def _elsewhere_alone(self, name: str) -> Backup | None:
        """What the name means elsewhere, where it means nothing here."""
        is_elsewhere = self.elsewhere is not None and self.elsewhere.has(name) and not self.has(name)
        return self.elsewhere.opened(name) if self.elsewhere and is_elsewhere else None

    def names(self) -> list[str]:
        """The names of the sealed backups, oldest first; none where there is no repository."""
        return [each.name for each in self.scan()[0]]

    def names_backup(self, name: str) -> bool:
        """Whether `name` means a backup: no LRS can be called so, or there is one of this name."""
        is_named_so = name == LATEST or name.startswith((".", "/", BACKUP_PREFIX))
        return is_named_so or self.has(name) or (self.elsewhere is not None and self.elsewhere.has(name))

    def latest(self, asked: Asked | None = None, holds: Callable[[Backup], bool] = lambda _backup: True) -> Backup:
        """The newest sealed backup that holds what is asked for; its `warning` says what decided beside the time.

        `holds`: what only a look into a backup tells. UsageError where there is none, which names what there is.
        UnreachableError where the storage does not give one that may be newer.
        """
        from kubectl_lrs.model.choice import ANY, newest  # for those who choose

        asked = asked or ANY
        sealed, unsealed = self.scan()
        candidates = _newest_first(sealed)
        chosen, passed = newest(candidates, lambda backup: backup.catalog, asked, holds)
        in_doubt = self.doubts(chosen.catalog if chosen else None, unsealed)
        if chosen is None:
            raise self._none(asked, passed)
        said = _choice(chosen, candidates) or _passed_over(chosen, passed)
        chosen.warning = "; ".join(filter(None, (said, *in_doubt)))
        return chosen.in_use()

    def doubts(self, newest: Catalog | None, unsealed: Sequence[Unsealed]) -> list[str]:
        """What else may be the newest, and cannot be read. UnreachableError where the storage may give it another time."""
        others = self.elsewhere
        return doubts(newest, unsealed, lambda name: others is not None and others.has(name))

    def _none(self, asked: Asked, passed: Sequence[tuple[Backup, str]]) -> UsageError:
        others = ", ".join(f"{each.name} ({why.removeprefix('is ')})" for each, why in reversed(passed[:5]))
        if not others:
            others = ", ".join(f"{each.name} ({_what_it_is(each)})" for each in self.scan()[0][-5:])
        return UsageError(
            f"{self.location}: no sealed backup{f' {asked}' if str(asked) else ''}",
            hint=f"there is {others}; name the one you mean" if others else "make one with: backup --backup-dir DIR",
        )

    def newest_first(self) -> list[Backup]:
        """The sealed backups that may be the latest. One of the future comes after all others; one without anything never."""
        return _newest_first(self.scan()[0])

    def less_than_before(self, backup: Backup) -> str:
        """What a backup holds less than the one of the same cluster before it, in words; empty where nothing is to be said."""
        from kubectl_lrs.model.choice import less_than_before

        before: list[Catalog] = []
        for other in self.scan()[0]:
            if other.name == backup.name:
                break
            if other.catalog.cluster.is_same(backup.catalog.cluster) and not is_of_future(other.catalog):
                before.append(other.catalog)
        return less_than_before(backup.catalog, before)


def _newest_first(oldest_first: Sequence[Backup]) -> list[Backup]:
    sealed = [backup for backup in reversed(oldest_first) if not backup.catalog.is_empty]
    return sorted(sealed, key=lambda backup: is_of_future(backup.catalog))


def _what_it_is(backup: Backup) -> str:
    return "empty" if backup.catalog.is_empty else f"of {backup.catalog.cluster.title}"


def is_of_future(catalog: Catalog) -> bool:
    """Whether its instant is later than now."""
    return catalog.is_after(datetime.now(timezone.utc))


def _choice(chosen: Backup, candidates: Sequence[Backup]) -> str:
    """What is to be said where the time alone did not decide."""
    if is_of_future(chosen.catalog):
        return f"{chosen.name} is dated later than now ({chosen.catalog.instant:%Y-%m-%d %H:%M:%S}Z); is a clock wrong?"
    later = [backup.name for backup in candidates if is_of_future(backup.catalog)]
    return f"dated later than now, and not taken for the latest: {', '.join(later[:3])}; is a clock wrong?" if later else ""


def _passed_over(chosen: Backup, passed: Sequence[tuple[Backup, str]]) -> str:
    """The newer ones of the same cluster that hold less than is asked for."""
    newer = [(each, why) for each, why in passed if each.catalog.instant > chosen.catalog.instant and why not in ("is later", "")]
    said = "; ".join(f"{each.name} is newer, and {why}" for each, why in newer[:3] if not why.startswith("is of "))
    return f"{said}: name it to use it" if said else ""


def oldest_first(backups: Iterable[Backup]) -> list[Backup]:
    """By instant, then by name."""
    return sorted(backups, key=lambda backup: (backup.catalog.instant, backup.name))
