"""How a registry wants to be asked: its challenge, and the token that a token server gives for it.

Sources: RFC 9110 (challenges), distribution's token authentication (`scope`, `service`, `expires_in`) and its OAuth2
form for identity tokens. It sends nothing itself: who calls gives it a way to.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from kubectl_lrs.model.errors import CredentialsError, UnreachableError
from kubectl_lrs.stores.images.registry.credentials import Login

if TYPE_CHECKING:
    import requests

CLIENT_ID = "kubectl-lrs"
SHORTEST_LIFE = 60.0
EARLY = 10.0
"""Seconds: how long a token counts where the server does not say, and how long before its end it is not used any more."""

MAX_TOKEN = 64 << 10

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s+|(?=,)|$)")
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z_][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Challenge:
    """One way to log in that a 401 offers."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(header: str) -> list[Challenge]:
    """What a `WWW-Authenticate` header offers, in its order."""
    found: list[Challenge] = []
    at = 0
    while match := _SCHEME.match(header, at):
        at, parameters = match.end(), {}
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            quoted, plain = parameter[2], parameter[3]
            parameters[parameter[1].lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        found.append(Challenge(match[1].lower(), parameters))
        comma = re.compile(r"\s*,\s*").match(header, at)
        at = comma.end() if comma else at
    return found


@dataclass(frozen=True)
class _Token:
    value: str
    end: float


Send = Callable[..., "requests.Response"]
"""(method, url, login, form) → the answer of a token server; `login` as Basic where it is not None."""


class Authority:
    """The credentials for one registry. Safe to use from several threads; a token is fetched once for all that wait for it."""

    def __init__(self, registry: str, login: Callable[[str], Login | None], send: Send, may_send: Callable[[str], bool]) -> None:
        self._registry = registry
        self._login = login
        self._send = send
        self._may_send = may_send
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._tokens: dict[str, _Token] = {}
        self.secrets: set[str] = set()

    def header(self, repository: str, scope: str) -> str:
        """The `Authorization` for a request as far as it is known; empty where it is not, or none is needed."""
        with self._lock:
            if self._challenge is None:
                return ""
            if self._challenge.scheme == "basic":
                return self._basic(repository)
            token = self._tokens.get(scope)
            return f"Bearer {token.value}" if token and token.end > time.monotonic() else ""

    def answer(self, offered: str, repository: str, scope: str, *, refused: str) -> str:
        """The `Authorization` after a 401 that offered this and had refused `refused`; empty where there is no other."""
        with self._lock:
            found = {challenge.scheme: challenge for challenge in reversed(challenges(offered))}
            if "bearer" in found:
                self._challenge = found["bearer"]
                token = self._tokens.get(scope)
                if token is None or token.end <= time.monotonic() or f"Bearer {token.value}" == refused:
                    token = self._tokens[scope] = self._fetch(found["bearer"], repository, scope)
                header = f"Bearer {token.value}"
            elif "basic" in found:
                self._challenge = found["basic"]
                header = self._basic(repository)
            else:
                raise UnreachableError(
                    f"{self._registry}: it wants to be logged in to in a way that is not known here: {', '.join(found) or 'none'}"
                )
            return header if header != refused else ""

    def _basic(self, repository: str) -> str:
        login = self._known(repository)
        if login is None or login.identity_token:
            return ""
        return f"Basic {login.secrets[-1]}" if login.password else ""

    def _known(self, repository: str) -> Login | None:
        login = self._login(repository)
        if login:
            self.secrets.update(login.secrets)
        return login

    def _fetch(self, challenge: Challenge, repository: str, scope: str) -> _Token:
        realm = challenge.parameters.get("realm", "")
        if urlsplit(realm).scheme not in ("http", "https") or not urlsplit(realm).hostname or not self._may_send(realm):
            raise UnreachableError(
                f"{self._registry}: it names a token server that no credentials are sent to: {_shown(realm)}",
                hint="a token server is asked over https; see --registry-plain-http",
            )
        login = self._known(repository)
        service = challenge.parameters.get("service", "")
        fields = {"service": service, "scope": scope} if service else {"scope": scope}
        if login and login.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": CLIENT_ID, **fields}
            response = self._send("POST", realm, None, form)
        else:
            query = urlencode(_spread(fields))
            response = self._send("GET", f"{realm}{'&' if urlsplit(realm).query else '?'}{query}", login, None)
        return self._token(response, realm, login)

    def _token(self, response: requests.Response, realm: str, login: Login | None) -> _Token:
        if response.status_code in (400, 401, 403):
            who = f"the credentials from {login.source} were" if login else "a request without credentials was"
            raise CredentialsError(
                f"{self._registry}: {who} refused by its token server {_shown(realm)} (HTTP {response.status_code})",
                hint="log in with docker login, or see docs/images.md for the places where credentials are looked for",
            )
        value, life = _read_token(response.content[:MAX_TOKEN] if response.status_code == 200 else b"")
        if not _TOKEN.fullmatch(value):
            raise UnreachableError(
                f"{self._registry}: its token server {_shown(realm)} gave no token (HTTP {response.status_code})"
            )
        self.secrets.add(value)
        return _Token(value, time.monotonic() + max(life - EARLY, life / 2))


def _read_token(data: bytes) -> tuple[str, float]:
    """The token, empty where there is none, and the seconds that it lives."""
    try:
        document = json.loads(data)
        value = document.get("token") or document.get("access_token")
        return str(value or ""), float(document.get("expires_in") or SHORTEST_LIFE)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return "", 0.0


def _spread(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Several scopes are several parameters."""
    return [(key, each) for key, value in fields.items() for each in (value.split(" ") if key == "scope" else [value])]


def _shown(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"[:200]
