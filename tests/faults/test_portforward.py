"""The port-forward, through a real API server to a pod that a kubelet's stand-in knows: bytes, ends, troubles, refusals."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kubectl_lrs.clients.kubernetes import podstream, portforward
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.clients.kubernetes.podstream import PodPort, PodStream
from kubectl_lrs.clients.kubernetes.portforward import PARTS, SILENCE, PortForward
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import wait_until
from tests.bed.pods import MONGO_PORT, Kubelet, MongoPods
from tests.bed.proxy import FaultProxy, refuse
from tests.builders.pod_kube import PodKube
from tests.builders.talker import Talker, Tunnel, expected, read

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(plane) as running:
        yield running


@pytest.fixture
def talker() -> Iterator[Talker]:
    with Talker() as running:
        yield running


@pytest.fixture
def pods(kubelet: Kubelet, namespace: str) -> MongoPods:
    return MongoPods(kubelet, namespace)


@pytest.fixture
def pod(pods: MongoPods, talker: Talker) -> str:
    return pods.pod(0, talker.port)


def kube_of(kubeconfig: Path) -> KubeClient:
    return KubeClient(load(KubeFlags(kubeconfig=str(kubeconfig)), {}))


@pytest.fixture
def kube(plane: ControlPlane) -> KubeClient:
    return kube_of(plane.kubeconfig)


def port_of(pod: str, port: int = MONGO_PORT) -> PodPort:
    namespace, _, name = pod.partition("/")
    return PodPort(namespace=namespace, pod=name, port=port)


Open = Callable[[], socket.socket]


HASTY = 4.0
"""Seconds of silence, for tests of what is silent: more than a busy machine is by itself."""


@pytest.fixture
def forward(kube: KubeClient, pod: str, request: pytest.FixtureRequest) -> Iterator[PortForward]:
    running = PortForward(kube, port_of(pod), silence=getattr(request, "param", SILENCE))
    yield running
    running.close()


hasty = pytest.mark.parametrize("forward", [HASTY], indirect=True, ids=["hasty"])


@pytest.fixture
def connect(forward: PortForward) -> Iterator[Open]:
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(forward.path)
        opened.append(connection)
        return connection

    yield connect
    for each in opened:
        each.close()


def test_carries_bytes_and_leaves_nothing(kube: KubeClient, kubelet: Kubelet, pod: str) -> None:
    before = set(threading.enumerate())
    forward = PortForward(kube, port_of(pod))
    directory = Path(forward.path).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        for connection in (one, other):
            connection.connect(forward.path)
        one.sendall(b"one")
        other.sendall(b"other")
        assert (read(one, 3), read(other, 5)) == (b"one", b"other")
        assert kubelet.connections(pod) == (2, 2)
        other.close()
        wait_until(lambda: kubelet.connections(pod) == (1, 2), "the connection to end with ours")
        forward.close()
        assert one.recv(1) == b""
    wait_until(lambda: kubelet.connections(pod)[0] == 0, "the connection to end with the forward")
    assert not directory.exists()
    assert set(threading.enumerate()) <= before | {t for t in threading.enumerate() if "port-forward" not in t.name}
    assert forward.problem is None


def test_many_bytes_both_ways_on_several_connections(connect: Open, talker: Talker) -> None:
    size = 24 * MEGABYTE
    data = expected(size)
    results: list[tuple[bool, bool]] = []

    def work() -> None:
        connection = connect()
        connection.sendall(b"GIVE %d" % size)
        got = read(connection, size) == data
        connection.sendall(b"TAKE %d\n" % size + data)
        results.append((got, read(connection, 64).decode() == hashlib.sha256(data).hexdigest()))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(True, True)] * 3


def test_both_sides_send_at_once(connect: Open) -> None:
    data = b"x" * (16 * MEGABYTE)  # far more than all buffers hold: who does not read while it writes waits for ever
    connection = connect()
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    assert read(connection, len(data)) == data
    sender.join()


def test_what_nobody_reads_is_not_fetched(connect: Open, talker: Talker) -> None:
    size = 96 * MEGABYTE
    connection = connect()
    connection.sendall(b"GIVE %d" % size)
    seen: list[int] = [-1]

    def stands_still() -> bool:
        time.sleep(0.5)
        seen.append(talker.given)
        return seen[-1] == seen[-2] and seen[-1] > 0

    wait_until(stands_still, "the sender to be held back")
    assert talker.given < size // 2
    assert hashlib.sha256(read(connection, size)).digest() == hashlib.sha256(expected(size)).digest()


def test_half_closed_still_receives(connect: Open) -> None:
    connection = connect()
    connection.sendall(b"END %d" % (4 * MEGABYTE))
    connection.shutdown(socket.SHUT_WR)
    assert read(connection, 8 * MEGABYTE) == expected(4 * MEGABYTE)


def test_what_was_sent_before_closing_arrives(connect: Open, talker: Talker) -> None:
    """Also while something from the pod lies here unread: closing at once would reset the connection, and lose the word."""
    for _ in range(20):
        connection = connect()
        connection.sendall(b"GIVE 1")
        connection.close()
    wait_until(lambda: talker.given == 20, "the words to arrive")


def test_the_pod_closes(connect: Open, forward: PortForward) -> None:
    connection = connect()
    connection.sendall(b"END %d" % MEGABYTE)
    assert read(connection, 2 * MEGABYTE) == expected(MEGABYTE)
    assert forward.problem is None


# ---- trouble


def problem_of(forward: PortForward) -> str:
    wait_until(lambda: forward.problem is not None, "the forward to tell its problem")
    assert isinstance(forward.problem, UnreachableError)
    return str(forward.problem)


def test_cut_in_mid_transfer(connect: Open, forward: PortForward, kubelet: Kubelet, pod: str) -> None:
    connection = connect()
    connection.sendall(b"GIVE %d" % (64 * MEGABYTE))
    read(connection, MEGABYTE)
    kubelet.cut(pod)
    assert len(read(connection, 64 * MEGABYTE)) < 63 * MEGABYTE
    assert f"pod {pod} port {MONGO_PORT}" in problem_of(forward)
    again = connect()
    again.sendall(b"again")
    assert read(again, 5) == b"again"


@hasty
def test_half_open_is_given_up(connect: Open, forward: PortForward, kubelet: Kubelet, pod: str) -> None:
    connection = connect()
    connection.sendall(b"hello")
    read(connection, 5)
    kubelet.trouble(pod, frozen=True)
    connection.sendall(b"nobody hears this")
    assert read(connection, 1) == b""
    assert "half open" in problem_of(forward)


@hasty
def test_quiet_is_not_half_open(connect: Open, forward: PortForward, monkeypatch: pytest.MonkeyPatch) -> None:
    pings: list[PodStream] = []
    ping = PodStream.ping
    monkeypatch.setattr(PodStream, "ping", lambda stream: (pings.append(stream), ping(stream)))
    connection = connect()
    wait_until(lambda: len(pings) > 2 * PARTS, "more than twice the silence that is allowed")
    connection.sendall(b"still there")
    assert read(connection, 11) == b"still there"
    assert forward.problem is None


def test_what_has_slept_itself_gives_up_nothing(connect: Open, forward: PortForward, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a laptop that was shut, or a machine that was moved: time has passed, and nobody was asked anything in it."""
    connection = connect()
    connection.sendall(b"before")
    assert read(connection, 6) == b"before"
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 10 * SILENCE)
    for each in (podstream, portforward):
        monkeypatch.setattr(each, "time", later)
    connection.sendall(b"after")
    assert read(connection, 5) == b"after"
    assert forward.problem is None


