"""What is said to servers and what they answer, for `-v`. The one place that shows it, and no secret gets through it.

The levels are kubectl's: 6 a line for each request, 7 its headers too, 8 the answer's headers and both bodies (up to 1,024
characters), 9 more of them (10,240), 10 all of them. What is opaque to us may hold credentials, so it is shown masked.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from kubectl_lrs.model.units import printable

URLS, HEADERS, BODIES, LONG_BODIES, WHOLE_BODIES = 6, 7, 8, 9, 10
LIMITS = {BODIES: 1024, LONG_BODIES: 10240}
"""Characters of a body."""

MASK = "<masked>"

SECRET_HEADERS = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie"))
SECRET_KEY = re.compile(r"passw|passphrase|secret|token|credential|authorization|cookie|api.?key|private.?key|access.?key", re.I)
SHORTEST = 8
"""Characters of a credential that is also looked for elsewhere; a shorter one stands in many a word."""

OPAQUE = frozenset(("spec", "stringData", "binaryData", "annotations"))
"""Parts of objects in which any string may be a credential: an LRS has them in its environment variables."""

OURS = frozenset(("SelfSubjectAccessReview",))
"""Kinds whose spec is no secret: it is our own question."""


class _Settings:
    """How much is shown; set once, before the first request."""

    level = 0


_lock = threading.Lock()


def configure(level: int) -> None:
    """Show so much from now on."""
    _Settings.level = level


def is_on() -> bool:
    """Whether anything is shown."""
    return _Settings.level >= URLS


def note(message: str) -> None:
    """A line about what comes, such as which server is used."""
    if is_on():
        _write([message])


class Exchange:
    """One request while the `with` block lasts; `answered` says what came. An exception is shown as what came instead."""

    def __init__(self, method: str, url: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None) -> None:
        self._method, self._url, self._body = method, url, body
        self._headers = list(headers)
        self._answer: tuple[str, list[tuple[str, str]], bytes] | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Exchange:
        return self

    def answered(self, status: int, reason: str, headers: Iterable[tuple[str, str]], data: bytes) -> None:
        """The whole answer."""
        if is_on():
            self._answer = f"{status} {reason}".strip(), list(headers), data

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if is_on():
            secrets = _credentials(self._headers)
            _write([_without(line, secrets) for line in self._lines(value)])

    def _lines(self, error: BaseException | None) -> list[str]:
        level, took = _Settings.level, 1000 * (time.monotonic() - self._began)
        status, headers, data = self._answer or (f"failed: {_failure(error)}", [], b"")
        lines = [f"{self._method} {_url(self._url)} {status} in {took:.0f} milliseconds"]
        if level >= HEADERS:
            lines += ["Request headers:", *_header_lines(self._headers)]
        if level >= BODIES:
            lines += [f"Request body: {_body(self._body, level)}"] if self._body else []
            lines += (
                ["Response headers:", *_header_lines(headers), f"Response body: {_body(data, level)}"] if self._answer else []
            )
        return lines


def _write(lines: Iterable[str]) -> None:
    stamp = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    with _lock:
        sys.stderr.write("".join(f"{stamp} {printable(line)}\n" for line in lines))
        sys.stderr.flush()


def _failure(error: BaseException | None) -> str:
    """Our own words; those of a library may hold a URL with credentials in it."""
    ours = type(error).__module__.startswith("kubectl_lrs.")
    return str(error) if ours else type(error).__name__


def _url(url: str) -> str:
    """Without what may stand before the host."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{MASK}@{parts.netloc.rpartition('@')[2]}").geturl() if "@" in parts.netloc else url


def _header_lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"    {name}: {_header(name, value)}" for name, value in headers]


def _header(name: str, value: str) -> str:
    if name.lower() not in SECRET_HEADERS:
        return value
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {MASK}" if rest and name.lower().endswith("authorization") else MASK


def _credentials(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The secrets of a request as they stand, so that an answer which says them back does not show them."""
    found = [value.partition(" ")[2] or value for name, value in headers if name.lower() in SECRET_HEADERS]
    return [secret for secret in found if len(secret) >= SHORTEST]


def _without(line: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, MASK)
    return line


def _body(data: bytes | None, level: int) -> str:
    """A JSON body masked; anything else is counted only, as nothing tells what it holds."""
    try:
        document = json.loads(data or b"")
    except (ValueError, RecursionError):
        return f"({len(data or b'')} bytes that are not JSON)"
    text = json.dumps(masked(document), separators=(",", ":"))
    limit = LIMITS.get(level)
    return text if limit is None or len(text) <= limit else f"{text[:limit]} [truncated {len(text) - limit} chars]"


def masked(value: Any, *, is_opaque: bool = False) -> Any:
    """The same document with every string that may be a credential masked: by the name of its key, or where it stands."""
    if isinstance(value, Mapping):
        patch = "op" in value and "path" in value
        return {key: _masked_member(value, key, is_opaque=is_opaque or (patch and key == "value")) for key in value}
    if isinstance(value, list):
        return [masked(each, is_opaque=is_opaque) for each in value]
    return MASK if is_opaque and not isinstance(value, bool) and value is not None else value


def _masked_member(document: Mapping[str, Any], key: str, *, is_opaque: bool) -> Any:
    member = document[key]
    hidden = key in OPAQUE and document.get("kind") not in OURS
    hidden = hidden or (key == "data" and isinstance(member, Mapping)) or SECRET_KEY.search(key) is not None
    return masked(member, is_opaque=is_opaque or hidden)
