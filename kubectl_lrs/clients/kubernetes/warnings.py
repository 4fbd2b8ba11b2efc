"""The `Warning:` headers of the API server (RFC 7234, as kubectl reads them): each text is told once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

_WARNING = re.compile(r'\s*(\d{3}) (\S+) "((?:[^"\\]|\\.)*)"(?: "[^"]*")?\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")

CODE = "299"
"""The one code that the API server uses; others are of proxies, and kubectl passes over them too."""

MOST = 1000
"""Different texts that are told; what would warn about each object in words of its own must not fill memory."""


class Warnings:
    """What the server warned of. Safe to use from several threads; what comes while nobody listens waits."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._untold: list[str] = []
        self._tell: Callable[[str], None] | None = None
        self._lock = threading.Lock()

    def read(self, headers: Iterable[str]) -> None:
        """The values of the headers of one answer."""
        for text in (text for header in headers for text in texts(header)):
            with self._lock:
                if text in self._seen or len(self._seen) >= MOST:
                    continue
                self._seen.add(text)
                if self._tell is None:
                    self._untold.append(text)
                else:
                    self._tell(f"Warning: {text}")

    @contextmanager
    def told(self, tell: Callable[[str], None]) -> Iterator[None]:
        """While the block lasts, each is told at once."""
        with self._lock:
            before, self._tell = self._tell, tell
            untold, self._untold = self._untold, []
        for text in untold:
            tell(f"Warning: {text}")
        try:
            yield
        finally:
            with self._lock:
                self._tell = before


def texts(header: str) -> Iterator[str]:
    """The texts of one header, which may hold several; nothing of one that is not well formed."""
    header = header.encode("latin-1", "replace").decode("utf-8", "replace")  # a header arrives as Latin-1, and is meant as UTF-8
    place = 0
    while match := _WARNING.match(header, place):
        if match[1] == CODE and (text := _ESCAPED.sub(r"\1", match[3]).strip()):
            yield text
        place = match.end()
