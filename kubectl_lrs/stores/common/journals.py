"""Journals beside the backups: what was begun and must be put right if the run is killed. Where they lie, and writing them.

A line is on the disk before the act that it speaks of. Pausing the operator notes how many replicas it had.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.journal import write_journal
from kubectl_lrs.runtime.trust import OWN, Trust

OPERATOR_PREFIX = "lrs_operator_paused_"
SUFFIX = ".json"


@dataclass(frozen=True)
class PauseJournal:
    """Where the pause of an operator is noted, and whose note and lock are believed there."""

    path: Path
    trust: Trust = OWN


def operator_journal(directory: Path, cluster: str, trust: Trust = OWN) -> PauseJournal:
    """That of a cluster's operator."""
    return PauseJournal(directory / f"{OPERATOR_PREFIX}{token(cluster)}{SUFFIX}", trust)


def save(path: Path, document: dict[str, Any]) -> None:
    """Put a journal on the disk; LrsError where that fails, so that nothing is begun that could not be put right."""
    with writing(path):
        write_journal(path, document)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A failure of the disk in the block is one of the journal (LrsError)."""
    try:
        yield
    except OSError as error:
        raise LrsError(
            f"{path}: the journal cannot be written: {error.strerror}", hint="name a folder that can be with --backup-dir"
        ) from error


def token(cluster: str) -> str:
    """The part of a journal's name that tells which cluster it is about."""
    return "".join(char if char.isalnum() or char == "-" else "_" for char in cluster)[:80]
