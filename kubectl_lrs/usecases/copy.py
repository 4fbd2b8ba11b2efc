"""Copy backups from one repository into another, whatever their forms; and export one as a plain folder.

A copy holds the same files and has the same identity; what was of format 1 is sealed by the same bytes. Every content is held
against its sum on the way, so that nothing damaged is sealed again. A backup that is there already stays as it is; another one
of its name is never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from kubectl_lrs.model.catalog import FORMAT_VERSION, Catalog
from kubectl_lrs.model.errors import DamageError, ExitCode, InterruptedRunError, LrsError, UsageError
from kubectl_lrs.model.names import is_backup_name
from kubectl_lrs.repository import Backup, Repository, Writer
from kubectl_lrs.repository.base import LISTED
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.sums import line
from kubectl_lrs.runtime.progress import BestEffort, Progress
from kubectl_lrs.runtime.trust import OWN, Trust
from kubectl_lrs.usecases.making import Destination, Signals, Uninterrupted, make

FORMATS = (1, FORMAT_VERSION)
"""Those of a plain folder that can be written; version 0.1.0 reads the first."""

SMALL = 1 << 20
"""Contents up to this are held in memory."""

OF_THE_COPY = ("name", "formatVersion", "sums", "stored")
"""What a catalog says of how and where its backup lies, and not of what it is."""


class CopyResult(str, Enum):
    """What became of a backup that was to be copied."""

    COPIED = "copied"
    THERE = "is there"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_TRIED = "not tried"


GOOD = (CopyResult.COPIED, CopyResult.THERE)


@dataclass(frozen=True, kw_only=True)
class CopyOutcome:
    """One backup, and what became of it; `stored`: what was new and what the place had, of one that was copied."""

    name: str
    result: CopyResult
    location: str = ""
    stored: Mapping[str, int] = field(default_factory=dict)
    error: LrsError | None = None


@dataclass(kw_only=True)
class CopyReport:
    """All of them, the oldest first."""

    source: str
    target: str
    outcomes: list[CopyOutcome] = field(default_factory=list)

    def exit_code(self) -> ExitCode:
        """0 only if all are there; of one alone, or where none is, that of the first error."""
        bad = [each for each in self.outcomes if each.result not in GOOD]
        if any(isinstance(each.error, InterruptedRunError) for each in bad):
            return ExitCode.INTERRUPTED
        if not bad:
            return ExitCode.DONE
        if len(bad) < len(self.outcomes):
            return ExitCode.PARTIAL
        return bad[0].error.exit_code if bad[0].error else ExitCode.FAILED


@dataclass(frozen=True, kw_only=True)
class Copying:
    """How backups are copied. `trust`: whose left-overs in a plain folder are used."""

    source: Repository
    target: Repository
    progress: Progress
    signals: Signals = Uninterrupted()  # noqa: RUF009  it has no state
    trust: Trust = OWN

    def chosen(self, names: Sequence[str]) -> list[Backup]:
        """The backups of these names, all where there are none. UsageError, DamageError."""
        if self.source.resolved == self.target.resolved:
            raise UsageError(f"{self.source.location}: both are the same place", hint="name another one to copy to")
        return [self.source.find(name) for name in dict.fromkeys(names)] if names else self.source.scan()[0]

    def run(self, backups: Sequence[Backup]) -> CopyReport:
        """Copy them, one after the other; what ends all of them leaves the rest untried."""
        report = CopyReport(source=self.source.location, target=self.target.location)
        ended = False
        for backup in backups:
            if ended:
                report.outcomes.append(CopyOutcome(name=backup.name, result=CopyResult.NOT_TRIED))
                continue
            outcome = self._tried(backup)
            report.outcomes.append(outcome)
            ended = outcome.error is not None and outcome.error.exit_code in (ExitCode.UNREACHABLE, ExitCode.INTERRUPTED)
        return report

    def _tried(self, backup: Backup) -> CopyOutcome:
        try:
            return self._copied(backup)
        except LrsError as error:
            return CopyOutcome(name=backup.name, result=CopyResult.FAILED, error=error)

    def _copied(self, backup: Backup) -> CopyOutcome:
        backup = backup.in_use()
        if there := self._there(backup.name):
            if is_same(backup, there):
                require_there(there)
                return CopyOutcome(name=backup.name, result=CopyResult.THERE, location=there.location)
            error = UsageError(
                f"{there.location}: another backup has this name; nothing was copied", hint="it stays; rename one of the two"
            )
            return CopyOutcome(name=backup.name, result=CopyResult.REFUSED, location=there.location, error=error)
        location, catalog = copy_one(
            backup, self.target, backup.name, progress=self.progress, signals=self.signals, trust=self.trust
        )
        return CopyOutcome(name=backup.name, result=CopyResult.COPIED, location=location, stored=catalog.stored)

    def _there(self, name: str) -> Backup | None:
        found = self.target.named(name)
        return found.in_use() if found else None


def is_same(one: Backup, other: Backup) -> bool:
    """Whether two backups hold the same, and say the same of it."""
    return bool(one.identity) and one.identity == other.identity and _said(one.catalog) == _said(other.catalog)


def require_there(backup: Backup) -> None:
    """DamageError where a file of it is not there. No content is read: that takes as long as another copy."""
    hint = "see: verify; what is damaged is copied again once it was forgotten"
    if not backup.reads_all:
        if damage := next(backup.damages(share=LISTED), None):
            raise DamageError(f"{backup.describe(damage.path)}: {damage.what}; nothing was copied", hint=hint)
        return
    try:
        require_listed(backup)
        for path, _ in backup.sums():
            with backup.reading(path):
                pass
    except DamageError as error:
        raise DamageError(f"{error}; nothing was copied", hint=hint) from error


def _said(catalog: Catalog) -> dict[str, Any]:
    return {name: value for name, value in catalog.to_dict().items() if name not in OF_THE_COPY}


def export(
    backup: Backup,
    directory: Path,
    *,
    format_version: int | None = None,
    progress: Progress,
    signals: Signals = Uninterrupted(),  # noqa: B008  it has no state
    trust: Trust = OWN,
) -> tuple[str, Catalog]:
    """A plain folder at a path where nothing is: where it is, and its catalog. UsageError.

    `format_version`: the one that it is to have; None: 1 where the backup had that, byte for byte, else the newest.
    """
    if format_version == 1 and backup.catalog.origin:
        raise UsageError(
            f"{backup.name} was made from {backup.catalog.origin}, which format 1 cannot say; nothing was exported",
            hint="version 0.1.0 would take it for all that a cluster had; leave --format out",
        )
    name = directory.absolute().name
    if not is_backup_name(name):
        raise UsageError(f"{directory}: no name for a backup", hint="letters, digits, '.', '_' and '-' only")
    if directory.exists() or directory.is_symlink():
        raise UsageError(f"{directory}: it is there already; nothing was exported", hint="name a folder that is not there yet")
    target = PlainRepository(directory.absolute().parent)
    return copy_one(backup, target, name, format_version=format_version, progress=progress, signals=signals, trust=trust)


def copy_one(
    backup: Backup,
    target: Repository,
    name: str,
    *,
    format_version: int | None = None,
    progress: Progress,
    signals: Signals = Uninterrupted(),  # noqa: B008  it has no state
    trust: Trust = OWN,
) -> tuple[str, Catalog]:
    """Copy one, whole or not at all: where it is, and its catalog there. DamageError where the source is not as it was sealed."""

    def fill(writer: Writer, progress: Progress) -> Catalog:
        return _filled(writer, backup, count, format_version, progress)

    with backup.kept(BestEffort(progress)):
        count = require_listed(backup)
        return make(Destination(repository=target, name=name, trust=trust), fill, progress, signals)


def _filled(writer: Writer, backup: Backup, count: int, format_version: int | None, progress: Progress) -> Catalog:
    """All its files, and the seal."""
    progress.begin(f"files of {backup.name}", count)
    for path, digest in backup.sums():
        _have(backup, writer, path, digest)
        progress.advance()
    progress.begin("sealing")
    original = backup.original() if format_version != FORMAT_VERSION else None
    catalog = backup.catalog if original else replace(backup.catalog, format_version=format_version or FORMAT_VERSION)
    return writer.seal(catalog, original)


def require_listed(backup: Backup) -> int:
    """How many files it has; DamageError where the list of its sums is not the one that was sealed.

    In either format the catalog has the sum of the list in the order in which it is read.
    """
    identity, count = hashlib.sha256(), 0
    for path, digest in backup.sums():
        identity.update(line((path.encode(), digest.encode())))
        count += 1
    if identity.hexdigest() != backup.catalog.sums_sha256:
        raise DamageError(f"{backup.describe()}: the list of its sums is not the one that was sealed", hint="see: verify")
    return count


def _have(backup: Backup, writer: Writer, path: str, digest: str) -> None:
    """One file: what the place has already, or the content, held against its sum before it is part of the copy."""
    if writer.adopt(path, digest):
        return
    with backup.reading(path) as file:
        head = file.read(SMALL + 1)
        if len(head) <= SMALL:
            _require(hashlib.sha256(head).hexdigest(), digest, backup, path)
            writer.write(path, head)
            return
        with writer.stream(path) as sink:
            for data in _pieces(head, file):
                sink.write(data)
            _require(sink.digest, digest, backup, path)


def _pieces(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    while head:
        yield head
        head = file.read(SMALL)


def _require(found: str, digest: str, backup: Backup, path: str) -> None:
    if found != digest:
        raise DamageError(f"{backup.describe(path)}: altered: its sum does not match; nothing was copied", hint="see: verify")
