"""What a connection ends with, and what that means: whether the request may have arrived, and whether trying again helps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.clients.kubernetes.transport import Response, Transport, TransportError
from kubectl_lrs.model.errors import UsageError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def _server(*talks: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that treats one connection after the other so; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for talk in talks:
                connection, _ = listener.accept()
                with connection, suppress(OSError):  # the other side may have had enough
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(60)


def _read_head(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)


def _answers(data: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        _read_head(connection)
        connection.sendall(data)

    return talk


def _sent(url: str, *, timeout: float | None = 60) -> Response:
    transport = Transport(Connection(server=url, insecure=True), (b"", b""), timeout=timeout)
    return transport.send("GET", "/version", [("Accept", "application/json")], None)


def _failure(url: str, *, timeout: float | None = 60) -> tuple[str, bool, bool]:
    with pytest.raises(TransportError) as caught:
        _sent(url, timeout=timeout)
    return str(caught.value), caught.value.sent, caught.value.tls


def _hello_then_nothing(connection: socket.socket) -> None:
    connection.recv(4096)


def test_an_answer() -> None:
    with _server(_answers(OK)) as port:
        answer = _sent(f"http://127.0.0.1:{port}")
    assert (answer.status, answer.data) == (200, b"ok")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"nonsense\r\n\r\n"],
    ids=["none", "cut", "no HTTP"],
)
def test_what_was_sent_may_have_arrived(answer: bytes) -> None:
    with _server(_answers(answer)) as port:
        _, sent, tls = _failure(f"http://127.0.0.1:{port}")
    assert (sent, tls) == (True, False)


def test_a_server_that_is_not_there_never_got_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _failure(f"http://127.0.0.1:{port}") == ("connection refused", False, False)


def test_a_server_that_goes_away_in_the_handshake_is_only_away() -> None:
    """As one that is restarted: trying again helps, and it is no matter of certificates."""
    with _server(_hello_then_nothing) as port:
        assert _failure(f"https://127.0.0.1:{port}") == ("it closed the connection without an answer", False, False)


def test_one_that_speaks_no_tls_will_not_the_next_time_either() -> None:
    with _server(_answers_at_once) as port:
        _, sent, tls = _failure(f"https://127.0.0.1:{port}")
    assert (sent, tls) == (False, True)


def _answers_at_once(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.recv(4096)


def test_a_server_that_says_nothing_is_given_up() -> None:
    over = threading.Event()
    with _server(lambda _connection: over.wait(60) and None) as port:
        why, sent, _ = _failure(f"http://127.0.0.1:{port}", timeout=0.2)
        over.set()
    assert (why, sent) == ("timed out", True)


@pytest.mark.parametrize("url", ["", "host", "ftp://host", "https://", "https://host:port", "https://host:0"])
def test_what_is_no_server(url: str) -> None:
    with pytest.raises(UsageError, match="not an http or https URL"):
        _sent(url)


def test_certificates_that_are_none() -> None:
    with pytest.raises(UsageError, match="certificate-authority"):
        Transport(Connection(server="https://host", ca_data=b"no PEM"), (b"", b""), timeout=1)
    with pytest.raises(UsageError, match="client certificate"):
        Transport(Connection(server="https://host", insecure=True), (b"no PEM", b"no key"), timeout=1)
