"""What an installation is reached by, one door after the other: whether it opens, and what is behind it.

Nothing is changed there; only in a pooled repository an object of our own is put and taken away again, as nothing else tells
whether that is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import DeniedError, ExitCode, LrsError
from kubectl_lrs.model.units import counted
from kubectl_lrs.repository import Repository
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.pool import inspect
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.stores.images.find import registries_of
from kubectl_lrs.stores.images.inspect import presences
from kubectl_lrs.stores.mongo.find import find_database, named_database, require_application
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.usecases.check_live import ImageSource
from kubectl_lrs.usecases.scan import Scan


class DoorState(str, Enum):
    """What became of a door."""

    OPEN = "works"
    SHUT = "fails"
    UNUSED = "not used"


@dataclass(frozen=True)
class Door:
    """One of them. `message`: what is behind it, why it does not open, or why it is not used; `hint`: what to do."""

    name: str
    state: DoorState
    message: str
    hint: str = ""
    code: ExitCode = ExitCode.DONE


@dataclass(frozen=True)
class DoorReport:
    """All of them. `file`: whose settings were used, empty for none."""

    file: str
    doors: Sequence[Door] = field(default=())

    def exit_code(self) -> ExitCode:
        """The worst that any of them comes to."""
        codes = {door.code for door in self.doors}
        order = (ExitCode.FAILED, ExitCode.UNREACHABLE, ExitCode.USAGE, ExitCode.DIFFERENCE, ExitCode.PARTIAL)
        return next((code for code in order if code in codes), ExitCode.DONE)


def tried(name: str, look: Callable[[], str]) -> Door:
    """A door, by a look that says what is behind it."""
    try:
        return Door(name, DoorState.OPEN, look())
    except LrsError as error:
        return Door(name, DoorState.SHUT, str(error), error.hint, error.exit_code)


def unused(name: str, part: Unchecked) -> Door:
    """A door that nothing needs."""
    return Door(name, DoorState.UNUSED, part.why, f"{part.flag} changes that" if part.flag else "")


def rights(kube: KubeClient, resource: Resource, namespace: str | None) -> str:
    """Whether LRS may be listed, which every backup needs; DeniedError."""
    where = f"namespace {namespace}" if namespace else "all namespaces"
    if not kube.can_i("list", resource.plural, group=resource.group, namespace=namespace or ""):
        raise DeniedError(f"LRS of {where} may not be listed", hint="docs/rights.md has the Role lrs-backup")
    return f"LRS of {where} may be listed; what a restore needs it asks for before it writes"


def mongo(client: Mongo, database: str) -> str:
    """The server and the application's database."""
    try:
        server = client.server()
        named = named_database(client, database) or find_database(client)
        count = require_application(client, named)
        return f"{client.describe()}: MongoDB {server.version}, database {named} with {counted(count, 'collection')}"
    finally:
        client.close()


def storage(found: Storage) -> str:
    """Whether its list can be begun."""
    first = next(iter(found.listing()), None)
    if first is None and found.unreadable:
        raise next(iter(found.unreadable.values()))
    return f"{found.url}: it {'holds files' if first else 'is empty'}"


def registries(
    kube: KubeClient, resource: Resource, namespace: str | None, source: ImageSource, progress: Progress
) -> list[Door]:
    """A door for each registry that LRS name: one image of it is asked for."""
    scan = Scan(now=kube.now(), stale_after=timedelta(days=1))
    manifests = (manifest for page in kube.pages(resource, namespace) for _, manifest in page.items)
    scan.read(manifests, (), source.wanted, progress)
    source.access.log_in(scan.pull, scan.images.images)
    one = {reference.registry: reference for reference in sorted(scan.images.images)}
    doors = [
        Door(f"registry {each}", DoorState.UNUSED, "--registry does not name it")
        for each in registries_of(scan.images.not_allowed)
    ]
    for each in presences(one.values(), source.access, workers=source.workers):
        name, shown = f"registry {each.reference.registry}", str(each.reference)
        if each.error:
            doors.append(Door(name, DoorState.SHUT, str(each.error), each.error.hint, each.error.exit_code))
        elif each.is_missing:
            doors.append(
                Door(name, DoorState.OPEN, f"it answers, and does not have {shown}", "check --images lists what is missing")
            )
        else:
            doors.append(Door(name, DoorState.OPEN, f"it has {shown}"))
    return sorted(doors, key=lambda door: door.name) or [Door("registries", DoorState.UNUSED, "no LRS names an image")]


def api(accounts: Sequence[Account]) -> str:
    """Who asks it."""
    return f"{accounts[0].client.endpoint}: {'; '.join(each.description for each in accounts)}"


def repository(found: Repository) -> str:
    """Whether backups can be read and made there."""
    if isinstance(found, PlainRepository) and not os.path.lexists(found.path):
        above = found.path.absolute().parent
        if not above.is_dir():
            raise LrsError(f"{found.path}: the folder above it is not there", hint="is a share not mounted?")
        _require_writable(above)
        return f"{found.path}: not there yet; the first backup makes it"
    sealed, unsealed = found.scan()
    count = f"{found.location}: {counted(len(sealed), 'backup')}" + (f", {len(unsealed)} that cannot be read" if unsealed else "")
    if isinstance(found, PooledRepository):
        allowed = inspect.probe(found.backend)
        if not allowed.may_write:
            raise DeniedError(f"{found.location}: nothing can be written: {allowed.why}", hint="repository check says more")
        return f"{count}; pooled, objects can be written{'' if allowed.may_delete else ', not deleted'}"
    if isinstance(found, PlainRepository):
        _require_writable(found.path)
    return f"{count}; plain folders"


def _require_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DeniedError(f"{folder}: it may not be written", hint="whose folder is it?")


A_DAY = timedelta(days=1)

SILENT = Silent()
"""What tells of nothing."""
