"""The keys of a pooled repository, made and read back, and its sizes. Pure.

A name in the pool is never used twice: it has the sum of what is stored there, and the session (one run) that put it there.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple

from kubectl_lrs.model.catalog import instant_of, stamp

REPOSITORY = "lrs-repository.json"
RESERVE = "reserve"
RESERVE_SIZE = 16 << 20
GRACE_HOURS = 48
"""So long what nothing refers to stays after that was noted; a seal counts that comes within half of it."""

SMALL = 1 << 20
"""Contents below this share packs."""

PART = 32 << 20
"""Bytes of content that one object has at most; each part of a content but the last has as many."""

PACK = 16 << 20
MAX_ENTRIES = 60_000
"""A pack is closed before it has more bytes or entries than these."""

INDEX_FILE = 32 << 20
BLOCK = 1 << 20
"""An index file has at most so many bytes; a block of it so many of text."""

BACKUPS, BLOBS, PACKS = "backups/", "blobs/", "packs/"
CONDEMNED, SESSIONS, HOLDS, FORGOTTEN = "condemned/", "sessions/", "holds/", "forgotten/"

SEAL, CATALOG, BLOCKS, REFS, SUMS = "backup.json", "catalog.json", "blocks.json", "refs.gz", "sums.gz"

CHECK = "check.json"
"""What `check` found when the backup was made. It is no part of it: no seal may name it, and it goes with the backup."""

_SESSION = r"[0-9a-f]{32}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_POOL = re.compile(rf"(?:blobs/(..)/([0-9a-f]{{64}})\.({_SESSION})(?:\.gz)?|packs/(..)/([0-9a-f]{{64}})\.({_SESSION})\.zip)")
_BACKUP = re.compile(rf"backups/({_NAME})\.({_SESSION})/([a-z0-9.-]+)")
_OF_BACKUP = re.compile(r"catalog\.json|index-[0-9]{1,6}\.gz|blocks\.json|refs\.gz|sums\.gz")
_CONDEMNED = re.compile(rf"condemned/([0-9]{{8}}T[0-9]{{12}}Z)-({_SESSION})\.gz")
_SESSION_LOG = re.compile(rf"sessions/({_SESSION})-([0-9]{{1,9}})\.gz")
_SEGMENT = re.compile(rf"sessions/({_SESSION})-([0-9]{{1,9}})\.list\.gz")
_HOLD = re.compile(rf"holds/([0-9a-f]{{32}})\.{_SESSION}\.json")
_READER = re.compile(rf"holds/reader-({_SESSION})\.json")
_FORGOTTEN = re.compile(rf"forgotten/({_NAME})\.({_SESSION})\.json")


def new_session() -> str:
    """One that no other run has."""
    return secrets.token_hex(16)


# ---- backups


class BackupId(NamedTuple):
    """One backup, by its name and the session that made it."""

    name: str
    session: str

    def __str__(self) -> str:
        return f"{self.name}.{self.session}"

    def key(self, file: str) -> str:
        """Of one of its objects."""
        return f"{BACKUPS}{self}/{file}"

    @property
    def seal(self) -> str:
        """The key whose object makes it a backup."""
        return self.key(SEAL)

    @property
    def forgotten(self) -> str:
        """Where its seal is kept once it is forgotten."""
        return f"{FORGOTTEN}{self}.json"


def index_file(number: int) -> str:
    """The name of one of a backup's index files."""
    return f"index-{number}.gz"


def is_of_backup(file: str) -> bool:
    """Whether a seal may name a file so."""
    return _OF_BACKUP.fullmatch(file) is not None


def backup_of(key: str) -> tuple[BackupId, str] | None:
    """Which backup a key is of, and which file of it; None for any other key."""
    found = _BACKUP.fullmatch(key)
    return (BackupId(found[1], found[2]), found[3]) if found else None


def forgotten_of(key: str) -> BackupId | None:
    """Which backup a key keeps the seal of."""
    found = _FORGOTTEN.fullmatch(key)
    return BackupId(found[1], found[2]) if found else None


