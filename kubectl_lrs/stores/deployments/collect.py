"""The status of every deployment → a backup, read only; and back out of one, without trust."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository import Backup, Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.deployments.inventory import Account, Deployment, inventory
from kubectl_lrs.stores.deployments.journal import JournalledDeployment, is_id, now
from kubectl_lrs.stores.deployments.statuses import ACTIVE, STAYS_DOWN, State

FILE = "deployments.json"
TIER = "deployments"
KIND = "lrs-deployments"
FORMAT_VERSION = 1
MAX_SIZE = 256 << 20


class DeploymentsCollector:
    """What the application says of its deployments, by the users of some tokens."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts = accounts

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write the list into the folder; the facts for the catalog."""
        progress.begin("deployments")
        found = inventory(self._accounts).values()
        progress.advance(len(found))
        document = {
            "kind": KIND,
            "formatVersion": FORMAT_VERSION,
            "endpoint": self._accounts[0].client.endpoint,
            "instant": now(),
            "organisations": [{"id": account.organisation, "user": account.uid} for account in self._accounts],
            "deployments": [_data(deployment) for deployment in found],
        }
        writer.write(FILE, (json.dumps(document, indent=1) + "\n").encode(), limit=MAX_SIZE)
        return {
            "endpoint": document["endpoint"],
            "organisations": [account.organisation for account in self._accounts],
            "deployments": len(found),
            "statuses": dict(sorted(Counter(deployment.status for deployment in found).items())),
            "notes": [],
            "missing": [
                Missing(store=TIER, kind="list", reason=note)
                for account in self._accounts
                for note in account.client.notes.values()
            ],
        }


def _data(deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.id,
        "label": deployment.label,
        "organisation": deployment.organisation,
        "status": deployment.status,
        "model": deployment.model,
        "custom": deployment.is_custom,
    }


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The deployments of a backup. `users`: by organisation, whose token it was."""

    endpoint: str
    instant: str
    users: Mapping[str, str]
    deployments: Sequence[Deployment]

    def entries(self) -> list[JournalledDeployment]:
        """Those that were active then, as a journal that was lost would have them; unchanged by us: those on their way then."""
        return [
            JournalledDeployment(
                id=each.id,
                label=each.label,
                organisation=each.organisation,
                model=each.model,
                before=each.status,
                state=State.DEACTIVATED if each.status == ACTIVE else State.UNCHANGED,
                status=each.status,
            )
            for each in self.deployments
            if each.status not in STAYS_DOWN
        ]


def saved(folder: Backup) -> Saved | None:
    """The deployments that a backup holds, None where it holds none; DamageError where the file is not as it was sealed."""
    if TIER not in folder.catalog.tiers:
        return None
    where = folder.describe(FILE)
    with folder.reading(FILE) as file:
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise DamageError(f"{where}: larger than {MAX_SIZE >> 20} MiB")
    if hashlib.sha256(data).hexdigest() != dict(folder.sums()).get(FILE):
        raise DamageError(f"{where}: altered: its sum does not match")
    try:
        document = json.loads(data)
        if document["formatVersion"] <= FORMAT_VERSION:
            return _saved(document)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamageError(f"{where}: not a valid list of deployments: {error}") from error
    raise UsageError(f"{where}: format {document['formatVersion']} is newer than this program reads ({FORMAT_VERSION})")


def _saved(document: Mapping[str, Any]) -> Saved:
    if document["kind"] != KIND:
        raise ValueError(f"its kind is {document['kind']!r}")
    return Saved(
        endpoint=str(document["endpoint"]),
        instant=str(document["instant"]),
        users={str(each["id"]): str(each["user"]) for each in document["organisations"]},
        deployments=[_deployment(each) for each in document["deployments"]],
    )


def _deployment(data: Mapping[str, Any]) -> Deployment:
    if not is_id(str(data["id"])):
        raise ValueError(f"{data['id']!r} is not an id")
    return Deployment(
        id=str(data["id"]),
        label=str(data["label"]),
        organisation=str(data["organisation"]),
        status=str(data["status"]),
        model=str(data["model"]),
        is_custom=bool(data["custom"]),
    )
