"""Backups at rest, in one of several forms: written unseen and sealed at once, or opened and checked.

It knows files, sums, and what backups share, not what the files mean. `base` says what every form is to its users, and
`place` which one a name means.
"""

from __future__ import annotations

from kubectl_lrs.repository.base import (
    Backup,
    Damage,
    EarlierBackup,
    Readable,
    Repository,
    Segment,
    Segmented,
    Segments,
    Sink,
    Writer,
)
from kubectl_lrs.repository.content import lines_in
from kubectl_lrs.repository.place import Reach, bring_back, open_pruner, open_repository
from kubectl_lrs.repository.unsealed import Unsealed

__all__ = [
    "Backup",
    "Damage",
    "EarlierBackup",
    "Reach",
    "Readable",
    "Repository",
    "Segment",
    "Segmented",
    "Segments",
    "Sink",
    "Unsealed",
    "Writer",
    "bring_back",
    "lines_in",
    "open_pruner",
    "open_repository",
]
