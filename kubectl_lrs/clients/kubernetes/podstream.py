"""One connection to a port in a pod, over one WebSocket of the API server's, with TLS to the pod on top where it is wanted.

The `kubernetes` package has a port-forward too; it drops impersonation, tls-server-name and a proxy's credentials, and it
reads and writes by turns, so that two sides which both wait can wait for ever. This one never blocks: whoever drives it
waits on its socket. The protocol has no word for "I have sent everything", so the pod is not told of a half-close.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubectl_lrs.clients.kubernetes import websocket as frames
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import PODS
from kubectl_lrs.clients.kubernetes.transport import Upgraded
from kubectl_lrs.model.errors import DeniedError, LrsError, NotFoundError, UnreachableError
from kubectl_lrs.model.units import printable

DATA, ERROR = 0, 1
READ_SIZE = 1 << 18
"""About so many bytes are read before the other direction gets its turn."""
RECORD = 1 << 14
"""Bytes that a record of TLS has at most: what is read of one must be read whole, as nothing wakes anybody up for the rest."""

OPEN_LIMIT = 30.0
"""Seconds in which a connection must be there, TLS included."""
MESSAGE_LIMIT = 4096
"""Bytes of a message on the error channel that are kept."""

_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, kw_only=True)
class PodPort:
    """A port in a pod."""

    namespace: str
    pod: str
    port: int

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.pod} port {self.port}"


@dataclass(frozen=True, kw_only=True)
class PodTls:
    """How TLS is spoken with what listens in a pod: `server_name` is what its certificate must name."""

    context: ssl.SSLContext
    server_name: str


class NameMismatchError(UnreachableError):
    """The certificate is trusted, but not for the name that was asked for."""


class WrongPortError(UnreachableError):
    """Nothing listens at the port, or something else than was looked for."""


class PodStream:
    """A connection, open from its making to `close`. For one thread at a time. Errors name the pod and the port."""

    def __init__(self, kube: KubeClient, target: PodPort, tls: PodTls | None = None) -> None:
        self.target = target
        self.is_over = False
        """Whether the pod's side has ended; what came before has been handed out."""
        self.heard = time.monotonic()
        """When the last sign of life came: a byte, or room where there was none, which the other end made by taking some."""
        self.answers_pings = False
        self._decoder = frames.Decoder()
        self._skip = {DATA: 2, ERROR: 2}  # each channel begins with the number of the port
        self._message = b""
        self.backlog = 0
        """Bytes that wait to be sent."""
        self._out: deque[memoryview] = deque()
        self._is_full = False
        self._is_leaving = False
        self._room = memoryview(bytearray(READ_SIZE + RECORD))
        self._failure: OSError | None = None
        """What came after the last byte, once that has been handed out."""
        self._layer = _Tls(tls) if tls else None
        upgraded = _handshake(kube, target)
        self._socket = upgraded.socket
        self._early = upgraded.early
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    # ---- what a driver waits on

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    # ---- data

    def send(self, data: bytes | bytearray, size: int | None = None) -> None:
        """Queue data for the pod, the first `size` bytes of it or all; `flush` sends it."""
        count = len(data) if size is None else size
        if self._layer:
            self._queue(self._layer.wrap(memoryview(data)[:count]))
        else:
            self._queue_all(frames.encoded(DATA, data, count))

    def flush(self) -> None:
        """Send of the queue what the socket takes now."""
        while self._out:
            piece = self._out[0]
            try:
                sent = self._socket.send(piece)  # one call at a time: OpenSSL wants the same bytes again
            except _WOULD_BLOCK:
                self._is_full = True
                return
            except OSError as error:
                raise self._broken(error) from error
            self.backlog -= sent
            if sent < len(piece):
                self._out[0] = piece[sent:]
            else:
                self._out.popleft()
            if self._is_full:
                self._is_full, self.heard = False, time.monotonic()

    def receive(self) -> Iterator[bytes | memoryview]:
        """What has come, without waiting; each piece is to be used before the next is asked for.

        UnreachableError: the connection broke, or the pod's side says what is wrong.
        """
        for data in self._arrived():
            for item in self._decoded(data):
                if isinstance(item, frames.Control):
                    self._answer(item)
                elif item.channel == DATA:
                    yield from self._plain(item)
                elif item.channel == ERROR:
                    self._message = (self._message + self._payload(item))[:MESSAGE_LIMIT]
                if self.is_over:
                    break
        if self._message:
            raise self._refused()

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._queue_all([frames.frame(frames.PING, b"")])

    def leave(self) -> None:
        """Say that nothing more comes. When the other end has said so too (`is_over`) it has taken all that came before.

        A connection that is closed while something unread lies here is reset, and what is still on its way is lost.
        """
        if not self._is_leaving:
            self._is_leaving = True
            self._queue_all([frames.frame(frames.CLOSE, (1000).to_bytes(2, "big"))])

    def close(self) -> None:
        """End it; what is queued is sent if the socket takes it at once."""
        try:
            self.leave()
            self.flush()
        except LrsError:
            pass
        finally:
            self._socket.close()

    def exchange(self, data: bytes, *, enough: int, limit: float) -> bytes:
        """Send, and wait for this many bytes; for a question before anybody else uses it. `limit` in seconds."""
        self.send(data)
        deadline = time.monotonic() + limit
        answer = b""
        while len(answer) < enough:
            self.flush()
            for piece in self.receive():
                answer += piece
            if len(answer) < enough:
                self._wait(deadline)
        return answer

    # ---- inside

    def _begin(self) -> None:
        """TLS, if any."""
        deadline = time.monotonic() + OPEN_LIMIT
        if self._layer is None:
            return
        while not self._try_handshake(self._layer):
            self.flush()
            for _ in self.receive():  # nothing can come before the handshake's end
                pass
            if self.is_over and not self._layer.has_input:
                raise self._no_tls("it closed the connection")
            self._wait(deadline, unless=self._layer.has_input)
        self.flush()

    def _try_handshake(self, layer: _Tls) -> bool:
        try:
            return layer.handshake()
        except ssl.SSLCertVerificationError as error:
            raise _untrusted(error, self.target, layer.server_name) from error
        except (ssl.SSLError, OSError) as error:
            raise self._no_tls(error.strerror or str(error)) from error
        finally:
            self._queue(layer.output())

    def _no_tls(self, reason: str) -> UnreachableError:
        return UnreachableError(
            f"{self.target}: no TLS there: {reason}", hint="does MongoDB speak TLS? leave out --mongo-tls if not"
        )

    def _wait(self, deadline: float, *, unless: bool = False) -> None:
        """Until the socket has something to read, or takes what is queued."""
        if unless:
            return
        if self.is_over:
            raise UnreachableError(f"{self.target}: it closed the connection", hint="look at the pod with: kubectl logs")
        poll = select.poll()
        poll.register(self, select.POLLIN | (select.POLLOUT if self._out else 0))
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1e3):
            raise UnreachableError(f"{self.target}: no answer in time", hint="look at the pod with: kubectl describe pod")

    def _queue(self, data: bytes) -> None:
        self._queue_all(frames.encoded(DATA, data, len(data)))

    def _queue_all(self, whole: Iterable[bytearray]) -> None:
        for each in whole:
            self._out.append(memoryview(each))
            self.backlog += len(each)

    def _arrived(self) -> Iterator[bytes | memoryview]:
        if self._early:
            early, self._early = self._early, b""
            yield early
        if self.is_over:
            return
        size, has_ended = self._fill()
        if size:
            self.heard = time.monotonic()
            yield self._room[:size]
        if has_ended and not self.is_over:
            self.is_over = True
            if self._failure or not self._message:
                raise self._broken(self._failure) from self._failure

    def _fill(self) -> tuple[int, bool]:
        """How many bytes have come, and whether there will be no more."""
        size = 0
        try:
            while size <= READ_SIZE:
                came = self._socket.recv_into(self._room[size:])
                if not came:
                    return size, True
                size += came
        except _WOULD_BLOCK:
            pass
        except OSError as error:
            self._failure = error
            return size, True
        return size, False

    def _decoded(self, data: bytes | memoryview) -> Iterator[frames.Data | frames.Control]:
        try:
            yield from self._decoder.feed(data)
        except frames.FrameError as error:
            raise UnreachableError(f"{self.target}: what answers does not forward ports: {error}") from error

    def _plain(self, item: frames.Data) -> Iterator[bytes | memoryview]:
        payload = self._payload(item)
        if not payload or self._layer is None:
            if payload:
                yield payload
            return
        try:
            yield from self._layer.unwrap(payload)
        except ssl.SSLError as error:
            raise UnreachableError(f"{self.target}: TLS broke: {error.reason or error}") from error
        self._queue(self._layer.output())
        self.is_over = self.is_over or self._layer.is_over

    def _payload(self, item: frames.Data) -> memoryview:
        skip = self._skip[item.channel]
        if not skip:
            return item.data
        taken = min(skip, len(item.data))
        self._skip[item.channel] = skip - taken
        return item.data[taken:]

    def _answer(self, control: frames.Control) -> None:
        if control.opcode == frames.PING and not self._is_leaving:
            self._queue_all([frames.frame(frames.PONG, control.data)])
        elif control.opcode == frames.PONG:
            self.answers_pings = True
        elif control.opcode == frames.CLOSE:
            self.is_over = True

    def _broken(self, error: OSError | None) -> UnreachableError:
        self.is_over = True
        how = f": {error.strerror.lower()}" if error is not None and error.strerror else ""
        return UnreachableError(f"{self.target}: the port-forward broke off{how}", hint="is the pod still there?")

    def _refused(self) -> UnreachableError:
        self.is_over = True
        text = printable(self._message.decode(errors="replace").strip())
        if "connection refused" in text:  # the kubelet's only word for it
            return WrongPortError(
                f"{self.target}: connection refused: nothing listens there", hint="is it the right port? see --mongo-port"
            )
        return UnreachableError(f"{self.target}: {text}")


