"""Which requests of WebHDFS may be sent again, and after what."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from kubectl_lrs.backends import webhdfs_again
from kubectl_lrs.backends.webhdfs_again import insist_on, may_repeat
from kubectl_lrs.runtime.retry import Policy


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhdfs_again, "PATIENT", Policy(attempts=3, first=0.0))


def _request(method: str, operation: str, body: bytes = b"") -> requests.PreparedRequest:
    return requests.Request(method, f"http://n/webhdfs/v1/x?op={operation}", data=body or None).prepare()


def _answer(status: int, body: bytes = b"") -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer._content = status, body
    return answer


@pytest.mark.parametrize(
    ("method", "operation", "body", "found"),
    [
        ("GET", "OPEN", b"", True),
        ("DELETE", "DELETE", b"", True),
        ("PUT", "CREATE", b"", True),
        ("PUT", "RENAME", b"", False),
        ("POST", "APPEND", b"", True),
        ("POST", "APPEND", b"x", False),
    ],
)
def test_what_may_be_done_twice(method: str, operation: str, body: bytes, found: bool) -> None:
    assert may_repeat(_request(method, operation, body)) is found


@pytest.mark.parametrize(
    ("request_", "first", "count"),
    [
        (_request("GET", "OPEN"), _answer(503), 2),
        (_request("GET", "OPEN"), _answer(500), 2),
        (_request("GET", "OPEN"), _answer(500, b'{"RemoteException": {}}'), 1),
        (_request("GET", "OPEN"), _answer(404), 1),
        (_request("GET", "OPEN"), requests.ConnectionError(), 2),
        (_request("POST", "APPEND", b"x"), _answer(503), 2),
        (_request("POST", "APPEND", b"x"), _answer(500), 1),
        (_request("PUT", "RENAME"), _answer(503), 1),
    ],
)
def test_what_is_sent_again(request_: requests.PreparedRequest, first: Any, count: int) -> None:
    sent = []

    class Session:
        def send(self, request: requests.PreparedRequest) -> requests.Response:
            sent.append(request)
            if len(sent) == 1 and isinstance(first, Exception):
                raise first
            return first if len(sent) == 1 else _answer(200)

    session = Session()
    insist_on(session)
    assert session.send(request_).status_code == (200 if count == 2 else first.status_code)
    assert len(sent) == count


@pytest.mark.parametrize("error", [requests.ConnectionError(), PermissionError(), FileNotFoundError()])
def test_what_stays_is_raised(error: OSError) -> None:
    count = 0

    class Session:
        def send(self, _request: requests.PreparedRequest) -> None:
            nonlocal count
            count += 1
            raise error

    session = Session()
    insist_on(session)
    with pytest.raises(type(error)):
        session.send(_request("GET", "OPEN"))
    assert count == (3 if isinstance(error, requests.ConnectionError) else 1)
