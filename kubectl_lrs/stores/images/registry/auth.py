"""How a registry wants to be asked: its challenge, and the token that a token server gives for it.

Sources: RFC 9110 (challenges), distribution's token authentication (`scope`, `service`, `expires_in`) and its OAuth2
form for identity tokens. It sends nothing itself: who calls gives it a way to.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from kubectl_lrs.model.errors import CredentialsError, UnreachableError
from kubectl_lrs.runtime import redact
from kubectl_lrs.stores.images.registry.credentials import Login

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


Send = Callable[[str, str, "Login | None", "Mapping[str, str] | None"], tuple[int, bytes]]
"""(method, url, login, form) → status and body of a token server's answer; `login` as Basic where it is not None."""


class Authority:
    """The credentials for one registry. Safe to use from several threads; a token is fetched once for all that wait for it.

    `logins` gives those that may be used for a repository, to be tried in turn, as a node of Kubernetes does.
    """

    def __init__(
        self, registry: str, logins: Callable[[str], Iterable[Login]], send: Send, may_send: Callable[[str], bool]
    ) -> None:
        self._registry = registry
        self._logins = logins
        self._send = send
        self._may_send = may_send
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._tokens: dict[str, _Token] = {}
        self._used: dict[str, Login] = {}

    def header(self, repository: str, scope: str) -> str:
        """The `Authorization` for a request as far as it is known; empty where it is not, or none is needed."""
        with self._lock:
            if self._challenge is None:
                return ""
            if self._challenge.scheme == "basic":
                return _basic(next(self._in_turn(repository), None))
            token = self._tokens.get(scope)
            return f"Bearer {token.value}" if token and token.end > time.monotonic() else ""

    def answer(self, offered: str, repository: str, scope: str, *, refused: str, turn: int = 0) -> str:
        """The `Authorization` after a 401 that offered this and had refused `refused`; empty where there is no other.

        `turn`: how many were refused before in the same matter. CredentialsError where the token server takes none.
        """
        with self._lock:
            self._challenge = self._choose(offered)
            problem: CredentialsError | None = None
            for place, login in enumerate(self._in_turn(repository)):
                if place < turn:
                    continue
                try:
                    header = self._header(self._challenge, login, scope, refused, is_first=place == 0)
                except CredentialsError as error:
                    problem = problem or error
                    continue
                if header and header != refused:
                    if login:
                        self._used[repository] = login
                    return header
            if problem:
                raise problem
            return ""

    def login(self, repository: str) -> Login | None:
        """The one that is used for a repository; None: as nobody."""
        return next(self._in_turn(repository), None)

    def _in_turn(self, repository: str) -> Iterator[Login | None]:
        """The one that was good the last time, then the others; nobody where there is none. Each is a secret from then on."""
        used = self._used.get(repository)
        count = 0
        if used:
            count += 1
            yield used
        for login in self._logins(repository):
            if login != used:
                redact.remember(*login.secrets)
                count += 1
                yield login
        if not count:
            yield None

    def _choose(self, offered: str) -> Challenge:
        found = {challenge.scheme: challenge for challenge in reversed(challenges(offered))}
        for scheme in ("bearer", "basic"):
            if scheme in found:
                return found[scheme]
        known = ", ".join(map(redact.shown, found)) or "none"
        raise UnreachableError(f"{self._registry}: it wants to be logged in to in a way that is not known here: {known}")

    def _header(self, challenge: Challenge, login: Login | None, scope: str, refused: str, *, is_first: bool) -> str:
        if challenge.scheme == "basic":
            return _basic(login)
        token = self._tokens.get(scope) if is_first else None
        if token is None or token.end <= time.monotonic() or f"Bearer {token.value}" == refused:
            token = self._tokens[scope] = self._fetch(challenge, login, scope)
        return f"Bearer {token.value}"

    def _fetch(self, challenge: Challenge, login: Login | None, scope: str) -> _Token:
        realm = challenge.parameters.get("realm", "")
        if urlsplit(realm).scheme not in ("http", "https") or not urlsplit(realm).hostname or not self._may_send(realm):
            raise UnreachableError(
                f"{self._registry}: it names a token server that no credentials are sent to: {redact.text(realm)}",
                hint="a token server is asked over https; see --registry-plain-http",
            )
        service = challenge.parameters.get("service", "")
        fields = {"service": service, "scope": scope} if service else {"scope": scope}
        if login and login.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": CLIENT_ID, **fields}
            status, data = self._send("POST", realm, None, form)
        else:
            query = urlencode(_spread(fields))
            status, data = self._send("GET", f"{realm}{'&' if urlsplit(realm).query else '?'}{query}", login, None)
        return self._token(status, data, realm, login)

    def _token(self, status: int, data: bytes, realm: str, login: Login | None) -> _Token:
        if status in (400, 401, 403):
            who = f"the credentials from {login.source} were" if login else "a request without credentials was"
            raise CredentialsError(
                f"{self._registry}: {who} refused by its token server {redact.text(realm)} (HTTP {status})",
                hint="log in with docker login, or see docs/images.md for the places where credentials are looked for",
            )
        value, life = _read_token(data if status == 200 else b"")
        if not _TOKEN.fullmatch(value):
            raise UnreachableError(f"{self._registry}: its token server {redact.text(realm)} gave no token (HTTP {status})")
        redact.remember(value)
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


def _basic(login: Login | None) -> str:
    """Empty where there is no password."""
    return f"Basic {login.basic}" if login and login.password else ""
