"""One connection into a pod: what the pod sends comes out, what goes wrong names pod and port, and nothing blocks."""

from __future__ import annotations

import os
import select
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websocket import ABNF

from kubectl_lrs.clients.kubernetes import podstream
from kubectl_lrs.clients.kubernetes.podstream import ERROR, NameMismatchError, PodPort, PodStream, PodTls
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, NotFoundError, UnreachableError
from tests.builders.chained import pem
from tests.builders.pod_kube import PATIENCE, Pod, PodKube, frame

TARGET = PodPort(namespace="ns", pod="mongo-0", port=27017)
WHERE = "pod ns/mongo-0 port 27017"


def _opened(kube: PodKube, tls: PodTls | None = None) -> PodStream:
    return PodStream(kube, TARGET, tls)  # type: ignore[arg-type]


@pytest.fixture
def both() -> Iterator[tuple[PodStream, Pod]]:
    kube = PodKube()
    stream = _opened(kube)
    pod = kube.pod()
    yield stream, pod
    stream.close()
    pod.leaves()


def _read(stream: PodStream, count: int) -> bytes:
    """So many bytes, as they come."""
    got = b""
    while len(got) < count:
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        assert poll.poll(PATIENCE * 1e3), got
        for piece in stream.receive():
            got += piece
    return got


def test_it_asks_for_the_port_of_the_pod() -> None:
    kube = PodKube()
    stream = _opened(kube)
    assert kube.asked == [("/api/v1/namespaces/ns/pods/mongo-0/portforward", {"ports": "27017"})]
    stream.close()
    assert kube.pod().hears() == (ABNF.OPCODE_CLOSE, (1000).to_bytes(2, "big"))


