"""One request over a connection that is open, and its answer: out in one piece, which is one record of TLS where two were.

What reads the answer is the standard library's. Nothing here knows what is asked, or of whom.
"""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterable

_NO_TARGET = re.compile(r"[\x00-\x20\x7f]").search
_NO_HEADER = re.compile(r"[\x00\r\n]").search


def request_of(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    """The bytes of a request. HTTPException or ValueError where one of its parts would end it early, and begin another."""
    if _NO_TARGET(target):
        raise http.client.InvalidURL("the path holds a blank or a control character")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if any(map(_NO_HEADER, lines)):
        raise ValueError("a header holds the end of a line")
    head = "\r\n".join(lines).encode("latin-1")
    return b"%b\r\n\r\n%b" % (head, body or b"")


def answer_to(connection: socket.socket, request: bytes, method: str) -> http.client.HTTPResponse:
    """Send it; the answer, whose body is still to be read."""
    connection.sendall(request)
    answer = http.client.HTTPResponse(connection, method=method)
    try:
        answer.begin()
    except BaseException:
        answer.close()
        raise
    return answer
