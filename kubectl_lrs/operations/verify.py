"""Verify: is a backup as it was sealed? It needs no server."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kubectl_lrs.errors import DamageError
from kubectl_lrs.folder import Damage, SealedFolder
from kubectl_lrs.progress import Progress


@dataclass(frozen=True)
class Checked:
    """What a check found; `files` counts those whose sums were computed."""

    damages: list[Damage]
    files: int
    seconds: float


def verify(folder: SealedFolder, progress: Progress) -> Checked:
    """Compare every file of the backup with its sum."""
    began = time.monotonic()
    files = 0

    def count(_size: int) -> None:
        nonlocal files
        files += 1
        progress.advance()

    progress.begin("files")
    try:
        damages = list(folder.damages(count))
    finally:
        progress.end()
    return Checked(damages, files, time.monotonic() - began)


def require_intact(folder: SealedFolder, progress: Progress) -> None:
    """DamageError that names the first damaged files, before anybody relies on them."""
    damages = verify(folder, progress).damages
    if damages:
        named = "; ".join(f"{damage.path}: {damage.what}" for damage in damages[:3])
        more = f" (and {len(damages) - 3} more)" if len(damages) > 3 else ""
        raise DamageError(f"backup {folder.path} is damaged: {named}{more}", hint="see all with: verify; nothing was written")
