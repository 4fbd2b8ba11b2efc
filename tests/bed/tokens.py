"""A token server on loopback for a registry that asks for one, as Docker Hub's does: strict about service, scope and login.

It signs with an RSA key of the bed (RS256), which the registry trusts by a JWKS file. Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.bed.standin import Server, body

SERVICE = "registry.bed"
ISSUER = "bed"
KEY_ID = "bed-key"
LIFE = 300

_SCOPE = re.compile(r"repository:([a-z0-9/._-]+):([a-z,]+)")


@dataclass(frozen=True)
class Key:
    """The numbers of an RSA key."""

    n: int
    e: int
    d: int

    @classmethod
    def load(cls, path: Path) -> Key:
        """From PKCS #1 in PEM: a sequence of integers, of which the second to fourth are these."""
        der = base64.b64decode("".join(line for line in path.read_text().splitlines() if "-----" not in line))
        numbers, at = [], _header(der, 0)[0]
        while at < len(der):
            start, length = _header(der, at)
            numbers.append(int.from_bytes(der[start : start + length], "big"))
            at = start + length
        return cls(*numbers[1:4])

    def jwks(self) -> dict[str, Any]:
        """What the registry trusts."""
        key = {"kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig"}
        return {"keys": [key | {name: _b64(_bytes(getattr(self, name))) for name in ("n", "e")}]}

    def sign(self, message: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017)."""
        size = (self.n.bit_length() + 7) // 8
        info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
        padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(size, "big")


def _header(der: bytes, at: int) -> tuple[int, int]:
    """(where the value begins, its length) of the DER value there."""
    length = der[at + 1]
    if length < 0x80:
        return at + 2, length
    count = length & 0x7F
    return at + 2 + count, int.from_bytes(der[at + 2 : at + 2 + count], "big")


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class TokenServer:
    """Use it as a context manager. `users` maps each name (empty: anybody) to (password, actions that it is granted).

    `granted` narrows it by repository. `identity_tokens` are those that are taken in the OAuth2 form, with the user.
    """

    key: Key
    users: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    granted: dict[str, set[str]] = field(default_factory=dict)
    identity_tokens: dict[str, str] = field(default_factory=dict)
    life: int = LIFE
    log: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, user, scope) of every request that was answered with a token."""
    given: list[str] = field(default_factory=list)
    refused: int = 0

    def __enter__(self) -> TokenServer:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self, parse_qs(urlsplit(self.path).query))

            def do_POST(self) -> None:
                server.answer(self, parse_qs(body(self).decode()))

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server("token server", Handler)
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def realm(self) -> str:
        """Its URL, as the registry's challenge names it."""
        return f"http://127.0.0.1:{self._server.port}/token"

    def answer(self, request: BaseHTTPRequestHandler, query: dict[str, list[str]]) -> None:
        """A token for what the user may do of what is asked for; 401 to a login that is wrong, 400 to what is not strict."""
        user = self._user(request, query)
        scopes = [each for text in query.get("scope", []) for each in text.split(" ")]
        parsed = [_SCOPE.fullmatch(scope) for scope in scopes]
        if urlsplit(request.path).path != "/token" or query.get("service") != [SERVICE] or not scopes or not all(parsed):
            self._send(request, 400, {"details": "service or scope"})
        elif user is None:
            self.refused += 1
            self._send(request, 401, {"details": "incorrect username or password"})
        else:
            self.log.append((request.command, user, " ".join(scopes)))
            token = self._token(user, [(match[1], set(match[2].split(","))) for match in parsed if match])
            self.given.append(token)
            self._send(request, 200, {"token": token, "access_token": token, "expires_in": self.life})

    def _user(self, request: BaseHTTPRequestHandler, query: dict[str, list[str]]) -> str | None:
        if request.command == "POST":
            is_right = query.get("grant_type") == ["refresh_token"] and "client_id" in query
            return self.identity_tokens.get(query.get("refresh_token", [""])[0]) if is_right else None
        scheme, _, basic = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return "" if "" in self.users else None
        name, _, password = base64.b64decode(basic).decode().partition(":")
        return name if scheme == "Basic" and name and self.users.get(name, ("",))[0] == password else None

    def _token(self, user: str, wanted: list[tuple[str, set[str]]]) -> str:
        now = int(time.time())
        access = [
            {
                "type": "repository",
                "name": name,
                "actions": sorted(actions & self.users[user][1] & self.granted.get(name, actions)),
            }
            for name, actions in wanted
        ]
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + self.life,
            "nbf": now - 10,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        head = {"typ": "JWT", "alg": "RS256", "kid": KEY_ID}
        signed = ".".join(_b64(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{_b64(self.key.sign(signed.encode()))}"

    def _send(self, request: BaseHTTPRequestHandler, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
