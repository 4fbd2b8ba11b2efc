"""What is said to servers and what they answer, for `-v`. The one place that shows it; what is secret `redact` takes out.

The levels are kubectl's: 6 a line for each request, 7 its headers too, 8 the answer's headers and both bodies (up to 1,024
characters), 9 more of them (10,240), 10 all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType

from kubectl_lrs.model.units import printable, size
from kubectl_lrs.runtime import redact, streams

URLS, HEADERS, BODIES, LONG_BODIES = 6, 7, 8, 9
LIMITS = {BODIES: 1024, LONG_BODIES: 10240}
"""Characters of a body."""


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
    """One request: `answered` or `failed` says what came, `show` shows it, once. As a `with` block it does so at its end."""

    def __init__(self, method: str, url: str, headers: Iterable[tuple[str, str]] = (), body: bytes | None = None) -> None:
        self._method, self._url, self._body = method, url, body
        self._headers = list(headers) if is_on() else []
        self._came = "failed"
        self._answer: tuple[list[tuple[str, str]], bytes | None] | None = None
        self._began = time.monotonic()
        self._took = 0.0
        self._is_shown = False

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if value is not None:
            self.failed(value)
        self.show()

    def answered(self, status: int, reason: str, headers: Iterable[tuple[str, str]], data: bytes | None = None) -> None:
        """The answer; `data` is None where its body is not here, and passes on to somebody else."""
        self._took = self._took or time.monotonic() - self._began
        if is_on():
            self._came = f"{status} {reason}".strip()
            self._answer = list(headers), data

    def failed(self, error: BaseException, words: str = "") -> None:
        """There was none. Shown are our own words; those of a library may hold a URL with credentials in it."""
        self._took = time.monotonic() - self._began
        ours = type(error).__module__.startswith("kubectl_lrs.")
        self._came = f"failed: {words or (redact.text(error) if ours else type(error).__name__)}"

    def show(self) -> None:
        """As much of it as the level says."""
        if is_on() and not self._is_shown:
            self._is_shown = True
            secrets = redact.credentials_of(self._headers)
            _write([redact.known(line, secrets) for line in self._lines()])

    def _lines(self) -> list[str]:
        level = _Settings.level
        lines = [f"{self._method} {redact.url(self._url)} {self._came} in {1000 * self._took:.0f} milliseconds"]
        if level >= HEADERS:
            lines += ["Request headers:", *_header_lines(self._headers)]
        if level >= BODIES and self._body:
            lines += [f"Request body: {_body(self._body, level)}"]
        if level >= BODIES and self._answer:
            headers, data = self._answer
            shown = "(passed on)" if data is None else _body(data, level)
            lines += ["Response headers:", *_header_lines(headers), f"Response body: {shown}"]
        return lines


@contextmanager
def logged(what: str, *, sent: int | None = None) -> Iterator[None]:
    """What is asked of a server in another language than HTTP, while the block lasts: a name, a place, a size."""
    began = time.monotonic()
    try:
        yield
    except BaseException as error:
        ours = type(error).__module__.startswith("kubectl_lrs.")
        operation(what, f"failed: {error if ours else type(error).__name__}", sent=sent, seconds=time.monotonic() - began)
        raise
    operation(what, "ok", sent=sent, seconds=time.monotonic() - began)


def operation(what: str, came: str, *, seconds: float, sent: int | None = None) -> None:
    """The line of it."""
    if is_on():
        with_size = f" ({size(sent)})" if sent is not None else ""
        _write([f"{redact.shown(what)}{with_size} {redact.text(came)} in {1000 * seconds:.0f} milliseconds"])


def _write(lines: Iterable[str]) -> None:
    stamp = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    with _lock:
        streams.note("".join(f"{stamp} {printable(line)}\n" for line in lines))


def _header_lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"    {name}: {value}" for name, value in redact.headers(headers)]


def _body(data: bytes, level: int) -> str:
    text = redact.body(data)
    limit = LIMITS.get(level)
    return text if limit is None or len(text) <= limit else f"{text[:limit]} [truncated {len(text) - limit} chars]"
