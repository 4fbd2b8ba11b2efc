"""Why a connection could not be had, in the words of whoever reads it."""

from __future__ import annotations

import socket

import pytest
import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from kubectl_lrs.clients.http.sessions import cause

CONNECTION = HTTPConnection("registry.example.com", 443)
UNKNOWN = NameResolutionError("proxy.example.com", CONNECTION, socket.gaierror(-2, "Name or service not known"))
REFUSED = NewConnectionError(CONNECTION, "Failed to establish a new connection: [Errno 111] Connection refused")


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (UNKNOWN, "no address for proxy.example.com: Name or service not known"),
        (REFUSED, "Connection refused"),
    ],
)
def test_no_word_of_the_library(inner: Exception, said: str) -> None:
    pool = requests.adapters.HTTPAdapter().poolmanager.connection_from_host("registry.example.com", 443, "https")
    assert cause(requests.ConnectionError(MaxRetryError(pool, "/", inner))) == said
