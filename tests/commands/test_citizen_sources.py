"""Where the configuration comes from, beside the real kubectl: several files, credential plugins, a pod, a proxy."""

from __future__ import annotations

import base64
import json
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from tests.bed.controlplane import ControlPlane
from tests.builders.citizen import Bench, Case, told

V1, V1BETA1 = "v1", "v1beta1"
LONG_AGO, FAR_AWAY = "2001-01-01T00:00:00Z", "2101-01-01T00:00:00.123456789+01:00"


@pytest.fixture
def bench(plane: ControlPlane, tmp_path: Path) -> Bench:
    return Bench(plane, tmp_path / "bench")


def _exec(version: str = V1, **more: Any) -> dict[str, Any]:
    api = f"client.authentication.k8s.io/{version}"
    return {"exec": {"apiVersion": api, "command": "./plugin", "interactiveMode": "Never", **more}}


# ---- credential plugins

ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "a token": ({"token": "{token1}"}, "user-1"),
    "a token that is good for long": ({"token": "{token1}", "expirationTimestamp": FAR_AWAY}, "user-1"),
    "a client certificate": ({"clientCertificateData": "{pem}", "clientKeyData": "{key_pem}"}, "cert-user"),
}


@pytest.mark.parametrize("version", [V1, V1BETA1])
@pytest.mark.parametrize("what", ANSWERS)
def test_plugin_gives_the_same_user(bench: Bench, what: str, version: str) -> None:
    bench.facts |= {"pem": Path(bench.facts["cert"]).read_text(), "key_pem": Path(bench.facts["key"]).read_text()}
    status, user = ANSWERS[what]
    bench.answer(version, status)
    config = bench.write(Case(user=_exec(version, provideClusterInfo=True)))
    with bench.plugin() as notes:
        kubectl = bench.kubectl("--kubeconfig", str(config))
        told_kubectl = told(notes)
        ours = bench.ours("--kubeconfig", str(config), "--times", "3")
        told_us = told(notes)
    assert (kubectl.name, ours.name) == (user, user)
    assert len(told_us) == 1, "asked once for all requests"
    assert told_us[0] == told_kubectl[0]


def test_plugin_is_asked_again_when_its_credential_is_over(bench: Bench) -> None:
    bench.answer(V1, {"token": "{token1}", "expirationTimestamp": LONG_AGO})
    config = bench.write(Case(user=_exec()))
    with bench.plugin() as notes:
        assert bench.ours("--kubeconfig", str(config), "--times", "3").name == "user-1"
        assert len(told(notes)) >= 3, "for each request"


def test_plugin_is_not_asked_where_there_is_a_token(bench: Bench) -> None:
    bench.answer(V1, {"token": "{token1}"})
    config = bench.write(Case(user={**_exec(), "token": "{token0}"}))
    with bench.plugin() as notes:
        kubectl, ours = bench.both("--kubeconfig", str(config))
        assert (kubectl.name, ours.name) == ("user-0", "user-0")
        assert told(notes) == []


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such program": ({"command": "no-such-plugin", "installHint": "get it from the moon"}, {}, "get it from the moon"),
    "it fails": ({"env": [{"name": "PLUGIN_EXIT", "value": "3"}]}, {}, "failed with exit code 3"),
    "it needs a terminal": ({"interactiveMode": "Always"}, {}, "it needs a terminal"),
    "it gives nothing": ({}, {}, "neither a token nor a certificate"),
    "half a certificate": ({}, {"clientCertificateData": "x"}, "only one of certificate and key"),
}


@pytest.mark.parametrize("what", WRONG)
def test_plugin_that_does_not_work(bench: Bench, what: str) -> None:
    section, status, words = WRONG[what]
    bench.answer(V1, status)
    config = bench.write(Case(user=_exec(**section)))
    with bench.plugin():
        kubectl, ours = bench.both("--kubeconfig", str(config))
    assert kubectl.code == 1
    assert ours.code == 5
    assert words in ours.words
    assert len(ours.words.splitlines()) <= 2


def test_plugin_of_another_version(bench: Bench) -> None:
    bench.answer(V1BETA1, {"token": "{token1}"})
    config = bench.write(Case(user=_exec(V1)))
    with bench.plugin():
        kubectl, ours = bench.both("--kubeconfig", str(config))
    assert (kubectl.code, ours.code) == (1, 5)


# ---- several files


def _files(bench: Bench) -> str:
    """Three files and one that is not there: the first that names an entry decides all of it."""
    one = {"contexts": [{"name": "here", "context": {"cluster": "bed", "user": "who", "namespace": "mine"}}]}
    none: dict[str, Any] = {"clusters": [], "users": [], "contexts": [], "current-context": ""}
    bench.write(Case(config={**none, **one}), "one")
    two = Case(cluster={"certificate-authority-data": None, "certificate-authority": "ca.crt"}, user={"tokenFile": "token"})
    bench.write(two, "sub/two")
    (bench.directory / "sub" / "token").write_text(bench.facts["token1"])
    shutil.copy(bench.facts["ca"], bench.directory / "sub" / "ca.crt")
    bench.write(Case(cluster={"server": "https://127.0.0.1:1"}, user={"token": "wrong"}, context={"namespace": "last"}), "three")
    return ":".join(str(bench.directory / name) for name in ("one", "no-such", "sub/two", "three", "one"))


