"""Backups in a pool by the protocol of writers and nothing more: contents of a few bytes, a blob each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

from kubectl_lrs.backends.base import Backend, KeyNotFoundError, get, put
from kubectl_lrs.model.catalog import Catalog, Cluster, Missing, parse
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.pool import condemned, refs
from kubectl_lrs.repository.pool import seal as seals
from kubectl_lrs.repository.pool.check import check, pool
from kubectl_lrs.repository.pool.layout import REFS, BackupId, blob_key, new_session, pool_key
from kubectl_lrs.repository.pool.layout import REPOSITORY as MARK
from kubectl_lrs.repository.pool.refs import Ref
from kubectl_lrs.repository.pool.seal import Seal, Stored
from kubectl_lrs.repository.pool.sight import PoolHandle
from kubectl_lrs.repository.pool.spool import Spool
from tests.builders.sealing import RESOURCES

REPOSITORY = "5b9a4c4e-6f0f-4b6a-9a53-1c6f8f7a2f11"
GRACE = 48 * 3600.0


def place_of(backend: Backend) -> PoolHandle:
    """A repository with the usual grace time."""
    return PoolHandle(backend, REPOSITORY, GRACE)


def mark(backend: Backend) -> None:
    """What a repository says of itself, with this id and grace time."""
    said = {"kind": "lrs-repository", "formatVersion": 1, "id": REPOSITORY, "form": "pooled", "encrypted": False}
    put(backend, MARK, json.dumps({**said, "graceHours": GRACE / 3600}).encode())


def catalog_of(name: str, now: float, *, ago: timedelta = timedelta(0), missing: bool = False, **more: Any) -> Catalog:
    """A catalog of a backup of that instant."""
    instant = datetime.fromtimestamp(now, timezone.utc) - ago
    made = Catalog(
        **{
            "name": name,
            "instant": instant,
            "finished": instant,
            "tool": "kubectl-lrs 1",
            "cluster": Cluster(server="https://127.0.0.1", uid="u"),
            "selection": Selection().as_dict(),
            "profile": "complete",
            "levels": {},
            "tiers": {"resources": {**RESOURCES, "objects": 3, "bytes": 30, "types": {"app": 3}}},
            "sums_sha256": hashlib.sha256(name.encode()).hexdigest(),
            "missing": (Missing(store="files", reason="gone"),) if missing else (),
            **more,
        }
    )
    return parse(made.serialise(), where="test")


def put_content(backend: Backend, content: bytes) -> Ref:
    """In the pool, under a name that was never used."""
    key = blob_key(hashlib.sha256(content).hexdigest(), new_session())
    put(backend, key, content)
    found = pool_key(key)
    assert found
    return Ref(found.token, len(content))


def token_of(content: bytes) -> bytes:
    """How the tokens of a content begin."""
    return b"b" + hashlib.sha256(content).digest()[:16]


def write_backup(place: PoolHandle, name: str, contents: Sequence[bytes], catalog: Catalog | None = None) -> BackupId:
    """As a writer does it: what is there is used, looked at as the last thing, and sealed in time. LrsError where it is not."""
    backend = place.backend
    listed = set(condemned.tokens(backend))
    there = {token[:17]: Ref(token, stat.size) for token, stat in pool(backend) if token not in listed}
    chosen = {each: there.get(token_of(each)) or put_content(backend, each) for each in contents}
    for _ in range(3):
        found = check(backend, lambda: iter(sorted(chosen.values())))
        if not (found.condemned or found.gone):
            break
        bad = {known.token for key in found.condemned if (known := pool_key(key))} | {each.token for each in found.gone}
        for content, ref in chosen.items():
            if ref.token in bad:
                chosen[content] = put_content(backend, content)
    else:
        raise LrsError("what it needs goes all the time")
    return seal(place, name, chosen.values(), found.at, catalog)


def seal(place: PoolHandle, name: str, wanted: Iterable[Ref], checked_at: float, catalog: Catalog | None = None) -> BackupId:
    """What stands beside the pool, the seal last; LrsError where it came too late."""
    backend, backup = place.backend, BackupId(name, new_session())
    with closing(Spool()) as spool:
        refs.write(sorted(wanted), spool)
        data = b"".join(spool.chunks())
    catalog = catalog or catalog_of(name, checked_at)
    texts = {"catalog.json": catalog.serialise(), "blocks.json": b"[]", REFS: data}
    for each, text in texts.items():
        put(backend, backup.key(each), text)
    made = Seal(
        backup=backup,
        repository=place.repository,
        checked_at=checked_at,
        head=seals.head_of(catalog, catalog.sums_sha256),
        objects={each: Stored.of(text) for each, text in texts.items()},
        stored={},
    )
    put(backend, backup.seal, made.serialise(), once=True)
    if made.is_late(backend.stat(backup.seal).mtime, place.grace):
        raise LrsError(f"{name}: sealed too late")
    return backup


def lost(place: PoolHandle) -> Iterator[str]:
    """Keys and tokens that backups which were sealed in time need, and that are not there."""
    backend = place.backend
    stats = {stat.key: stat for stat in backend.list()}
    tokens = {found.token for key in stats if (found := pool_key(key))}
    for key, stat in stats.items():
        if key.startswith("backups/") and key.endswith("/backup.json"):
            name, _, session = key.split("/")[1].rpartition(".")
            backup = BackupId(name, session)
            try:
                data = get(backend, key)
            except KeyNotFoundError:  # forgotten since it was listed
                continue
            made = seals.parse(data, backup=backup, repository=place.repository, where=key)
            if made.is_late(stat.mtime, place.grace):
                continue
            yield from (backup.key(file) for file in made.objects if backup.key(file) not in stats)
            if backup.key(REFS) in stats:
                needed = refs.read(backend, backup, made.objects[REFS])
                yield from (f"{name}: {each.token.hex()}" for each in needed if each.token not in tokens)