# ---- the pool


def blob_key(digest: str, session: str, *, packed: bool = False) -> str:
    """One part of a large content. `digest`: SHA-256 (hexadecimal) of the stored bytes. `packed`: they are gzip."""
    return f"{BLOBS}{digest[:2]}/{digest}.{session}{'.gz' if packed else ''}"


def pack_key(digest: str, session: str) -> str:
    """Many small contents."""
    return f"{PACKS}{digest[:2]}/{digest}.{session}.zip"


class PoolKey(NamedTuple):
    """What the key of an object in the pool says. `digest`: SHA-256 (hexadecimal) of the stored bytes."""

    kind: bytes
    digest: str
    session: str

    @property
    def token(self) -> bytes:
        """What refs know it by: kind, the first 16 bytes of the sum, session. Tokens are in the order of the keys."""
        return self.kind + bytes.fromhex(self.digest[:32]) + bytes.fromhex(self.session)


BLOB, PACKED = b"b", b"p"
TOKEN = 33
"""Bytes of a token."""


@lru_cache(maxsize=1024)
def pool_key(key: str) -> PoolKey | None:
    """Read back; None for any other key."""
    found = _POOL.fullmatch(key)
    if not found:
        return None
    kind, (two, digest, session) = (BLOB, found.group(1, 2, 3)) if found[2] else (PACKED, found.group(4, 5, 6))
    return PoolKey(kind, digest, session) if digest.startswith(two) else None


def described(token: bytes) -> str:
    """What a token stands for, for a person: how its key begins."""
    digest = token[1:17].hex()
    return f"{BLOBS if token[:1] == BLOB else PACKS}{digest[:2]}/{digest}…"


# ---- what steers removal, and what helps the next run


def condemned_key(at: float, session: str) -> str:
    """A list of what nothing refers to, made at an instant of the storage's clock. Keys are in the order of the instants."""
    return f"{CONDEMNED}{_instant(at):%Y%m%dT%H%M%S%f}Z-{session}.gz"


def condemned_of(key: str) -> tuple[float, str] | None:
    """(instant, session) of such a list."""
    found = _CONDEMNED.fullmatch(key)
    if not found:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return at.timestamp(), found[2]


def session_log(session: str, number: int) -> str:
    """What a run has put into the pool, as far as it got."""
    return f"{SESSIONS}{session}-{number}.gz"


def session_log_of(key: str) -> tuple[str, int] | None:
    """(session, number) of such a log."""
    found = _SESSION_LOG.fullmatch(key)
    return (found[1], int(found[2])) if found else None


def segment_list(run: str, number: int) -> str:
    """What is to be copied into the pool by whoever takes it. Its mark, once that is done, is the log of this number."""
    return f"{SESSIONS}{run}-{number}.list.gz"


def segment_of(key: str) -> tuple[str, int] | None:
    """(run, number) of such a list."""
    found = _SEGMENT.fullmatch(key)
    return (found[1], int(found[2])) if found else None


def hold_key(about: str, session: str) -> str:
    """A hold, as one run made it. `about`: how the sum of the catalog begins that is held."""
    return f"{HOLDS}{about}.{session}.json"


def hold_of(key: str) -> str | None:
    """The first 32 digits of the sum of the catalog that is held."""
    found = _HOLD.fullmatch(key)
    return found[1] if found else None


def reader_key(session: str) -> str:
    """The hold of one that reads."""
    return f"{HOLDS}reader-{session}.json"


def reader_of(key: str) -> str | None:
    """The session of one that reads."""
    found = _READER.fullmatch(key)
    return found[1] if found else None


# ---- instants of the storage's clock


def stamped(seconds: float) -> str:
    """Seconds of the epoch as they stand in documents, to the microsecond."""
    return stamp(_instant(seconds))


def seconds_of(text: str) -> float:
    """Read back; ValueError."""
    return instant_of(text).timestamp()


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
