"""The port-forward to a pod beside `kubectl port-forward`: the same bytes each way, through the same API server and kubelet.

Processor time is that of the process that forwards, without its start; the clock runs from the first byte to the answer
that the last one has arrived. Linux only: it is read from /proc.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Row, Run, median
from benchmarks.place import Place
from tests.bed import loader
from tests.bed.pods import MONGO_PORT, Kubelet, MongoPods

SIZE = 256 << 20
BLOCK = os.urandom(1 << 20)
TIMES = 5
NAMESPACE = "datarobot"

_OURS = """
import sys
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.clients.kubernetes.podstream import PodPort
from kubectl_lrs.clients.kubernetes.portforward import PortForward
kubeconfig, namespace, pod, port = sys.argv[1:]
kube = KubeClient(load(KubeFlags(kubeconfig=kubeconfig), {}))
forward = PortForward(kube, PodPort(namespace=namespace, pod=pod, port=int(port)))
print(forward.path, flush=True)
sys.stdin.read()
forward.close()
"""


def measure() -> Iterator[Row]:
    """256 MB to the pod, and 256 MB from it, in turn."""
    with _ways() as (ours, theirs):
        for what, carry in (("to write 256 MB through a port-forward", _write), ("to read 256 MB through it", _read)):
            pairs = [(_carried(ours, carry), _carried(theirs, carry)) for _ in range(TIMES)]
            mine, kubectls = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
            yield Row(what=what, ours=mine.wall, against="kubectl port-forward", theirs=kubectls.wall, budget=1)
            processor = f"{what}: processor time"
            yield Row(what=processor, ours=_cpu(pairs, 0), against="kubectl port-forward", theirs=_cpu(pairs, 1), budget=None)


@dataclass(frozen=True)
class _Way:
    """A process that forwards, and where it listens."""

    pid: int
    family: socket.AddressFamily
    address: str | tuple[str, int]

    def connected(self) -> socket.socket:
        connection = socket.socket(self.family)
        connection.connect(self.address)
        return connection

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _ways() -> Iterator[tuple[_Way, _Way]]:
    """Ours and kubectl's, to the same port of the same pod."""
    with ExitStack() as stack:
        place = stack.enter_context(Place.fresh())
        pods = MongoPods(stack.enter_context(Kubelet(place.plane)), NAMESPACE)
        loader.create_namespace(place.plane, NAMESPACE)
        pod = pods.pod(0, stack.enter_context(_pod())).partition("/")[2]
        words = (str(place.plane.kubeconfig), NAMESPACE, pod, str(MONGO_PORT))
        kubectl = (str(place.plane.kubectl), "port-forward", "-n", NAMESPACE, f"pod/{pod}", f":{MONGO_PORT}")
        ours, path = stack.enter_context(_started([sys.executable, "-c", _OURS, *words], place))
        theirs, said = stack.enter_context(_started(kubectl, place))
        port = re.search(r"127\.0\.0\.1:(\d+) ->", said)
        if port is None:
            raise RuntimeError(f"kubectl port-forward: {said}")
        yield _Way(ours, socket.AF_UNIX, path), _Way(theirs, socket.AF_INET, ("127.0.0.1", int(port[1])))


@contextmanager
def _started(command: list[str] | tuple[str, ...], place: Place) -> Iterator[tuple[int, str]]:
    """A process, and the first line that it says."""
    environment = {**place.environment, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=place.directory, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.pid, process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.terminate()
        process.wait()
        process.stdout.close()


@contextmanager
def _pod() -> Iterator[int]:
    """What listens in the pod: `w` and it takes all there is and answers, `r` and it gives as much; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def _serve(listener: socket.socket) -> None:
    with suppress(OSError):  # it is closed at the end
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(1) == b"r":
                    _send(connection)
                else:
                    _take(connection)
                    connection.sendall(b"!")
                connection.recv(1)


def _carried(way: _Way, carry: Callable[[socket.socket], None]) -> Run:
    with way.connected() as connection:
        before, began = way.cpu(), time.perf_counter()
        carry(connection)
        return Run(time.perf_counter() - began, way.cpu() - before, 0)


def _write(connection: socket.socket) -> None:
    connection.sendall(b"w")
    _send(connection)
    if connection.recv(1) != b"!":
        raise RuntimeError("what was written did not arrive")


def _read(connection: socket.socket) -> None:
    connection.sendall(b"r")
    _take(connection)


def _send(connection: socket.socket) -> None:
    for _ in range(SIZE // len(BLOCK)):
        connection.sendall(BLOCK)


def _take(connection: socket.socket) -> None:
    left, room = SIZE, memoryview(bytearray(len(BLOCK)))
    while left:
        came = connection.recv_into(room[: min(left, len(room))])
        if not came:
            raise RuntimeError(f"{left} bytes did not arrive")
        left -= came


def _cpu(pairs: list[tuple[Run, Run]], side: int) -> float:
    return sorted(pair[side].cpu for pair in pairs)[len(pairs) // 2]
