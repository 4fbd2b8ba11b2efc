"""Who we are to Azure's Blob service: by a key of the account, a SAS, or Entra ID. The one door to azure-identity."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from kubectl_lrs.model.errors import CredentialsError
from kubectl_lrs.runtime.redact import remember
from kubectl_lrs.runtime.redact import text as heard

VERSION = "2021-12-02"
"""Of the interface; it goes with each request."""

SCOPE = "https://storage.azure.com/.default"
_SIGNED = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
    *("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)


class Signer(Protocol):
    """Puts credentials to a request."""

    @property
    def query(self) -> Mapping[str, str]:
        """What goes into its URL."""

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """What goes beside these headers. CredentialsError."""


@dataclass(frozen=True)
class Nobody:
    """A shared access signature, which is all in the URL; or no credentials at all."""

    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002
        """Nothing."""
        return {}


class SharedKey:
    """One of the two keys of the account: each request is signed with it, so it has to say what time it is."""

    query: Mapping[str, str] = {}

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        try:
            self._key = base64.b64decode(key, validate=True)
        except binascii.Error:
            raise CredentialsError("the key of the account is not one: it is base64", hint="copy all of it") from None

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Its signature."""
        told = {name.lower(): value for name, value in headers.items()}
        text = "\n".join((method, *(self._line(told, name) for name in _SIGNED), *_own(told), self._resource(url)))
        made = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return {"authorization": f"SharedKey {self._account}:{base64.b64encode(made).decode()}"}

    def _line(self, told: Mapping[str, str], name: str) -> str:
        value = told.get(name, "")
        return "" if name == "content-length" and value == "0" else value

    def _resource(self, url: str) -> str:
        parts = urlsplit(url)
        query = sorted((name.lower(), value) for name, value in parse_qsl(parts.query, keep_blank_values=True))
        return "".join((f"/{self._account}{parts.path}", *(f"\n{name}:{value}" for name, value in query)))


def _own(told: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value}" for name, value in sorted(told.items()) if name.startswith("x-ms-")]


class Entra:
    """A token of Entra ID, as azure-identity finds it: variables, a workload identity, the machine's own, `az login`."""

    query: Mapping[str, str] = {}

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._found: Any = None

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002
        """The token of now; the library keeps it, and renews it before its end."""
        with self._lock:
            token = self._told(lambda: self._ready().get_token(SCOPE).token)
        remember(token)
        return {"authorization": f"Bearer {token}"}

    def _ready(self) -> Any:
        if self._found is None:
            from azure.identity import DefaultAzureCredential

            self._found = DefaultAzureCredential(exclude_interactive_browser_credential=True)
        return self._found

    def _told(self, act: Callable[[], str]) -> str:
        try:
            return act()
        except ImportError as error:
            said = "there is neither a key nor a SAS, and Entra ID needs the Python package azure.identity"
            raise CredentialsError(f"{self._url}: {said} ({heard(error)})", hint="pip install 'kubectl-lrs[abfs]'") from error
        except Exception as error:
            hint = "give AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or log in to Entra ID"
            raise CredentialsError(f"{self._url}: {heard(error)}", hint=hint) from error


def dated(headers: Mapping[str, str], size: int) -> dict[str, str]:
    """Headers with what each request has."""
    now = format_datetime(datetime.now(timezone.utc), usegmt=True)
    return {**headers, "x-ms-version": VERSION, "x-ms-date": now, "content-length": str(size)}
