"""Which repository a name means: the URL of a storage, or a path. What serves only the pooled form is imported for that alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository.base import Backup, Repository
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.runtime.paths import is_url

if TYPE_CHECKING:
    from kubectl_lrs.backends.base import Backend
    from kubectl_lrs.backends.place import Words
    from kubectl_lrs.repository.pool.sight import PoolHandle
    from kubectl_lrs.repository.pruning import Pruner
    from kubectl_lrs.runtime.trust import Trust

MARK = "lrs-repository.json"
"""What lies in a pooled repository, and in no plain one."""

OPTIONS, ENDPOINT, CA_FILE = "LRS_BACKUP_OPTIONS", "LRS_BACKUP_ENDPOINT", "LRS_BACKUP_CA_FILE"

_FILE = re.compile(r"file:(?://)?(?=/(?!/))", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How a storage is reached: the file of its options, its endpoint, the file of its authority; else by the environment.

    `of`: the place that it is about, where it is no other's, such as the installation file's; `elsewhere`: how others are
    reached then. `said`: what the user says its parts by, where that is not by the flags.
    """

    options: str = ""
    endpoint: str = ""
    ca_file: str = ""
    of: str = ""
    elsewhere: Reach | None = None
    said: Words | None = None

    def to(self, url: str) -> Reach:
        """How another URL is reached: credentials go to the bucket or host that they are of, and to no other."""
        return self if self.elsewhere is None or _bucket(url) == _bucket(self.of) else self.elsewhere


BY_ENVIRONMENT = Reach()


def _bucket(url: str) -> tuple[str, str]:
    """The scheme of a URL and its bucket or host; of a path what no URL has."""
    scheme, _, rest = url.partition("://")
    return scheme.lower(), rest.partition("/")[0].lower()


def path_of(where: str) -> str:
    """The path that a name means, `file:/PATH` and `file:///PATH` too; a URL of another storage as it is."""
    return _FILE.sub("", where, count=1) if _FILE.match(where) else where


def folder_of(where: str, *, what: str) -> Path:
    """The path of what is made on this machine. UsageError where it is the URL of a storage. `what`: as messages name it."""
    where = path_of(where)
    if is_url(where):
        raise UsageError(f"{what} {where!r}: not a path of this machine", hint="copy takes backups to a storage")
    return Path(where)


def open_repository(where: str, reach: Reach = BY_ENVIRONMENT) -> Repository:
    """The repository that `--backup-dir` names. Nothing is asked of a storage yet. UsageError."""
    where = path_of(where)
    if not is_url(where) and not os.path.lexists(f"{where}{os.sep}{MARK}"):
        return PlainRepository(Path(where))
    from kubectl_lrs.repository.pool.repository import PooledRepository
    from kubectl_lrs.runtime import state

    backend = open_storage(where, reach)
    return PooledRepository(backend, state=state.folder_of(backend.url), plain_at=_plain_at)


def _plain_at(name: str) -> Backup | None:
    """The plain backup at a path, which any command takes wherever the other backups are; None where the name is no path."""
    here = PlainRepository(Path())
    return here.opened(name) if os.sep in name and not is_url(name) and here.has(name) else None


def open_storage(where: str, reach: Reach = BY_ENVIRONMENT) -> Backend:
    """The storage of a URL or a path, as the call or else the environment says how it is reached. UsageError."""
    from kubectl_lrs.backends.options import read_options
    from kubectl_lrs.backends.place import BACKUPS, CA_FILES, ENDPOINTS, StorageLocation, open_backend
    from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, from_environment
    from kubectl_lrs.runtime.redact import shown

    where, words = path_of(where), reach.said or BACKUPS
    url = where if is_url(where) else str(Path(where).resolve())
    kind = StorageLocation(url=url).scheme
    if kind == "file" and is_url(where):
        hint = f"write it like s3://bucket/prefix, or as a path: /var/backups/lrs; a folder of this name is ./{shown(where)}"
        raise UsageError(f"{words.url}: {shown(where)!r}: no URL of a storage", hint=hint)
    # What the environment says is for every call: it is no error where it does not fit.
    options, endpoint, ca_file = (os.environ.get(name, "") if kind != "file" else "" for name in (OPTIONS, ENDPOINT, CA_FILE))
    said, options = ("--backup-options", reach.options) if reach.options else (OPTIONS, options)
    return open_backend(
        StorageLocation(
            url=url,
            options=read_options(Path(options), said=said) if options else {},
            endpoint=reach.endpoint or (endpoint if kind in ENDPOINTS else ""),
            ca_file=reach.ca_file or (ca_file if kind in CA_FILES else ""),
            said=words,
            encryption=from_environment(os.environ) if kind == "s3" else BY_THE_BUCKET,
            is_ours=True,
        )
    )


def open_pruner(where: str, trust: Trust, reach: Reach = BY_ENVIRONMENT) -> Pruner:
    """The same, to remove backups from it. `trust`: whose holds are believed beside one's own, where holds have owners."""
    repository = open_repository(where, reach)
    if isinstance(repository, PlainRepository):
        from kubectl_lrs.repository.plain.prune import PlainPruner

        return PlainPruner(repository.path, trust)
    from kubectl_lrs.repository.pool.prune import PoolPruner

    return PoolPruner(_pool(repository))


def bring_back(where: str, name: str, reach: Reach = BY_ENVIRONMENT) -> str:
    """Make a backup of what was forgotten; its name with its session. UsageError, LrsError with the reason."""
    repository = open_repository(where, reach)
    if isinstance(repository, PlainRepository):
        raise UsageError(
            f"{repository.location}: what was removed from a plain folder is gone from the disk",
            hint="hold keeps a backup from being removed",
        )
    from kubectl_lrs.repository.pool.unforget import unforget

    return str(unforget(_pool(repository), name))


def _pool(repository: Repository) -> PoolHandle:
    """Where its objects are, and what it says of itself."""
    from kubectl_lrs.repository.pool.repository import PooledRepository

    assert isinstance(repository, PooledRepository)
    return repository.place
