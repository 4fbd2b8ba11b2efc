"""Image pull secrets: which ones the LRS of a namespace name, and what they hold for an image. Pure.

Sources: Kubernetes' PodSpec (`imagePullSecrets[].name`, `serviceAccountName`; without one it is the account `default`),
and kubelet's keyring (k8s.io/kubernetes/pkg/credentialprovider): every entry that fits is tried, the more specific first.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from kubectl_lrs.model.errors import DeniedError, UsageError
from kubectl_lrs.model.names import is_object_name
from kubectl_lrs.stores.common.mentions import LRS, Mention
from kubectl_lrs.stores.images.registry.credentials import Config, Keychain, Login, parse_config

SECRET_TYPES = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}

_SECRET = re.compile(r"(?:^|\.)imagePullSecrets?\[\d+\](?:\.name)?$")
_ACCOUNT = re.compile(r"(?:^|\.)serviceAccount(?:Name)?$")


@dataclass
class Named:
    """The Secrets and the service accounts that the LRS of one namespace name."""

    secrets: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)


def named(mentions: Iterable[Mention]) -> dict[str, Named]:
    """By namespace, for every one that has an LRS. LRS come first in `mentions`."""
    found: dict[str, Named] = {}
    for mention in mentions:
        if mention.store != LRS:
            break
        of = found.setdefault(mention.id.partition("/")[0], Named(accounts={"default"}))
        if is_object_name(mention.text):
            if _SECRET.search(mention.field):
                of.secrets.add(mention.text)
            elif _ACCOUNT.search(mention.field):
                of.accounts.add(mention.text)
    return found


# ---- what a Secret holds


@dataclass(frozen=True)
class AuthEntry:
    """A login and what it is for: `host[:port][/path]`, where each part of the host may have `*`."""

    pattern: str
    login: Login

    def fits(self, registry: str, repository: str) -> bool:
        """As kubelet has it: as many parts of the host, the same port, and a path that the repository's begins with."""
        host, slash, path = self.pattern.partition("/")
        parts, port = _split(host)
        given, given_port = _split(registry)
        return (
            port == given_port
            and len(parts) == len(given)
            and repository.startswith(path if slash else "")
            and all(fnmatchcase(text, pattern) for text, pattern in zip(given, parts, strict=True))
        )


def _split(host: str) -> tuple[list[str], str]:
    """The parts of a host, and its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon else host).split("."), port if colon else ""


class Keyring:
    """What the Secrets of one namespace hold. A login is always the same keychain, so that its tokens are fetched once."""

    def __init__(self, entries: Iterable[AuthEntry]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.pattern, reverse=True)
        self._keychains: dict[tuple[str, Login], Keychain] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def keychains(self, registry: str, repository: str) -> Iterator[Keychain]:
        """One for each login that fits, to be tried in turn."""
        logins = dict.fromkeys(entry.login for entry in self._entries if entry.fits(registry, repository))
        for login in logins:
            made = Keychain([Config({registry: login}, source=login.source)], environment={})
            yield self._keychains.setdefault((registry, login), made)


@dataclass(frozen=True)
class Secrets:
    """What could be read of the Secrets of one namespace, and what was passed over, in words. `denied`: some may not be read."""

    keyring: Keyring
    problems: tuple[str, ...] = ()
    denied: DeniedError | None = None


def entries(secret: Mapping[str, Any], where: str) -> tuple[list[AuthEntry], str]:
    """(what a Secret holds, why it or a part of it is not used). What is none is passed over, as kubelet does: who may make
    one could otherwise end everybody's run."""
    key = SECRET_TYPES.get(str(secret.get("type")))
    if key is None:
        return [], f"{where}: an image pull secret is of another type than {secret.get('type')}"
    try:
        document = json.loads(base64.b64decode((secret.get("data") or {})[key], validate=True))
        auths = dict(document["auths"] if key == ".dockerconfigjson" else document)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, binascii.Error):  # their message may quote a secret
        return [], f"{where}: it has no {key} that can be read"
    found: list[AuthEntry] = []
    problem = ""
    for name, entry in auths.items():
        try:
            # One at a time, so that neither a bad one nor one for the same host under another name takes others away.
            config = parse_config(json.dumps({"auths": {name: entry}}).encode(), source=where)
        except UsageError as error:
            problem = str(error)
            continue
        found += [AuthEntry(pattern, login) for pattern, login in config.auths.items()]  # a Secret never makes us run a program
    return found, problem
