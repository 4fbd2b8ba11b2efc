"""URLs that somebody watches: heartbeats, a Pushgateway. They stand in files, as a URL alone may be all that is secret of it.

Nothing of a URL but its origin is ever shown.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from kubectl_lrs.clients.http.client import Http, HttpOptions, Request
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import from_files
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Cancel

LIMIT = 8.0
"""Seconds for all of one call: a run that is told to end has 30 for everything."""

MOST = 8192
"""Bytes of a file with a URL."""

PART = "{part}"
"""What in a URL stands for the part of a run that it is told of."""

SECRET = 6
"""Parts of a path that are longer are not shown."""


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A URL, and `what` messages call it."""

    what: str
    url: str = field(repr=False)
    authorization: str = field(default="", repr=False)

    def below(self, path: str) -> Hook:
        """The same server, at a path below."""
        return Hook(what=self.what, url=f"{self.url.rstrip('/')}{path}", authorization=self.authorization)

    @property
    def names_part(self) -> bool:
        """Whether each part of a run has a URL of its own."""
        return PART in self.url

    def of(self, part: str) -> Hook:
        """The one of a part."""
        url = self.url.replace(PART, part)
        _remember(url)
        return replace(self, url=url)

    def call(self, method: str, *, body: bytes | None = None, content_type: str = "text/plain; charset=utf-8") -> None:
        """One request. LrsError where it was not taken."""
        options = HttpOptions(
            tls=from_files("", os.environ, flag=""), proxies=Proxies(os.environ), read_timeout=LIMIT / 2, first_attempts=2
        )
        headers = {"Content-Type": content_type} if body is not None else {}
        request = Request(
            method=method,
            url=self.url,
            headers=headers,
            authorization=self.authorization,
            body=body,
            where=self.what,
            attempts=2,
        )
        with Http(options, Cancel()).send(request, limit=LIMIT) as answer:
            if not 200 <= answer.status < 300:
                raise LrsError(f"{self.what}: the server answered {answer.status}")


def hook_of(path: str, *, what: str) -> Hook:
    """The one that a file names. UsageError where it names none."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST).decode().strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{what} {path}: cannot be read: {why}") from error
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and len(text.split()) == 1
        _ = parts.port
    except ValueError:
        is_url = False
    if not is_url:
        raise UsageError(f"{what} {path}: it holds no URL", hint="one line: https://...")
    _remember(text)
    user, at, host = parts.netloc.rpartition("@")
    authorization = f"Basic {base64.b64encode(unquote(user).encode()).decode()}" if at else ""
    return Hook(what=what, url=urlunsplit(parts._replace(netloc=host)), authorization=authorization)


def _remember(url: str) -> None:
    """From now on it is masked wherever it turns up: the whole, its path, and what of the path may be a key."""
    parts = urlsplit(url)
    redact.remember_url(url)
    way = f"{parts.path}{f'?{parts.query}' if parts.query else ''}"
    redact.remember(url, *([way] if len(way) > SECRET else []), parts.query)
    redact.remember(*(each for each in parts.path.split("/") if len(each) > SECRET))