def test_slow_to_take_is_not_half_open() -> None:
    """A pod that takes what it is sent, and answers no ping before that: longer than the silence that is allowed."""
    kube = PodKube()
    forward = PortForward(kube, port_of("ns/mongo-0"), silence=HASTY)  # type: ignore[arg-type]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(forward.path)
        pod = kube.pod()
        pod.greets()
        connection.sendall(b"x")
        assert pod.hears_data() == b"x", "which answers a ping"
        sender = threading.Thread(target=connection.sendall, args=(b"x" * (20 * MEGABYTE),))
        sender.start()
        began, taken = time.monotonic(), 0
        while time.monotonic() - began < 1.5 * HASTY and taken < 12 * MEGABYTE:  # so that there is always more than buffers hold
            taken += len(pod.socket.recv(1 << 16))
            time.sleep(0.03)
        while taken < 20 * MEGABYTE and (more := len(pod.socket.recv(1 << 20))):
            taken += more
        sender.join()
        pod.says(b"all")
        assert read(connection, 3) == b"all"
        pod.leaves()
    forward.close()


def test_slow_is_not_half_open(connect: Open, forward: PortForward, kubelet: Kubelet, pod: str) -> None:
    connection = connect()
    kubelet.trouble(pod, rate=200_000)
    connection.sendall(b"GIVE 500000")
    assert read(connection, 500_000) == expected(500_000)
    assert forward.problem is None


def test_a_pod_that_is_replaced_in_mid_transfer(
    connect: Open, forward: PortForward, pods: MongoPods, kubelet: Kubelet, pod: str
) -> None:
    connection = connect()
    connection.sendall(b"GIVE %d" % (64 * MEGABYTE))
    read(connection, MEGABYTE)
    with Talker() as other:
        pods.replace(0, other.port)
        assert len(read(connection, 64 * MEGABYTE)) < 63 * MEGABYTE
        again = connect()
        again.sendall(b"GIVE 10")
        assert read(again, 10) == expected(10)
        wait_until(lambda: other.given == 10, "the other one to have counted what it gave")


def test_the_api_server_goes_away(plane: ControlPlane, connect: Open, forward: PortForward) -> None:
    connection = connect()
    connection.sendall(b"hello")
    read(connection, 5)
    plane.kill_apiserver()
    try:
        assert read(connection, 1) == b""
        assert "broke off" in problem_of(forward)
        assert connect().recv(1) == b""
        wait_until(lambda: "cannot be reached" in str(forward.problem), "the next connection to fail")
    finally:
        plane.start_apiserver()


# ---- refusals


