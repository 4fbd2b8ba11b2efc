"""What stands in a MongoDB URI: its database, its secrets, and what of it a restore passes over. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_plus

_SECRET_WORDS = ("password", "passphrase", "secret", "token")
_HARMLESS_PROPERTIES = frozenset(
    (
        "SERVICE_NAME",
        "SERVICE_REALM",
        "SERVICE_HOST",
        "CANONICALIZE_HOST_NAME",
        "ENVIRONMENT",
        "TOKEN_RESOURCE",
        "ALLOWED_HOSTS",
    )
)
"""Of `authMechanismProperties`; any other may be a secret."""

_PASSED_OVER = {
    "readpreference": ("readPreference", "primary"),
    "readpreferencetags": ("readPreferenceTags", ""),
    "maxstalenessseconds": ("maxStalenessSeconds", "-1"),
    "readconcernlevel": ("readConcernLevel", ""),
    "w": ("w", "majority"),
    "wtimeoutms": ("wtimeoutMS", ""),
    "journal": ("journal", "true"),
    "fsync": ("fsync", ""),
}
"""Options in lower case: as they are spelt, and the value that says what a restore does anyway."""


def database(uri: str) -> str:
    """The name behind the hosts; empty where there is none."""
    return unquote_plus(uri.partition("://")[2].partition("?")[0].partition("/")[2])


def secret_in(uri: str) -> str:
    """What kind of secret stands in the URI, in words; empty where there is none."""
    return next((what for what, _ in _secrets(uri)), "")


def secrets(uri: str) -> Iterator[str]:
    """Every secret in the URI, as it stands there and as it is meant."""
    for _, value in _secrets(uri):
        yield from (value, unquote_plus(value))


def without_effect(uri: str) -> tuple[str, ...]:
    """Options about reading and writing that ask for something else than what a restore does."""
    found = []
    for name, value in _options(uri):
        spelt, own = _PASSED_OVER.get(name.lower(), ("", ""))
        if spelt and value.lower() != own:
            found.append(f"{spelt}={value}")
    return tuple(found)


def _secrets(uri: str) -> Iterator[tuple[str, str]]:
    """(what it is, its value as it stands there)."""
    user, at, _ = uri.partition("://")[2].partition("?")[0].rpartition("@")
    if at and ":" in user:
        yield "a password", user.partition(":")[2]
    for name, value in _options(uri):
        if any(word in name.lower() for word in _SECRET_WORDS):
            yield name, value
        elif name.lower() == "authmechanismproperties":
            yield from _secret_properties(value)


def _secret_properties(value: str) -> Iterator[tuple[str, str]]:
    for each in unquote_plus(value).split(","):
        name, _, secret = each.partition(":")
        if name.upper() not in _HARMLESS_PROPERTIES:
            yield f"{name or 'a secret'} in authMechanismProperties", secret


def _options(uri: str) -> Iterator[tuple[str, str]]:
    """(name, value) of each; names unpacked, values as they stand there."""
    for each in uri.partition("?")[2].replace(";", "&").split("&"):
        name, equals, value = each.partition("=")
        if equals:
            yield unquote_plus(name), value
