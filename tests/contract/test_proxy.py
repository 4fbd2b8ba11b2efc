"""The proxy that makes trouble: that it does what its rules say, and notes what came to pass."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from tests.bed import proxy as faults
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.proxy import Act, FaultProxy

PATH = "/api/v1/namespaces/kube-system"


@pytest.fixture
def proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(plane) as running:
        yield running


def _connect(plane: ControlPlane, proxy: FaultProxy) -> http.client.HTTPSConnection:
    trust = ssl.create_default_context(cafile=str(plane.ca_file))
    return http.client.HTTPSConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), context=trust, timeout=PATIENCE)


def _get(connection: http.client.HTTPSConnection, token: str = "any") -> tuple[int, bytes]:
    connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    return response.status, response.read()


def test_passes_on_over_one_connection(plane: ControlPlane, proxy: FaultProxy) -> None:
    connection = _connect(plane, proxy)
    first = _get(connection)
    socket = connection.sock
    assert b'"name":"kube-system"' in first[1]
    assert _get(connection) == first
    assert connection.sock is socket
    assert [(each.method, each.path, each.upstream, each.status) for each in proxy.log] == [("GET", PATH, 200, 200)] * 2


def test_nth_request_is_refused_without_being_forwarded(plane: ControlPlane, proxy: FaultProxy) -> None:
    proxy.when("GET", "kube-system", faults.refuse(429, retry_after="7"), nth={2})
    connection = _connect(plane, proxy)
    assert [_get(connection)[0] for _ in range(3)] == [200, 429, 200]
    assert [each.upstream for each in proxy.log] == [200, 0, 200]


def test_done_and_answered_otherwise(plane: ControlPlane, proxy: FaultProxy) -> None:
    proxy.when("*", "kube-system", faults.done_but(500))
    assert _get(_connect(plane, proxy))[0] == 500
    assert (proxy.log[0].upstream, proxy.log[0].status) == (200, 500)


@pytest.mark.parametrize(
    ("act", "upstream"),
    [(faults.CUT_BEFORE, 0), (faults.CUT_AFTER, 200), (faults.RESET_BEFORE, 0), (faults.RESET_AFTER, 200)],
    ids=["before", "after", "reset before", "reset after"],
)
def test_cut(plane: ControlPlane, proxy: FaultProxy, act: Act, upstream: int) -> None:
    proxy.when("GET", "kube-system", act)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        _get(_connect(plane, proxy))
    assert (proxy.log[0].upstream, proxy.log[0].status) == (upstream, 0)


def test_cut_in_the_body(plane: ControlPlane, proxy: FaultProxy) -> None:
    proxy.when("GET", "kube-system", faults.CUT_BODY)
    with pytest.raises(http.client.IncompleteRead):
        _get(_connect(plane, proxy))


def test_throttled_and_slow(plane: ControlPlane, proxy: FaultProxy) -> None:
    connection = _connect(plane, proxy)
    size = len(_get(connection)[1])
    proxy.when("GET", "kube-system", Act(rate=size * 2, delay=0.3))
    began = time.monotonic()
    assert len(_get(connection)[1]) == size
    assert time.monotonic() - began > 0.6


def test_hangs_until_the_end(plane: ControlPlane) -> None:
    with FaultProxy(plane) as proxy:
        proxy.when("GET", "kube-system", faults.HANG_AFTER)
        connection = _connect(plane, proxy)
        connection.timeout = 0.5
        with pytest.raises(TimeoutError):
            _get(connection)
        assert proxy.log[0].upstream == 200


def test_load_balancer_has_no_json(plane: ControlPlane, proxy: FaultProxy) -> None:
    proxy.when("GET", "kube-system", faults.BAD_GATEWAY)
    status, body = _get(_connect(plane, proxy))
    assert status == 502
    assert body.startswith(b"<html>")


def test_tokens_expire(plane: ControlPlane, proxy: FaultProxy) -> None:
    proxy.token_uses = 2
    connection = _connect(plane, proxy)
    assert [_get(connection, token)[0] for token in ("pass-1", "pass-1", "pass-1", "pass-2", "any")] == [200, 200, 401, 200, 401]


def test_goes_away_and_comes_back(plane: ControlPlane, proxy: FaultProxy) -> None:
    connection = _connect(plane, proxy)
    assert _get(connection)[0] == 200
    proxy.go_away()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, ssl.SSLError)):
        _get(connection)
    with pytest.raises(ConnectionRefusedError):
        _get(_connect(plane, proxy))
    proxy.come_back()
    assert _get(_connect(plane, proxy))[0] == 200


def test_counts_what_is_under_way_at_once(plane: ControlPlane, proxy: FaultProxy) -> None:
    proxy.when("POST", "/lrs", Act(delay=0.4, forward=False, answer=faults.status_answer(409)), nth=faults.ALWAYS)

    def post() -> None:
        connection = _connect(plane, proxy)
        connection.request("POST", "/apis/lrs.datarobot.com/v1/namespaces/x/lrs", b'{"metadata":{"name":"y"}}')
        connection.getresponse().read()

    threads = [threading.Thread(target=post) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.most_at_once() == 3
    assert [each.key for each in proxy.writes] == [("x", "y")] * 3