def test_files_of_the_environment_are_merged(bench: Bench) -> None:
    env = {"KUBECONFIG": _files(bench)}
    kubectl, ours = bench.both(env=env)
    assert (kubectl.name, ours.name) == ("user-1", "user-1"), ours.words
    assert bench.namespaces(env=env) == ("mine", "mine")
    alone = bench.both("--kubeconfig", str(bench.directory / "three"), env=env)
    assert (alone[0].code, alone[1].code) == (1, 5), "the flag's file alone"


def test_file_in_the_home_is_the_last_resort(bench: Bench) -> None:
    bench.write(Case(user={"token": "{token1}"}), ".kube/config")
    env = {"HOME": str(bench.directory)}
    kubectl, ours = bench.both(env=env)
    assert (kubectl.name, ours.name) == ("user-1", "user-1")
    other = bench.write(Case(), "other")
    assert [seen.name for seen in bench.both(env={**env, "KUBECONFIG": str(other)})] == ["user-0", "user-0"]


# ---- in a pod


def _service_account(plane: ControlPlane, folder: Path) -> tuple[str, dict[str, str]]:
    """(user, environment): what a pod finds, with a token that the real API server issued."""
    path = "/api/v1/namespaces/default/serviceaccounts"
    plane.api("POST", path, {"metadata": {"name": "nightly"}})
    status, answer = plane.api("POST", f"{path}/nightly/token", {"spec": {"expirationSeconds": 600}})
    assert status == 201, answer
    folder.mkdir()
    (folder / "token").write_text(answer["status"]["token"])
    (folder / "namespace").write_text("nights")
    shutil.copy(plane.ca_file, folder / "ca.crt")
    host, _, port = plane.server.rpartition("//")[2].partition(":")
    return "system:serviceaccount:default:nightly", {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


def test_service_account_of_a_pod(plane: ControlPlane, tmp_path: Path) -> None:
    folder = tmp_path / "serviceaccount"
    user, environment = _service_account(plane, folder)
    connection = load(KubeFlags(), {**environment, "HOME": str(tmp_path)}, service_account=folder)
    assert (connection.server, connection.namespace) == (plane.server, "nights")
    review = b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'
    client = KubeClient(connection)
    answer = json.loads(client._sender.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review))
    assert answer["status"]["userInfo"]["username"] == user
    (folder / "token").write_text(plane.admin_token)
    answer = json.loads(client._sender.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review))
    assert answer["status"]["userInfo"]["username"] == "admin", "a token that is renewed on the disk is used"


IN_A_POD = (
    'mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io && cp -r "$0" /run/secrets/kubernetes.io/ && exec "$@"'
)


def _can_mount() -> bool:
    """Whether this machine lets its users have file systems of their own."""
    tried = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /run && [ -d /var/run/. ]"]
    return shutil.which("unshare") is not None and subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="no file system of one's own here; the test above does without kubectl")
def test_same_in_a_pod(plane: ControlPlane, bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "serviceaccount"
    user, environment = _service_account(plane, folder)
    prefix = ("unshare", "-rm", "sh", "-c", IN_A_POD, str(folder))
    pair = bench.both(env=environment, prefix=prefix)
    assert [seen.name for seen in pair] == [user, user], pair
    assert bench.namespaces(env=environment, prefix=prefix) == ("nights", "nights")
    assert bench.namespaces("-n", "days", env=environment, prefix=prefix) == ("days", "days")
    config = bench.write(Case())
    asked = {**environment, "KUBECONFIG": str(config)}
    assert [seen.name for seen in bench.both(env=asked, prefix=prefix)] == ["user-0", "user-0"], "a kubeconfig goes first"


# ---- through a proxy


def _tunnel(client: socket.socket, requests: list[str]) -> None:
    """One connection to the proxy: note what it asks for, and pass everything on both ways."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    requests.append(head.decode())
    host, _, port = head.split()[1].decode().rpartition(":")
    with client, socket.create_connection((host, int(port))) as server:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {client: server, server: client}
        while True:
            for ready in select.select(list(other), [], [])[0]:
                data = ready.recv(1 << 16)
                if not data:
                    return
                other[ready].sendall(data)


@contextmanager
def _proxy() -> Iterator[tuple[str, list[str]]]:
    """(address, requests): an HTTP proxy that makes tunnels."""
    requests: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_tunnel, args=(client, requests), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", requests
    finally:
        listener.close()


@pytest.mark.parametrize("credentials", ["", "me:p%40ss@"])
def test_proxy_url(bench: Bench, credentials: str) -> None:
    with _proxy() as (address, requests):
        config = bench.write(Case(cluster={"proxy-url": f"http://{credentials}{address}"}))
        assert bench.kubectl("--kubeconfig", str(config)).name == "user-0"
        by_kubectl = list(requests)
        requests.clear()
        assert bench.ours("--kubeconfig", str(config)).name == "user-0"
    server = bench.plane.server.rpartition("//")[2]
    assert by_kubectl[0].startswith(f"CONNECT {server} ")
    assert requests[0].startswith(f"CONNECT {server} ")
    basic = f"Proxy-Authorization: Basic {base64.b64encode(b'me:p@ss').decode()}"
    assert (basic in by_kubectl[0]) is (basic in requests[0]) is bool(credentials)
    assert bench.facts["token0"] not in "".join(requests), "the token goes through the tunnel only"
