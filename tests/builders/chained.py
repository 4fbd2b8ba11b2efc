"""A TLS server with a chain of certificates that answers `auth whoami` as an API server does, and a proxy that refuses."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHAIN = Path(__file__).parents[1] / "bed" / "chain"
REVIEW = {
    "apiVersion": "authentication.k8s.io/v1",
    "kind": "SelfSubjectReview",
    "metadata": {"creationTimestamp": None},
    "status": {"userInfo": {"username": "stand-in"}},
}


def pem(name: str) -> bytes:
    """A file of the chain."""
    return (CHAIN / name).read_bytes()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """The same answer to everything."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = json.dumps(REVIEW).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us goes away."""


@contextmanager
def server(folder: Path, *sent: str, asks: bool = True) -> Iterator[str]:
    """Its URL; `sent` are the certificates that it sends, the leaf first. `asks`: for a client's certificate.

    One that asks knows the intermediate, which OpenSSL then sends too where the leaf stands alone.
    """
    pair = folder / "sent.pem"
    pair.write_bytes(b"".join(map(pem, (*sent, "leaf.key"))))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    if asks:
        context.verify_mode, context.verify_flags = ssl.CERT_OPTIONAL, ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(CHAIN / "intermediate.crt")
    made = _Server(("127.0.0.1", 0), _Handler)
    made.socket = context.wrap_socket(made.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


@contextmanager
def refusing_proxy() -> Iterator[tuple[str, list[str]]]:
    """(address, the first lines of what it was asked): a proxy that refuses everything."""
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, suppress(OSError):  # a client that goes away ends nothing but its own connection
                head = b""
                while b"\r\n\r\n" not in head and (data := client.recv(4096)):
                    head += data
                asked.append(head.decode(errors="replace").split("\r\n")[0])
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.close()


@contextmanager
def front(folder: Path, target: tuple[str, int], *sent: str) -> Iterator[str]:
    """The address of a TLS server with these certificates, and behind it what speaks without TLS at `target`."""
    pair = folder / "front.pem"
    pair.write_bytes(b"".join(map(pem, (*sent, "leaf.key"))))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)

    over = threading.Event()

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Both ways, until one of them ends, or the test does."""
            try:
                with context.wrap_socket(self.request, server_side=True) as inside, socket.create_connection(target) as outside:
                    while not over.is_set() and _pass_on(inside, outside):
                        pass
            except OSError:  # a client that does not trust us goes away
                return

    made = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{made.server_address[1]}"
    finally:
        over.set()
        made.shutdown()
        made.server_close()


def _pass_on(inside: ssl.SSLSocket, outside: socket.socket) -> bool:
    """What is there now, by one thread: two must not use one TLS connection at once. Whether more may come."""
    ready = [inside] if inside.pending() else select.select([inside, outside], [], [], 0.2)[0]
    for source in ready:
        data = source.recv(1 << 16)
        if not data:
            return False
        (outside if source is inside else inside).sendall(data)
    return True
