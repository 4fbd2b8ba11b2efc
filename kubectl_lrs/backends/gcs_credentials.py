"""Who we are to Google Cloud Storage: by the options, else as every tool of Google's finds it. The one door to google-auth."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.clients.http.foreign import session
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import CredentialsError, UnreachableError, UsageError
from kubectl_lrs.runtime.redact import remember
from kubectl_lrs.runtime.redact import text as heard

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
ANONYMOUS = "anon"
BY_DEFAULT = ("", "google_default")
TIMEOUT = (10.0, 60.0)

_HINT = (
    "give GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, a workload identity, or `token` in {options}"
)
_CLOCK = "set the clock of this machine"


class Keys:
    """What goes with a request; nothing where `token` is `anon`. It is renewed while a run lasts."""

    def __init__(self, place: StorageLocation, token: str | Mapping[str, Any], tls: Tls) -> None:
        """`token`: the option of this name."""
        self._place = place
        self._token = token
        self._tls = tls
        self._lock = threading.Lock()
        self._found: Any = None
        self._request: Any = None

    def headers(self, method: str, url: str) -> Mapping[str, str]:
        """The credentials of now, and what else Google wants beside them. CredentialsError, UnreachableError."""
        if self._token == ANONYMOUS:
            return {}
        given: dict[str, str] = {}
        with self._lock:
            self._told(lambda: self._ready().before_request(self._request, method, url, given))
        remember(*(value.partition(" ")[2] for name, value in given.items() if name.lower() == "authorization"))
        return given

    def _ready(self) -> Any:
        if self._found is None:
            from google.auth.transport.requests import Request

            made = session(tls=self._tls, proxies=Proxies(os.environ), timeout=TIMEOUT, retries=1)
            self._request = Request(made)
            self._found = self._made()
        return self._found

    def _made(self) -> Any:
        import google.auth

        if isinstance(self._token, Mapping):
            return google.auth.load_credentials_from_dict(dict(self._token), scopes=[SCOPE], request=self._request)[0]
        if self._token in BY_DEFAULT:
            return google.auth.default(scopes=[SCOPE], request=self._request)[0]
        if not Path(str(self._token)).is_file():
            said = f"{self._place.said.options}: token: neither a file nor one of: {ANONYMOUS}, {BY_DEFAULT[-1]}"
            raise UsageError(said, hint="name the JSON file of a service account")
        return google.auth.load_credentials_from_file(str(self._token), scopes=[SCOPE], request=self._request)[0]

    def _told(self, act: Callable[[], object]) -> None:
        """What the library raises, as an error of ours."""
        from google.auth import exceptions as known

        try:
            act()
        except known.TransportError as error:
            said = f"{self._place.url}: credentials cannot be renewed: {heard(error)}"
            raise UnreachableError(said, hint="check the network") from error
        except (known.GoogleAuthError, ValueError, KeyError, TypeError, AttributeError) as error:  # a file may be anything
            raise self._refused(heard(error)) from error

    def _refused(self, said: str) -> CredentialsError:
        """A token of which the time is wrong is refused in these words."""
        is_clock = "reasonable timeframe" in said or "Invalid JWT" in said
        return CredentialsError(
            f"{self._place.url}: {said}", hint=_CLOCK if is_clock else _HINT.format(options=self._place.said.options)
        )
