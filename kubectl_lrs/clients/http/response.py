"""An answer, and a body that is sent: read bit by bit, never more than was asked for, and given up when the run ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, TYPE_CHECKING

from kubectl_lrs.clients.wirelog import Exchange
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime.cancel import Cancel

if TYPE_CHECKING:
    import requests

CHUNK = 256 << 10
SMALL = 64 << 10


class TooLargeError(UnreachableError):
    """A body is larger than what was asked for can be."""


class CutError(UnreachableError):
    """A body ended before its end."""


class Response:
    """What came. As a `with` block: done with at its end, so that its connection serves the next request.

    The body is either read whole (`read`) or streamed (`stream`), once.
    """

    def __init__(self, response: requests.Response, exchange: Exchange, cancel: Cancel) -> None:
        self.status = response.status_code
        self.reason = response.reason or ""
        self.headers: Mapping[str, str] = response.headers
        self.url = response.url
        self._response = response
        self._exchange = exchange
        self._cancel = cancel
        self._data: bytes | None = None
        self.repeated = False
        """Whether the same request was answered before, and sent again."""
        exchange.answered(self.status, self.reason, self.headers.items())

    def __enter__(self) -> Response:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.close()

    @property
    def length(self) -> int:
        """What the server says that the body has; 0 where it does not say."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    def read(self, limit: int) -> bytes:
        """The whole body, unpacked. TooLargeError, CutError; what `requests` raises is left to `Http`."""
        if self._data is None:
            data = bytearray()
            for part in self._parts(unpack=True):
                data += part
                if len(data) > limit:
                    raise TooLargeError(f"an answer is larger than {limit} bytes")
            if not self.headers.get("Content-Encoding") and self.length > len(data) and self._has_body:
                raise CutError(f"the connection broke off: {self.length - len(data)} bytes are missing")
            self._data = bytes(data)
            self._exchange.answered(self.status, self.reason, self.headers.items(), self._data)
            self._exchange.show()
        return self._data

    @property
    def _has_body(self) -> bool:
        return self._response.request.method != "HEAD" and self.status not in (204, 304)

    def stream(self) -> Iterator[bytes]:
        """The body as it was sent, not unpacked; CutError where the connection breaks, CancelledError where the run is to end."""
        self._exchange.show()
        yield from self._parts(unpack=False)

    def _parts(self, *, unpack: bool) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError

        try:
            for data in self._response.raw.stream(CHUNK, decode_content=unpack):
                if not unpack:  # what is read whole is small, and may be the answer to a change: it is heard to its end
                    self._cancel.require()
                yield data
        except (HTTPError, OSError) as error:
            from kubectl_lrs.clients.http.sessions import cause

            raise CutError(f"the connection broke off: {cause(error)}") from error

    def finish(self) -> None:
        """It is done with. What little is left of it is read, so that its connection can be used again."""
        self._exchange.show()
        try:
            if self._response.raw.read(SMALL, decode_content=False) and self._response.raw.read(1, decode_content=False):
                self._response.close()  # much is left: cheaper to connect anew
        except Exception:  # noqa: BLE001  nobody wants it any more, and urllib3 has errors of many kinds
            self._response.close()
        else:
            self._response.raw.release_conn()

    def close(self) -> None:
        """It is given up, with its connection."""
        self._exchange.show()
        self._response.close()


class Body:
    """A file as it is sent bit by bit; once the run is to end, with CancelledError."""

    def __init__(self, file: IO[bytes], cancel: Cancel) -> None:
        self._file = file
        self._cancel = cancel
        self._size = file.seek(0, 2)
        file.seek(0)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(CHUNK):
            yield data

    def read(self, size: int = -1) -> bytes:
        """Some of it."""
        self._cancel.require()
        return self._file.read(size)

    def rewind(self) -> None:
        """From its beginning again."""
        self._file.seek(0)
