"""Requests about one container of Azure's Blob service, by its REST interface: where they go, and who sends them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote

from kubectl_lrs.backends.azure_credentials import Entra, Nobody, SharedKey, Signer, dated
from kubectl_lrs.backends.azure_errors import refused
from kubectl_lrs.backends.base import NotTheStorageError
from kubectl_lrs.backends.options import AzureOptions, options_of
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.rest import About, Answer, Call, Rest, checked, client_of
from kubectl_lrs.clients.addresses import host_of
from kubectl_lrs.clients.http.client import Http
from kubectl_lrs.clients.tls import from_files
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown

OWN = "x-ms-"
"""How headers begin that every answer of this storage has, and no other one."""

_NAMES = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY")
_TOKENS = ("AZURE_STORAGE_SAS_TOKEN",)
_STRINGS = ("AZURE_STORAGE_CONNECTION_STRING",)
"""Variables of Azure's own tools, and of its libraries."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose storage it is, where, and by what it is opened."""

    name: str
    base: str
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)
    is_open: bool = False


def opened(place: StorageLocation) -> AzureClient:
    """The container of an `az:` URL. UsageError where options, variables or endpoint are not right."""
    account = account_of(place, os.environ)
    remember(*secrets_of(place.options), *(each for each in (account.key, account.sas) if each))
    remember(*(value for name, value in parse_qsl(account.sas) if name == "sig"))
    host, prefix = place.host_and_path
    container = host.partition("@")[0]
    url = f"{place.scheme}://{host}/{prefix}".rstrip("/")
    tls = from_files(place.ca_file, os.environ, flag=place.said.ca_file)
    return AzureClient(client_of(place, tls, os.environ), account.base, container, url, _signer(account, url))


def _signer(account: Account, url: str) -> Signer:
    if account.sas or account.is_open:
        return Nobody(dict(parse_qsl(account.sas.lstrip("?"))))
    return SharedKey(account.name, account.key) if account.key else Entra(url)


def account_of(place: StorageLocation, environment: Mapping[str, str]) -> Account:
    """By the options, else by the variables of Azure's tools; in `abfs://CONTAINER@ACCOUNT.dfs...` by the URL. UsageError."""
    options = options_of(place, AzureOptions, takes=f"backups on {place.scheme}:// take")
    parts = _connection(options.get("connection_string"), environment)
    name = (
        place.host_and_path[0].partition("@")[2].partition(".")[0]
        or _given(options.get("account_name"), _NAMES, environment)
        or parts.get("AccountName", "")
    )
    base = place.endpoint or str(options.get("endpoint_url") or "") or _endpoint(place, parts, name)
    if not name and not base:
        raise UsageError(f"{shown(place.url)}: of which account?", hint="set AZURE_STORAGE_ACCOUNT_NAME")
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    return Account(
        name=name,
        base=checked(place, base) or f"https://{name}.blob.{suffix}",
        key=_given(options.get("account_key"), _KEYS, environment) or parts.get("AccountKey", ""),
        sas=_given(options.get("sas_token"), _TOKENS, environment) or parts.get("SharedAccessSignature", ""),
        is_open=options.get("anon") is True,
    )


def _endpoint(place: StorageLocation, parts: Mapping[str, str], name: str) -> str:
    """That of the connection string. UsageError where it is of another account than the one that is meant."""
    found = checked(place, parts.get("BlobEndpoint", ""))
    other, _, rest = host_of(found).partition(".")
    if name and rest.startswith("blob.") and other.removesuffix("-secondary") != name.lower():
        said = f"{shown(place.url)}: the account is {name}, and the connection string is of {shown(other)}"
        raise UsageError(said, hint="say which one is meant")
    return found


def _given(option: str | None, variables: tuple[str, ...], environment: Mapping[str, str]) -> str:
    return str(option) if option else next((environment[name] for name in variables if environment.get(name)), "")


def _connection(option: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """The parts of a connection string."""
    text = _given(option, _STRINGS, environment)
    remember(*([text] if text else []))
    pairs = (each.partition("=") for each in text.split(";") if each)
    return {name.strip(): value.strip() for name, _, value in pairs}


class AzureClient(Rest):
    """Requests about one container."""

    def __init__(self, http: Http, base: str, container: str, url: str, signer: Signer) -> None:
        super().__init__(http, base, url)
        self._signer = signer
        self.container = f"/{quote(container, safe='')}"

    def of(self, key: str) -> str:
        """The path of a blob."""
        return f"{self.container}/{quote(key, safe='/')}"

    def page(self, **query: str) -> Answer:
        """One page of a list."""
        listing = {"restype": "container", "comp": "list", **query}
        return self.send(Call(method="GET", path=self.container, query=listing, about=About.BUCKET), "a list")

    def container_facts(self) -> Answer:
        """What the container says of itself, in headers."""
        call = Call(method="HEAD", path=self.container, query={"restype": "container"}, about=About.BUCKET)
        return self.send(call, "the container")

    def send(self, call: Call, what: str, *, once: bool = False) -> Answer:
        """With a shared access signature in its URL, where there is one."""
        if self._signer.query:
            call = replace(call, query={**call.query, **self._signer.query})
        answer = super().send(call, what, once=once)
        if not any(name.lower().startswith(OWN) for name in answer.headers):
            raise NotTheStorageError(f"{self.url}: {shown(what)}")
        return answer

    def signed(self, call: Call, url: str) -> Mapping[str, str]:
        """As it is at this moment."""
        headers = dated(call.headers, len(call.body or b""))
        signature = self._signer.headers(call.method, url, headers)
        return {**{name: value for name, value in headers.items() if name != "content-length"}, **signature}

    def refusal(self, call: Call, answer: Answer, where: str) -> LrsError:  # noqa: ARG002
        """By Azure's words."""
        return refused(answer.status, answer.headers, answer.body, where)