class _Tls:
    """TLS between bytes and bytes."""

    def __init__(self, tls: PodTls) -> None:
        self.server_name = tls.server_name
        self.is_over = False
        self._ready = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = tls.context.wrap_bio(self._incoming, self._outgoing, server_hostname=tls.server_name)

    @property
    def has_input(self) -> bool:
        """Whether bytes have come that were not looked at."""
        return self._incoming.pending > 0

    def handshake(self) -> bool:
        """Go on with it; whether it is done."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self._ready = True
        return True

    def output(self) -> bytes:
        """What is to be sent."""
        return self._outgoing.read()

    def wrap(self, data: bytes | memoryview) -> bytes:
        """Encrypt."""
        if data:
            self._object.write(data)
        return self._outgoing.read()

    def unwrap(self, data: memoryview) -> Iterator[bytes]:
        """Decrypt."""
        self._incoming.write(data)
        while self._ready:
            try:
                plain = self._object.read(RECORD)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                plain = b""
            if not plain:
                self.is_over = True
                return
            yield plain


def _handshake(kube: KubeClient, target: PodPort) -> Upgraded:
    """Ask the API server for a port-forward."""
    key = base64.b64encode(secrets.token_bytes(16))
    headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key.decode()),
        ("Sec-WebSocket-Protocol", frames.PROTOCOL),
    ]
    path = f"{PODS.path(target.namespace, target.pod)}/portforward"
    try:
        upgraded = kube.upgrade(path, {"ports": str(target.port)}, headers)
    except NotFoundError as error:
        raise UnreachableError(f"{target}: the pod is not there", hint="list them with: kubectl get pods") from error
    except LrsError as error:
        raise _explained(error, target) from error
    expected = base64.b64encode(hashlib.sha1(key + _KEY_SUFFIX).digest()).decode()  # noqa: S324  the protocol's own
    agreed = (upgraded.headers.get("Sec-WebSocket-Accept"), upgraded.headers.get("Sec-WebSocket-Protocol"))
    if agreed != (expected, frames.PROTOCOL):
        upgraded.close()
        raise UnreachableError(f"{target}: {kube.connection.server} does not forward ports over WebSockets")
    _keep_alive(upgraded.socket)
    return upgraded


def _explained(error: LrsError, target: PodPort) -> LrsError:
    """The same error, with the pod and what to do about it."""
    if isinstance(error, DeniedError):
        hint = error.hint or "a port-forward needs the rights get and create on pods/portforward; see docs/rights.md"
        return type(error)(f"{target}: {error}", hint=hint)
    if isinstance(error, UnreachableError):
        return UnreachableError(f"{target}: {error}", hint=error.hint)
    return UnreachableError(f"{target}: {error}", hint="look at the pod with: kubectl describe pod")


def _keep_alive(connection: socket.socket) -> None:
    """Let the kernel find out when the server's machine is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _untrusted(error: ssl.SSLCertVerificationError, target: PodPort, name: str) -> UnreachableError:
    if error.verify_code == _HOSTNAME_MISMATCH:
        return NameMismatchError(f"{target}: its certificate is not one for {name}")
    return UnreachableError(
        f"{target}: its certificate was not accepted: {error.verify_message}",
        hint="name the authority that signed it with --mongo-ca-file",
    )


_HOSTNAME_MISMATCH = 62  # X509_V_ERR_HOSTNAME_MISMATCH
