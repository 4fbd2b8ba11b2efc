"""WebHDFS' answers: what a data node says in place of content is no content, and neither is a part of it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import fsspec
import pytest
import requests

from kubectl_lrs.backends import webhdfs
from kubectl_lrs.backends.place import StorageLocation


def _answer(status: int, body: bytes, **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = body
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer


def _remote(exception: str) -> bytes:
    return json.dumps({"RemoteException": {"exception": exception, "message": "no"}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, _remote("FileNotFoundException"), FileNotFoundError),
        (403, _remote("AccessControlException"), PermissionError),
        (403, _remote("StandbyException"), RuntimeError),
        (404, b"<html>nothing here</html>", requests.HTTPError),
        (404, b'{"RemoteException": 3}', requests.HTTPError),
        (503, b"", requests.HTTPError),
    ],
)
def test_a_refusal_is_not_content(status: int, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        webhdfs._require_whole(_answer(status, body))


def test_a_part_is_not_the_whole() -> None:
    webhdfs._require_whole(_answer(200, b"123", Content_Length="3"))
    webhdfs._require_whole(_answer(200, b"123"))
    webhdfs._require_whole(_answer(307, b"", Content_Length="9"))
    with pytest.raises(ConnectionError, match="3 of 9 bytes"):
        webhdfs._require_whole(_answer(200, b"123", Content_Length="9"))


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ({}, "http://inner:1/x"),
        ({"inner:1": "outer:2"}, "http://outer:2/x"),
        (lambda url: url.replace("x", "y"), "http://inner:1/y"),
    ],
)
def test_a_way_around_that_the_user_gives(proxy: Any, shown: str) -> None:
    assert webhdfs._through(proxy)("http://inner:1/x") == shown


def test_a_session_is_taken_over_and_looks_at_contents() -> None:
    system = fsspec.filesystem("webhdfs", host="127.0.0.1", port=9, skip_instance_cache=True)
    webhdfs.prepare(system, StorageLocation(url="webhdfs://127.0.0.1:9/x"))
    refused = _answer(403, _remote("AccessControlException"))
    refused.url = "http://127.0.0.1:9/webhdfs/v1/x?op=OPEN"
    *_, hook = system.session.hooks["response"]
    with pytest.raises(PermissionError):
        hook(refused)
    refused.url = "http://127.0.0.1:9/webhdfs/v1/x?op=LISTSTATUS"
    hook(refused)
    assert not system.session.trust_env


@pytest.mark.parametrize(
    ("led", "kept"),
    [
        ("http://data:2/webhdfs/v1/%C3%A9?op=OPEN", "http://data:2/webhdfs/v1/e%CC%81?op=OPEN"),
        ("http://data:2/webhdfs/v1/e%CC%81?op=OPEN", "http://data:2/webhdfs/v1/e%CC%81?op=OPEN"),
        ("http://data:2/webhdfs/v1/other?op=OPEN", "http://data:2/webhdfs/v1/other?op=OPEN"),
        ("", ""),
    ],
)
def test_the_name_is_kept_that_java_puts_in_order(led: str, kept: str) -> None:
    answer = _answer(307, b"", Location=led)
    answer.url = "http://name:1/webhdfs/v1/e%CC%81?op=OPEN"
    webhdfs._keep_name(answer)
    assert answer.headers["Location"] == kept
    webhdfs._keep_name(_answer(200, b""))


@pytest.mark.parametrize(("said", "found"), [("Fri, 27 Nov 2026 08:00:00 GMT", 1795766400.0), ("", None), ("today", None)])
def test_the_time_of_the_name_node(said: str, found: float | None) -> None:
    class Session:
        def get(self, url: str, params: dict[str, str]) -> requests.Response:
            assert (url, params["op"]) == ("http://n/webhdfs/v1/a%20b", "GETFILESTATUS")
            return _answer(404, _remote("FileNotFoundException"), Date=said)

    class System:
        session, url, pars = Session(), "http://n/webhdfs/v1", {"user.name": "me"}

    assert webhdfs.date(System(), "/a b") == found


def test_the_time_of_anybody_else() -> None:
    class Session:
        def get(self, url: str, params: dict[str, str]) -> requests.Response:  # noqa: ARG002
            return _answer(503, b"", Date="Fri, 27 Nov 2026 08:00:00 GMT")

    class System:
        session, url, pars = Session(), "http://n/webhdfs/v1", {"user.name": "me"}

    with pytest.raises(requests.HTTPError):
        webhdfs.date(System(), "/a")


@pytest.mark.parametrize(
    ("operation", "body", "kind", "is_right"),
    [
        ("LISTSTATUS", b'{"FileStatuses": {"FileStatus": []}}', "application/json", True),
        ("LISTSTATUS", b'{"FileStatuses": {"FileStatus": []}}', "", True),
        ("LISTSTATUS", b"<html></html>", "text/html", False),
        ("LISTSTATUS", b"sign in", "", False),
        ("LISTSTATUS", b"[]", "application/json", False),
        ("LISTSTATUS", b"{}", "application/json", False),
        ("DELETE", b'{"boolean": false}', "application/json", True),
        ("DELETE", b"", "", False),
        ("OPEN", b"<html></html>", "application/octet-stream", True),
        ("OPEN", b"<html></html>", "text/html;charset=utf-8", False),
        ("RENAME", b"", "application/octet-stream", True),
        ("RENAME", b"<html></html>", "text/HTML", False),
    ],
)
def test_what_says_that_all_is_well_is_of_hdfs(operation: str, body: bytes, kind: str, is_right: bool) -> None:
    answer = _answer(200, body, Content_Type=kind)
    answer.url = f"http://n/webhdfs/v1/x?op={operation}"
    with nullcontext() if is_right else pytest.raises(ConnectionError, match="not of HDFS"):
        webhdfs._require_hdfs(answer)
