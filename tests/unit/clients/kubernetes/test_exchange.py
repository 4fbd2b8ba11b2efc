"""One request as bytes."""

from __future__ import annotations

import http.client

import pytest

from kubectl_lrs.clients.kubernetes.exchange import request_of


def test_a_request() -> None:
    assert request_of("GET", "/api?limit=1", [("Host", "one")], None) == b"GET /api?limit=1 HTTP/1.1\r\nHost: one\r\n\r\n"
    made = request_of("POST", "/api", [("Host", "one")], b"\r\n{}")
    assert made == b"POST /api HTTP/1.1\r\nHost: one\r\nContent-Length: 4\r\n\r\n\r\n{}"


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/a\x00", "/a\x7f"])
def test_a_path_cannot_begin_another_request(target: str) -> None:
    with pytest.raises(http.client.InvalidURL):
        request_of("GET", target, [], None)


@pytest.mark.parametrize("header", [("A", "b\r\nC: d"), ("A\nB", "c"), ("A", "b\x00")])
def test_nor_can_a_header(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="the end of a line"):
        request_of("GET", "/a", [header], None)
