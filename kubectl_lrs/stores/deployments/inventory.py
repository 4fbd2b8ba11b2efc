"""Deployments as the API gives them → what matters here, for each account. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubectl_lrs.model.errors import UsageError

if TYPE_CHECKING:
    from kubectl_lrs.stores.deployments.api.client import DataRobotClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`model` is the model's id. `is_custom`: it serves a custom model, whose image runs as an LRS.

    `remark` says what may stand in the way of a change of status.
    """

    id: str
    label: str
    status: str
    model: str = ""
    is_custom: bool = False
    importance: str = ""
    remark: str = ""
    organisation: str = ""

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, organisation: str = "") -> Deployment:
        """From the API's document; fields that are not there are empty."""
        model = _mapping(document.get("model"))
        return cls(
            id=str(document["id"]),
            label=str(document.get("label") or ""),
            status=str(document.get("status") or ""),
            model=str(model.get("id") or ""),
            is_custom=bool(model.get("customModelImage")),
            importance=str(document.get("importance") or ""),
            remark=_remark(document),
            organisation=organisation,
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _remark(document: Mapping[str, Any]) -> str:
    if document.get("openedChangeRequests"):
        return "it has open change requests; a change of its status may need approval"
    if document.get("approvalStatus") == "PENDING":
        return "its approval is pending"
    return ""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One token's user. `organisation` and `uid` are ids, `name` the organisation's; empty where the application does not say."""

    client: DataRobotClient
    organisation: str
    uid: str
    user: str
    role: str
    version: str
    name: str = ""

    @property
    def description(self) -> str:
        """In a few words, for messages."""
        user = f"user {self.user}" if self.user else "an unknown user"
        named = f"{self.name} ({self.organisation})" if self.name else self.organisation
        place = f"organisation {named}" if self.organisation else "an unknown organisation"
        return f"{user}{f' ({self.role})' if self.role else ''} of {place}"


ORGANISATION = ("orgName", "organizationName")
"""Where an application may give the name of the organisation beside its id; that it does is not documented."""


def look_up(clients: Iterable[DataRobotClient]) -> list[Account]:
    """Ask each token who it is; UsageError where two are of one organisation, or that cannot be told."""
    accounts: list[Account] = []
    for client in clients:
        version = client.version()
        facts = client.account()
        user = next((str(facts[key]) for key in ("username", "email", "uid") if facts.get(key)), "")
        organisation = str(facts.get("orgId") or "")
        accounts.append(
            Account(
                client=client,
                organisation=organisation,
                uid=str(facts.get("uid") or ""),
                user=user,
                role=_role(facts) if facts else "",
                version=version,
                name=_name(client, organisation, facts),
            )
        )
    _require_distinct(accounts)
    return accounts


def _name(client: DataRobotClient, organisation: str, facts: Mapping[str, Any]) -> str:
    """What the organisation is called, as far as the application tells this user."""
    told = next((str(facts[key]) for key in ORGANISATION if facts.get(key)), "")
    return told or (client.organisation_name(organisation) if organisation else "")


def _role(facts: Mapping[str, Any]) -> str:
    """What the API says of the user's rights, as far as it makes an administrator."""
    if facts.get("role"):
        return str(facts["role"])
    permissions = facts.get("permissions") or ()
    granted = [name for name in permissions if not isinstance(permissions, dict) or permissions[name]]
    return ", ".join(sorted(str(name) for name in granted if "ADMIN" in str(name).upper())) or "no administrator"


def _require_distinct(accounts: Sequence[Account]) -> None:
    seen: dict[str, Account] = {}
    for account in accounts:
        if len(accounts) > 1 and not account.organisation:
            raise UsageError(
                f"{account.client.source}: the application does not say which organisation it belongs to",
                hint="run it once for each token, each with a journal of its own",
            )
        if other := seen.get(account.organisation):
            raise UsageError(
                f"{account.client.source} and {other.client.source} are both of organisation {account.organisation}",
                hint="one token for each organisation",
            )
        seen[account.organisation] = account


def inventory(accounts: Iterable[Account]) -> dict[str, Deployment]:
    """Every deployment that any of the accounts sees, by id; the first account that sees it counts."""
    found: dict[str, Deployment] = {}
    for account in accounts:
        for document in account.client.deployments():
            found.setdefault(str(document["id"]), Deployment.parse(document, organisation=account.organisation))
    return found
