"""Ways to MongoDB: one object that gives a client, says without secrets where it leads, and can be opened anew."""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri, split_options

from kubectl_lrs import __version__
from kubectl_lrs.clients.tls import anchors_file, require_pair
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import redact
from kubectl_lrs.stores.mongo.server import uri_parts
from kubectl_lrs.stores.mongo.server.wire import listeners

Client: TypeAlias = MongoClient[dict[str, Any]]

APP_NAME = f"kubectl-lrs/{__version__}"
SERVERS_OWN = frozenset(("admin", "config", "local"))
"""Databases that no application has."""

SELECTION_LIMIT = 20.0
"""Seconds in which a member that serves must be found, where the URI does not say otherwise."""


class MongoAccess(Protocol):
    """A way to one MongoDB deployment. Used by one run; `client` may be asked for by several threads."""

    app_name: str
    """What the server calls our connections by: other clients are told from us by it."""

    database: str
    """The application's database, where the way names one; empty where it is to be found."""

    without_effect: tuple[str, ...]
    """What the way says of reading and writing that a restore does in a way of its own."""

    def client(self) -> Client:
        """The client, connected at its first use."""

    def describe(self) -> str:
        """Where it leads, for people and catalogs: never a password."""

    def reopen(self) -> None:
        """Open the way anew, after the connection or the primary was lost; `client` gives what is to be used from then on."""

    def close(self) -> None:
        """End all connections, and whatever carried them."""


class UriAccess:
    """The way that a MongoDB URI names: whatever the driver accepts, SRV, TLS and replica sets included."""

    def __init__(self, uri: str, *, source: str = "the MongoDB URI") -> None:
        self.app_name = f"{APP_NAME} {secrets.token_hex(4)}"
        self._uri = uri
        redact.remember_url(uri)
        redact.remember(*uri_parts.secrets(uri))
        self._source = source
        self._described = _described(uri, source)
        self.database = _database(uri, source)
        self.without_effect = uri_parts.without_effect(uri)
        self._lock = threading.Lock()
        self._client: Client | None = None

    def client(self) -> Client:
        """One client; the driver looks after its connections itself."""
        with self._lock:  # of two that are opened at once one would never be closed
            if self._client is None:
                self._client = self._open()
            return self._client

    def describe(self) -> str:
        """Scheme, hosts and replica set."""
        return self._described

    def reopen(self) -> None:
        """Nothing: the driver finds the new primary and drops stale connections by itself."""

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _open(self) -> Client:
        options: dict[str, Any] = {"appname": self.app_name, "event_listeners": listeners()}
        if "serverselectiontimeoutms" not in self._uri.lower():
            options["serverSelectionTimeoutMS"] = SELECTION_LIMIT * 1e3
        named = _options(self._uri, self._source)
        if path := named.get("tlscertificatekeyfile"):  # the driver would ask on the terminal for the password of its key
            password = named.get("tlscertificatekeyfilepassword")
            require_pair(path, password, what=f"{self._source}: tlsCertificateKeyFile")
        try:
            with ExitStack() as stack:
                if path := named.get("tlscafile"):  # read while the client is made
                    what = f"{self._source}: tlsCAFile"
                    options["tlsCAFile"] = stack.enter_context(anchors_file(path, what=what))
                return MongoClient(self._uri, **options)
        except (PyMongoError, ValueError, OSError) as error:
            raise _unusable(error, self._source) from None  # its text may hold parts of the password


def _described(uri: str, source: str) -> str:
    """`mongodb://host,host/?replicaSet=name`; UsageError where it is no URI of MongoDB's."""
    scheme, _, rest = uri.partition("://")
    if scheme not in ("mongodb", "mongodb+srv") or not rest:
        raise UsageError(f"{source} is not one: it must begin with mongodb:// or mongodb+srv://")
    authority, _, path = rest.partition("?")[0].partition("/")
    hosts = authority.rpartition("@")[2]
    if "@" in path or (scheme == "mongodb+srv" and ":" in hosts):  # a password with a bare slash would show in the hosts
        raise _unusable(ValueError(), source)
    options = _options(uri, source)
    if scheme == "mongodb+srv":  # looking up its hosts is left to the first use
        return f"{scheme}://{hosts}"
    try:
        parse_uri(uri, validate=True, warn=False)
    except (PyMongoError, ValueError, OSError) as error:
        raise _unusable(error, source) from None
    name = options.get("replicaset")
    return f"{scheme}://{hosts}" + (f"/?replicaSet={quote(str(name))}" if name else "")


def _options(uri: str, source: str) -> dict[str, Any]:
    """Its options by their names in lower case; UsageError where the driver does not know one."""
    text = uri.partition("?")[2]
    if not text:
        return {}
    try:
        return {str(name).lower(): value for name, value in split_options(text, validate=True, warn=False).items()}
    except (PyMongoError, ValueError, TypeError, OSError) as error:
        raise _unusable(error, source) from None


def _database(uri: str, source: str) -> str:
    """The application's database that the URI names. One of the server's own there only says who knows the user."""
    name = uri_parts.database(uri)
    if "." in name:
        raise UsageError(f"{source} names a collection, {name}", hint="name a database alone, and collections with flags")
    return "" if name in SERVERS_OWN else name


def _unusable(error: Exception, source: str) -> UsageError:
    hint = "user and password must be percent-encoded; options are those of the MongoDB drivers"
    if isinstance(error, OSError):  # a file that an option names
        return UsageError(f"{source} cannot be used: {error.filename or 'a file in it'}: {error.strerror}", hint=hint)
    if isinstance(error, ConfigurationError) and not isinstance(error, InvalidURI):
        return UsageError(f"{source} cannot be used: {redact.text(error, limit=200)}", hint=hint)  # about options and files only
    return UsageError(f"{source} is not a valid MongoDB URI ({type(error).__name__})", hint=hint)