def refusal(kube: KubeClient, target: PodPort) -> LrsError:
    with pytest.raises(LrsError) as caught:
        talks(kube, target)
    return caught.value


def test_no_such_pod(kube: KubeClient, namespace: str) -> None:
    error = refusal(kube, port_of(f"{namespace}/pcs-mongo-0"))
    assert isinstance(error, UnreachableError)
    assert str(error) == f"pod {namespace}/pcs-mongo-0 port 27017: the pod is not there"


def test_a_pod_that_its_node_does_not_know(kube: KubeClient, kubelet: Kubelet, pod: str) -> None:
    kubelet.forget(pod)
    assert isinstance(refusal(kube, port_of(pod)), UnreachableError)


def test_nothing_listens(kube: KubeClient, pod: str) -> None:
    error = refusal(kube, port_of(pod, 4711))
    assert isinstance(error, UnreachableError)
    assert str(error) == f"pod {pod} port 4711: connection refused: nothing listens there"
    assert "--mongo-port" in error.hint


def test_a_node_that_is_gone(plane: ControlPlane, kube: KubeClient, namespace: str, talker: Talker) -> None:
    with Kubelet(plane) as other:
        pod = MongoPods(other, namespace).pod(1, talker.port)
    error = refusal(kube, port_of(pod))
    assert isinstance(error, UnreachableError)
    assert f"pod {pod} port 27017" in str(error)


def test_not_allowed(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    kubeconfig = plane.write_kubeconfig(tmp_path / "nobody", token=plane.tokens["user-9"])
    error = refusal(kube_of(kubeconfig), port_of(pod))
    assert isinstance(error, DeniedError)
    assert f"pod {pod}" in str(error)
    assert "pods/portforward" in str(error)
    assert "get and create on pods/portforward" in error.hint


def test_a_server_that_is_busy_is_asked_again(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    with FaultProxy(plane) as proxy:
        proxy.when("GET", "/portforward", refuse(429, retry_after="0"), nth=range(1, 3))
        proxy.when("GET", "/portforward", refuse(500, message="enough"), nth=range(1, 9))
        error = refusal(kube_of(proxy.kubeconfig(tmp_path / "config")), port_of(pod))
        assert [each.status for each in proxy.log] == [429, 429, 500]
    assert str(error) == f"pod {pod} port 27017: enough"


def test_refused_credentials(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    kubeconfig = plane.write_kubeconfig(tmp_path / "wrong", token="wrong")
    error = refusal(kube_of(kubeconfig), port_of(pod))
    assert isinstance(error, DeniedError)
    assert "credentials were refused" in str(error)


# ---- every way to the API server


def talks(kube: KubeClient, target: PodPort) -> bool:
    stream = PodStream(kube, target)
    try:
        return stream.exchange(b"hello", enough=5, limit=20) == b"hello"
    finally:
        stream.close()


def test_client_certificate(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    certificate, key = plane.client_certificate("forwarder", "system:masters")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    assert talks(kube_of(plane.write_kubeconfig(tmp_path / "config", user=user)), port_of(pod))


def test_exec_plugin_is_asked_again(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1"
    answer = tmp_path / "answer.json"
    script = tmp_path / "plugin"
    script.write_text(f'#!/bin/sh\necho asked >>"{tmp_path}/asked"\ncat "{answer}"\n')
    script.chmod(0o700)

    def answers(token: str) -> None:
        answer.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}}))

    user = {"exec": {"apiVersion": version, "command": str(script), "interactiveMode": "Never"}}
    kube = kube_of(plane.write_kubeconfig(tmp_path / "config", user=user))
    answers("expired")
    assert isinstance(refusal(kube, port_of(pod)), DeniedError)
    answers(plane.admin_token)
    assert talks(kube, port_of(pod))
    assert len((tmp_path / "asked").read_text().split()) >= 2


def test_proxy_and_server_name(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    path = plane.write_kubeconfig(tmp_path / "config", token=plane.admin_token)
    config = json.loads(path.read_text())
    with Tunnel() as tunnel:
        config["clusters"][0]["cluster"] |= {"proxy-url": tunnel.url, "tls-server-name": "kubernetes.default"}
        path.write_text(json.dumps(config))
        assert talks(kube_of(path), port_of(pod))
        assert tunnel.asked == [plane.server.removeprefix("https://")]


def test_impersonation(plane: ControlPlane, pod: str, tmp_path: Path) -> None:
    user = {"token": plane.admin_token, "as": "nobody", "as-groups": ["system:authenticated"]}
    error = refusal(kube_of(plane.write_kubeconfig(tmp_path / "nobody", user=user)), port_of(pod))
    assert 'User "nobody" cannot' in str(error)
    user["as-groups"] = ["system:authenticated", "system:masters"]  # two values of one header
    assert talks(kube_of(plane.write_kubeconfig(tmp_path / "master", user=user)), port_of(pod))


def test_a_long_temporary_folder(kube: KubeClient, pod: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    forward = PortForward(kube, port_of(pod))
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(forward.path)
            connection.sendall(b"hello")
            assert read(connection, 5) == b"hello"
    finally:
        forward.close()
    assert os.listdir(long) == []
