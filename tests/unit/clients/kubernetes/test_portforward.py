"""A Unix socket into a pod: of this user alone, each connection one stream, and nothing left when it is closed."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kubectl_lrs.clients.kubernetes import portforward
from kubectl_lrs.clients.kubernetes.podstream import PodPort
from kubectl_lrs.clients.kubernetes.portforward import PATH_LIMIT, PortForward
from kubectl_lrs.model.errors import NotFoundError
from tests.builders.pod_kube import PATIENCE, PodKube

TARGET = PodPort(namespace="ns", pod="mongo-0", port=27017)


def _forward(kube: PodKube, silence: float = 60.0) -> PortForward:
    return PortForward(kube, TARGET, silence=silence)  # type: ignore[arg-type]


@pytest.fixture
def kube() -> PodKube:
    return PodKube()


@pytest.fixture
def forward(kube: PodKube) -> Iterator[PortForward]:
    made = _forward(kube)
    yield made
    made.close()


def _connected(forward: PortForward) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(forward.path)
    return client


def _whole(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (data := client.recv(1 << 16)):
        got += data
    return got


def test_only_this_user_reaches_it(forward: PortForward) -> None:
    directory = Path(forward.path).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert len(os.fsencode(forward.path)) <= PATH_LIMIT
    forward.close()
    assert not directory.exists()


def test_a_path_that_is_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch, folder: Path, kube: PodKube) -> None:
    deep = folder / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(portforward.tempfile, "tempdir", str(deep))
    made = _forward(kube)
    assert len(os.fsencode(made.path)) <= PATH_LIMIT
    made.close()
    assert list(deep.iterdir()) == []


def test_each_connection_is_a_stream_of_its_own(forward: PortForward, kube: PodKube) -> None:
    for number in range(3):
        with _connected(forward) as client:
            client.sendall(b"question %d" % number)
            pod = kube.pod()
            assert pod.hears_data() == b"question %d" % number
            pod.greets()
            pod.says(b"answer %d" % number)
            assert client.recv(100) == b"answer %d" % number
            pod.leaves()
    assert len(kube.asked) == 3


def test_what_was_sent_before_our_side_closed_arrives(forward: PortForward, kube: PodKube) -> None:
    with _connected(forward) as client:
        client.sendall(b"last words")
    assert kube.pod().hears_data() == b"last words"


def test_more_than_either_side_takes_at_once(forward: PortForward, kube: PodKube) -> None:
    size = 4 << 20
    with _connected(forward) as client:
        pod = kube.pod()
        pod.greets()
        sender = threading.Thread(target=lambda: [pod.says(b"x" * (1 << 16)) for _ in range(size >> 16)])
        sender.start()
        assert len(_whole(client, size)) == size
        sender.join(PATIENCE)
        assert not sender.is_alive()
        pod.leaves()


def test_the_pods_end_is_ours(forward: PortForward, kube: PodKube) -> None:
    with _connected(forward) as client:
        pod = kube.pod()
        pod.greets()
        pod.says(b"bye")
        pod.leaves()
        assert _whole(client, 100) == b"bye"
    assert forward.problem is None or "broke off" in str(forward.problem)


def test_why_a_connection_ended_is_kept(kube: PodKube) -> None:
    failing = PodKube(NotFoundError("no", status=404))
    made = _forward(failing)
    with _connected(made) as client:
        assert client.recv(1) == b"", "it just ends"
    made.close()
    assert "the pod is not there" in str(made.problem)


def test_one_that_is_half_open_is_given_up(kube: PodKube) -> None:
    made = _forward(kube, silence=0.2)
    with _connected(made) as client:
        pod = kube.pod()
        pod.greets()
        client.sendall(b"x")
        assert pod.hears_data() == b"x", "which answers a ping"
        assert client.recv(1) == b"", "and then says nothing more"
    made.close()
    assert "half open" in str(made.problem)


def test_closed_while_connections_are_open(forward: PortForward, kube: PodKube) -> None:
    clients = [_connected(forward) for _ in range(2)]
    for client in clients:
        client.sendall(b"x")
    pods = [kube.pod() for _ in clients]
    forward.close()
    for client in clients:
        with client, suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("port-forward")]
    with pytest.raises(OSError, match="No such file"):
        _connected(forward)
    for pod in pods:
        pod.leaves()
    forward.close()
