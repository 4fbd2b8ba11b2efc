"""One backup on disk: written under a hidden name and sealed by a rename, or opened and checked.

It knows files, sums, links and rights (0700, 0400), not what the files mean. It must not talk to any server.
"""

from __future__ import annotations

from kubectl_lrs.repository.abandoned import Leftover, take_abandoned
from kubectl_lrs.repository.earlier import Earlier, open_earlier
from kubectl_lrs.repository.files import NO_SPACE, disk_error
from kubectl_lrs.repository.sealed import Damage, Readable, SealedFolder
from kubectl_lrs.repository.writer import FolderWriter, Sink

__all__ = [
    "NO_SPACE",
    "Damage",
    "Earlier",
    "FolderWriter",
    "Leftover",
    "Readable",
    "SealedFolder",
    "Sink",
    "disk_error",
    "open_earlier",
    "take_abandoned",
]
