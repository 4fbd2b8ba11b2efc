"""Who we are to a registry, as the field has it: docker's `config.json` and its credential helpers.

It reads files and runs helpers; it talks to no registry. A helper is handed the server on its standard input, as docker
does, and what it answers stays in memory. Secrets are in no message.
"""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import DeniedError, UsageError

CONFIG_VARIABLE = "DOCKER_CONFIG"
CONFIG_FILE = "config.json"
HUB = "docker.io"
HUB_KEY = "https://index.docker.io/v1/"
"""What Docker Hub is called in `auths`, and to a helper."""

HUB_NAMES = frozenset((HUB, "index.docker.io", "registry-1.docker.io"))
IDENTITY_USER = "<token>"
"""The user name by which a helper says that the secret is an identity token."""

NOT_FOUND = "credentials not found"
MAX_CONFIG = 4 << 20
HELPER_TIMEOUT = 60.0
"""Seconds that a helper may take: that of ECR asks AWS."""


@dataclass(frozen=True)
class Login:
    """User and password, or an identity token that is exchanged for others. `source` says where it is from."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    source: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown."""
        return tuple(secret for secret in (self.password, self.identity_token, self.basic) if secret)

    @property
    def basic(self) -> str:
        """What follows `Basic` in a header; empty where there is no password."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode() if self.password else ""


@dataclass(frozen=True)
class Config:
    """The part of a `config.json` that is about logging in. `auths` by host, with the path where one was given."""

    auths: Mapping[str, Login] = field(default_factory=dict)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str = ""
    source: str = ""


class Keychain:
    """The logins for each registry, from configurations in their order. Safe to use from several threads."""

    def __init__(self, configs: Sequence[Config], *, environment: Mapping[str, str]) -> None:
        self._configs = list(configs)
        self._environment = environment
        self._lock = threading.Lock()
        self._found: dict[str, Login | None] = {}

    def login(self, registry: str, repository: str) -> Login | None:
        """The first of `logins`; None: as nobody."""
        return next(self.logins(registry, repository), None)

    def logins(self, registry: str, repository: str) -> Iterator[Login]:
        """For a repository of a registry (`docker.io` for Docker Hub), to be tried in turn; a helper is asked at its turn."""
        for config in tuple(self._configs):
            if helper := config.helpers.get(registry) or (config.helpers.get(HUB_KEY) if registry == HUB else None):
                if found := self._ask(helper, registry):
                    yield found
            elif config.store and (found := self._ask(config.store, registry)):
                yield found
            yield from _by_specificity(config.auths, registry, repository)

    def _ask(self, helper: str, registry: str) -> Login | None:
        """A helper is asked once for each registry."""
        with self._lock:
            key = f"{helper} {registry}"
            if key not in self._found:
                self._found[key] = _run_helper(helper, HUB_KEY if registry == HUB else registry, self._environment)
            return self._found[key]

    def forget(self) -> None:
        """Ask the helpers again: what they give expires (ECR's after 12 hours)."""
        with self._lock:
            self._found.clear()


def _by_specificity(auths: Mapping[str, Login], registry: str, repository: str) -> list[Login]:
    """Pull secrets may be for a part of a registry only: `host/path`; the longest path goes first."""
    parts = repository.split("/")
    names = [f"{registry}/{'/'.join(parts[:count])}" for count in range(len(parts), 0, -1)]
    return [auths[name] for name in (*names, registry) if name in auths]


# ---- docker's config.json


def docker_config(environment: Mapping[str, str], home: Path) -> Config:
    """The user's own, empty where there is none."""
    folder = environment.get(CONFIG_VARIABLE, "")
    path = Path(folder or home / ".docker") / CONFIG_FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint=f"see {CONFIG_VARIABLE}") from error
    return parse_config(data, source=str(path))


def parse_config(data: bytes, *, source: str) -> Config:
    """What a `config.json` says; UsageError where it is none. What it says of other things is not looked at."""
    try:
        document = json.loads(data)
        auths = {host_of(key): _login(entry, source) for key, entry in (document.get("auths") or {}).items()}
        helpers = {_helper_key(key): _helper_name(name) for key, name in (document.get("credHelpers") or {}).items()}
        store = _helper_name(document["credsStore"]) if document.get("credsStore") else ""
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):  # their own message may quote a secret
        raise UsageError(f"{source}: not a configuration of docker with auths, credHelpers or credsStore") from None
    return Config({key: login for key, login in auths.items() if login}, helpers, store, source)


def host_of(key: str) -> str:
    """`https://Host:5000/v1/`, `host`, `host/path` → the host with the path, as references have it."""
    text = key.partition("://")[2] if "://" in key else key
    host, _, path = text.partition("/")
    host, path = host.lower(), path.strip("/")
    if host in HUB_NAMES:
        host = HUB
    return host if path in ("", "v1", "v2") else f"{host}/{path}"


def _login(entry: Mapping[str, Any], source: str) -> Login | None:
    if token := entry.get("identitytoken"):
        return Login(identity_token=str(token), source=source)
    if auth := entry.get("auth"):
        try:
            username, _, password = base64.b64decode(str(auth), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("auth") from error
        password = password.rstrip("\0")
        return Login(username, password, source=source) if username else None
    if entry.get("username"):
        return Login(str(entry["username"]), str(entry.get("password") or ""), source=source)
    return None  # docker leaves an empty entry where a helper has the secret


def _helper_key(key: str) -> str:
    return HUB if host_of(key) == HUB else host_of(key)


def _helper_name(name: Any) -> str:
    """It becomes the name of a program; never a path."""
    if not isinstance(name, str) or not name or not all(char.isalnum() or char in "-_." for char in name):
        raise ValueError("helper")
    return name


# ---- helpers


def _run_helper(helper: str, server: str, environment: Mapping[str, str]) -> Login | None:
    """`docker-credential-HELPER get`, the server on its standard input; None where it knows none for it."""
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, "get"],
            input=f"{server}\n".encode(),
            capture_output=True,
            check=False,
            timeout=HELPER_TIMEOUT,
            env=dict(environment),
        )
    except FileNotFoundError:
        raise UsageError(
            f"{program}: not found on PATH, and docker's configuration names it for {server}",
            hint=f"install it, or point {CONFIG_VARIABLE} to a folder with another {CONFIG_FILE}",
        ) from None
    except OSError as error:
        raise UsageError(f"{program}: cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise DeniedError(f"{program}: no answer for {server} within {HELPER_TIMEOUT:.0f}s") from None
    if done.returncode:
        said = (done.stdout.strip() or done.stderr.strip()).decode(errors="replace")
        if NOT_FOUND in said.lower():
            return None
        # What a helper writes when it fails is not shown as it is: nothing says that there is no secret in it.
        raise DeniedError(
            f"{program}: gave no credentials for {server} (it ended with {done.returncode})",
            hint=f"see what it says: echo {server} | {program} get",
        )
    return _helper_answer(done.stdout, program)


def _helper_answer(data: bytes, program: str) -> Login:
    try:
        answer = json.loads(data)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise DeniedError(f"{program}: what it answers are no credentials")
    if username == IDENTITY_USER:
        return Login(identity_token=secret, source=program)
    return Login(username, secret, source=program)
