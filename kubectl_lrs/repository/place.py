"""Which repository a name means."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs.repository.base import Repository
from kubectl_lrs.repository.plain.repository import PlainRepository


def open_repository(where: str) -> Repository:
    """The repository that `--backup-dir` names. Nothing is looked at yet."""
    return PlainRepository(Path(where))