def test_both_ways(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    stream.send(b"question")
    assert stream.backlog
    stream.flush()
    assert not stream.backlog
    assert pod.hears_data() == b"question"
    pod.greets()
    pod.says(b"answer")
    assert _read(stream, 6) == b"answer", "the number of the port is none of the data"
    assert list(stream.receive()) == []
    assert not stream.is_over


def test_the_number_of_the_port_may_come_in_pieces(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.says(b"\x89")
    pod.says(b"\x69ab")
    pod.says(b"c")
    assert _read(stream, 3) == b"abc"


def test_what_came_with_the_answer_is_not_lost() -> None:
    kube = PodKube(early=frame(ABNF.OPCODE_BINARY, b"\0\x89\x69early"))
    stream = _opened(kube)
    assert b"".join(map(bytes, stream.receive())) == b"early"
    stream.close()


def test_more_than_the_socket_takes_waits(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    data, got = os.urandom(8 << 20), bytearray()
    stream.send(data)
    stream.flush()
    assert stream.backlog, "it does not block"

    def hear() -> None:
        while len(got) < len(data):
            got.extend(pod.hears_data())

    thread = threading.Thread(target=hear)
    thread.start()
    limit = time.monotonic() + PATIENCE
    while stream.backlog and time.monotonic() < limit:
        stream.flush()
    assert not stream.backlog
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert got == data


def test_pings_are_answered_and_asked(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.socket.sendall(frame(ABNF.OPCODE_PING, b"there?"))
    pod.greets()
    pod.says(b"x")
    assert _read(stream, 1) == b"x"
    stream.flush()
    assert pod.hears() == (ABNF.OPCODE_PONG, b"there?")
    stream.ping()
    stream.flush()
    assert pod.hears()[0] == ABNF.OPCODE_PING
    assert not stream.answers_pings
    pod.socket.sendall(frame(ABNF.OPCODE_PONG, b""))
    pod.says(b"y")
    _read(stream, 1)
    assert stream.answers_pings


def test_question_and_answer(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.greets()
    pod.says(b"12")
    pod.says(b"34")
    assert stream.exchange(b"?", enough=4, limit=PATIENCE) == b"1234"
    with pytest.raises(UnreachableError, match=f"{WHERE}: no answer in time"):
        stream.exchange(b"?", enough=1, limit=0.01)


# ---- ends


def test_the_pods_side_ends_well(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.greets()
    pod.says(b"last")
    pod.socket.sendall(frame(ABNF.OPCODE_CLOSE, b""))
    assert _read(stream, 4) == b"last"
    list(stream.receive())
    assert stream.is_over
    with pytest.raises(UnreachableError, match="it closed the connection"):
        stream.exchange(b"?", enough=1, limit=PATIENCE)


SAID = {
    b"dial tcp 127.0.0.1:27017: connect: connection refused": "connection refused: nothing listens there",
    b"something \x1b[2J odd": r"something \\x1b\[2J odd",
    b"x" * 9000: "x{4096}$",
}


@pytest.mark.parametrize("said", SAID)
def test_what_the_error_channel_says(said: bytes, both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.greets()
    pod.says(said, ERROR)
    with pytest.raises(UnreachableError, match=f"{WHERE}: {SAID[said]}"):
        _read(stream, 1)
    assert stream.is_over


def test_it_breaks_off(both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.leaves()
    with pytest.raises(UnreachableError, match=f"{WHERE}: the port-forward broke off"):
        _read(stream, 1)
    assert stream.is_over


@pytest.mark.parametrize("junk", [b"\x81\x02hi", b"HTTP/1.1 200 OK\r\n", b"\xff" * 20])
def test_something_else_answers(junk: bytes, both: tuple[PodStream, Pod]) -> None:
    stream, pod = both
    pod.socket.sendall(junk)
    with pytest.raises(UnreachableError, match=f"{WHERE}: what answers does not forward ports"):
        _read(stream, 1)


ERRORS: dict[str, tuple[LrsError, type[LrsError], str]] = {
    "no pod": (NotFoundError("x", status=404), UnreachableError, "the pod is not there"),
    "no right": (DeniedError("forbidden"), DeniedError, "forbidden"),
    "no login": (CredentialsError("expired", hint="log in"), CredentialsError, "expired"),
    "no server": (UnreachableError("away", hint="look"), UnreachableError, "away"),
    "odd": (LrsError("500"), UnreachableError, "500"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_no_connection(what: str) -> None:
    error, kind, said = ERRORS[what]
    with pytest.raises(kind, match=f"{WHERE}: .*{said}") as caught:
        _opened(PodKube(error))
    assert caught.value.hint


@pytest.mark.parametrize("wrong", [{"accept": "AAAA"}, {"protocol": "v5.channel.k8s.io"}])
def test_a_server_that_agrees_to_something_else(wrong: dict[str, str]) -> None:
    kube = PodKube(**wrong)
    with pytest.raises(UnreachableError, match="https://api does not forward ports over WebSockets"):
        _opened(kube)
    with pytest.raises(EOFError):
        kube.pod().hears()


# ---- TLS


class _Speaks(threading.Thread):
    """A pod that speaks TLS, with the leaf's certificate; what it hears it says back."""

    def __init__(self, pod: Pod, folder: Path) -> None:
        super().__init__(daemon=True)
        self.pod = pod
        pair = folder / "pair.pem"
        pair.write_bytes(pem("leaf.crt") + pem("leaf.key"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def run(self) -> None:
        try:
            self.pod.greets()
            while not self._done(self.object.do_handshake):
                self.incoming.write(self.pod.hears_data())
            heard = b""
            while not heard:
                self.incoming.write(self.pod.hears_data())
                self._done(lambda: None)
                try:
                    heard = self.object.read(1 << 16)
                except ssl.SSLWantReadError:
                    continue
            self.object.write(heard.upper())
            self._done(lambda: None)
        except (OSError, EOFError):
            return

    def _done(self, act: object) -> bool:
        try:
            act()  # type: ignore[operator]
        except ssl.SSLWantReadError:
            return False
        finally:
            if data := self.outgoing.read():
                self.pod.says(data)
        return True


def _tls(name: str = "127.0.0.1", authority: str = "intermediate.crt") -> PodTls:
    return PodTls(context=Tls(authorities=pem(authority)).context(), server_name=name)


class _TlsKube(PodKube):
    """Its pod speaks TLS as soon as it is there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def upgrade(self, *arguments: object) -> object:  # type: ignore[override]
        made = super().upgrade(*arguments)  # type: ignore[arg-type]
        self.thread = _Speaks(self.pod(), self.folder)
        self.thread.start()
        return made


def test_tls_with_the_pod(folder: Path) -> None:
    kube = _TlsKube(folder)
    stream = _opened(kube, _tls())
    assert stream.exchange(b"secret words", enough=12, limit=PATIENCE) == b"SECRET WORDS"
    stream.close()
    kube.thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("tls", "kind", "said"),
    [
        (("other.example.com",), NameMismatchError, "its certificate is not one for other.example.com"),
        (("127.0.0.1", "root.crt"), UnreachableError, "its certificate was not accepted"),
    ],
)
def test_a_certificate_that_is_not_right(tls: tuple[str, ...], kind: type[LrsError], said: str, folder: Path) -> None:
    kube = _TlsKube(folder)
    with pytest.raises(kind, match=f"{WHERE}: {said}"):
        _opened(kube, _tls(*tls))
    kube.thread.join(PATIENCE)


def test_no_tls_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(PodKube):
        def upgrade(self, *arguments: object) -> object:  # type: ignore[override]
            made = super().upgrade(*arguments)  # type: ignore[arg-type]
            self.kept = pod = self.pod()
            pod.greets()
            pod.says(b"It looks like you are trying to access MongoDB over HTTP")
            return made

    with pytest.raises(UnreachableError, match=f"{WHERE}: no TLS there"):
        _opened(Plain(), _tls())
    monkeypatch.setattr(podstream, "OPEN_LIMIT", 0.01)
    with pytest.raises(UnreachableError, match=f"{WHERE}: no answer in time"):
        _opened(PodKube(), _tls())
