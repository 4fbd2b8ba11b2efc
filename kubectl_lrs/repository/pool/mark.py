"""What a pooled repository says of itself, `lrs-repository.json`: that it is one, of which form, and its grace time."""

from __future__ import annotations

import json
import re
import uuid
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, get, has, put
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.pool.layout import GRACE_HOURS, REPOSITORY, RESERVE, RESERVE_SIZE, stamped

KIND, FORM = "lrs-repository", "pooled"
FORMAT_VERSION = 1
MAX_MARK = 64 << 10

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Mark(NamedTuple):
    """What a repository says of itself. `grace`: in seconds."""

    id: str
    grace: float


def init(backend: Backend, *, grace_hours: float = GRACE_HOURS) -> Mark:
    """Make an empty repository. UsageError where there is one already, or anything else."""
    if not _is_grace(grace_hours * 3600.0):
        raise UsageError(f"a grace time of {grace_hours:g} hours", hint="it is an hour at least, and a year at most")
    found = next(iter(backend.list()), None) if _is_there(backend) else None
    if found is not None:
        what = "a repository already" if has(backend, REPOSITORY) else f"not empty: {found.key} lies there"
        raise UsageError(f"{backend.url}: {what}", hint="name a prefix of its own for the repository")
    mark = Mark(str(uuid.uuid4()), grace_hours * 3600.0)
    document = {"kind": KIND, "formatVersion": FORMAT_VERSION, "id": mark.id, "form": FORM, "encrypted": False}
    document |= {"created": stamped(datetime.now(timezone.utc).timestamp()), "graceHours": grace_hours}
    put_reserve(backend)
    try:
        put(backend, REPOSITORY, json.dumps(document, indent=2).encode() + b"\n")
    except KeyExistsError as error:
        raise UsageError(f"{backend.url}: another run has made a repository there meanwhile") from error
    return mark


def _is_grace(seconds: float) -> bool:
    return 3600 <= seconds <= 366 * 86400


def _is_there(backend: Backend) -> bool:
    """Whether the storage's own prefix is: a path need not be."""
    with suppress(KeyNotFoundError):
        next(iter(backend.list()), None)
        return True
    return False


def put_reserve(backend: Backend) -> None:
    """What a prune of a full storage gives up to have room for its lists."""
    put(backend, RESERVE, bytes(RESERVE_SIZE))


def read_mark(backend: Backend) -> Mark:
    """What it says of itself. UsageError where there is none, or one that this program does not know; DamageError."""
    where = f"{backend.url}/{REPOSITORY}"
    try:
        found = backend.stat(REPOSITORY)
        data = get(backend, REPOSITORY) if found.size <= MAX_MARK else b""
    except KeyNotFoundError as error:
        hint = "make one with: repository init; or see whether the URL is right"
        raise UsageError(f"{backend.url}: no repository: it has no {REPOSITORY}", hint=hint) from error
    try:
        document: Any = json.loads(data)
        version, form = document["formatVersion"], (document["kind"], document["form"], document["encrypted"])
        name, grace = document["id"], document["graceHours"] * 3600.0
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{where}: damaged: {error!r}") from error
    if form[0] == KIND and (form[1:] != (FORM, False) or (type(version) is int and version > FORMAT_VERSION)):
        hint = "use the version of kubectl lrs that made it, or a newer one"
        raise UsageError(f"{where}: a form of repository that this program does not read", hint=hint)
    if form[0] != KIND or version != FORMAT_VERSION or not isinstance(name, str) or not _UUID.fullmatch(name):
        raise DamageError(f"{where}: damaged: not what a repository says of itself")
    if not _is_grace(grace):
        raise DamageError(f"{where}: damaged: graceHours")
    return Mark(name, grace)
