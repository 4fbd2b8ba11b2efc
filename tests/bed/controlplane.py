"""A Kubernetes control plane on loopback: etcd, API server, controller manager. Standard library only.

Its processes end when this one does, however it ends: each watches its standard input, a pipe that we hold.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import select
import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bed import toolchain
from tests.bed.ports import reserved

USERS = tuple(f"user-{number}" for number in range(10))
CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "cronjob-controller",
    "job-controller",
)
START_LIMIT = 180.0
"""Seconds in which a part must be ready."""

KEPT = 60.0
"""Seconds for which a connection is kept that nobody uses. The API server closes it after 90, perhaps just as it is used."""


class ControlPlane:
    """A running control plane; use it as a context manager, or `stop` it.

    `server` is its URL, `etcd` that of its store, `kubeconfig` the administrator's, `tokens` those of the plain users
    `user-0` to `user-9`.
    """

    def __init__(self, directory: Path, *, plugins: Sequence[str] = ()) -> None:
        self.directory = directory
        self._plugins = tuple(plugins)
        self.keys = directory / "keys"
        self.bin = directory / "bin"
        self.kubectl = self.bin / "kubectl"
        self.kubeconfig = directory / "admin.kubeconfig"
        self.admin_token = secrets.token_hex(16)
        self.tokens = {user: secrets.token_hex(16) for user in USERS}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._binary = toolchain.binary()
        self._trust: ssl.SSLContext | None = None
        self._mine = threading.local()

    @classmethod
    def start(cls, directory: Path, *, plugins: Sequence[str] = ()) -> ControlPlane:
        """Start one whose files lie in `directory`, and wait until it is ready. `plugins`: more of admission."""
        plane = cls(directory, plugins=plugins)
        try:
            plane._start()
        except BaseException:
            plane.stop()
            raise
        return plane

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ---- life

    def _start(self) -> None:
        for path in (self.directory, self.keys, self.bin):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.kubectl.symlink_to(self._binary)
        subprocess.run([self._binary, "keys", "init", str(self.keys)], check=True, env={})
        self.ca_file = self.keys / "ca.crt"
        self._write_tokens()
        etcd, peer, self._port, self._manager_port = reserved(4)
        self.etcd = f"http://127.0.0.1:{etcd}"
        self.server = f"https://127.0.0.1:{self._port}"
        self.write_kubeconfig(self.kubeconfig, token=self.admin_token)
        self._run(
            "etcd",
            "--dir",
            str(self.directory / "etcd"),
            "--client-url",
            self.etcd,
            "--peer-url",
            f"http://127.0.0.1:{peer}",
        )
        self.start_apiserver()
        self._start_manager()
        self._wait("service account", lambda: self.api("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200)

    def start_apiserver(self) -> None:
        """Start the API server, or start it again on its port; returns when it is ready."""
        self._run(
            "kube-apiserver",
            f"--etcd-servers={self.etcd}",
            f"--secure-port={self._port}",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={self.keys / 'server.crt'}",
            f"--tls-private-key-file={self.keys / 'server.key'}",
            f"--client-ca-file={self.ca_file}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.keys / 'sa.pub'}",
            f"--service-account-signing-key-file={self.keys / 'sa.key'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--allow-privileged",
            "--profiling=false",
            f"--cert-dir={self.directory / 'apiserver'}",
            *(f"--enable-admission-plugins={each}" for each in self._plugins),
        )
        self._wait("kube-apiserver", lambda: self.api("GET", "/readyz")[0] == 200)

    def _start_manager(self) -> None:
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--controllers={','.join(CONTROLLERS)}",
            f"--service-account-private-key-file={self.keys / 'sa.key'}",
            f"--root-ca-file={self.ca_file}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            f"--secure-port={self._manager_port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.directory / 'manager'}",
            "--concurrent-gc-syncs=4",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def restart_manager(self) -> None:
        """Start the controllers anew: they know every resource at once, which they otherwise look for twice a minute."""
        process = self._processes.pop("kube-controller-manager")
        process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()
        self._start_manager()

    def kill_apiserver(self) -> None:
        """Kill the API server, as a crash would."""
        process = self._processes.pop("kube-apiserver")
        process.kill()
        process.wait()

    def pause(self) -> None:
        """Freeze the API server: connections stand, no answer comes."""
        self._processes["kube-apiserver"].send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End `pause`."""
        self._processes["kube-apiserver"].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End everything that was started."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self._processes.values():
            process.wait()
            if process.stdin:
                process.stdin.close()
        self._processes.clear()

    def detach(self) -> list[int]:
        """Leave it running after this process; the process ids, for whoever stops it."""
        return [process.pid for process in self._processes.values()]

    def _run(self, verb: str, *arguments: str) -> None:
        with (self.directory / f"{verb}.log").open("ab") as log:
            # Nothing of the user's: no HOME, no KUBECONFIG, no proxies, no certificates.
            self._processes[verb] = subprocess.Popen(
                [self._binary, verb, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={"PATH": os.defpath, "HOME": str(self.directory)},
                start_new_session=True,
            )

    def _wait(self, what: str, is_ready: Any) -> None:
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            for verb, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{verb} ended with {process.returncode}:\n{self._tail(verb)}")
            try:
                if is_ready():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{what} is not ready after {START_LIMIT:.0f} s:\n{self._tail('kube-apiserver')}")

    def _tail(self, verb: str) -> str:
        return "\n".join((self.directory / f"{verb}.log").read_text(errors="replace").splitlines()[-15:])

    def _write_tokens(self) -> None:
        rows = [f'{self.admin_token},admin,admin,"system:masters"']
        rows += [f"{token},{user},{user}" for user, token in self.tokens.items()]
        path = self.directory / "tokens.csv"
        path.touch(mode=0o600)
        path.write_text("\n".join(rows) + "\n")

    # ---- use

    def write_kubeconfig(
        self,
        path: Path,
        *,
        token: str = "",
        namespace: str = "",
        server: str = "",
        user: Mapping[str, Any] | None = None,
    ) -> Path:
        """A kubeconfig with one context, `bed`; `user` gives the whole user section in place of a token."""
        context = {"cluster": "bed", "user": "bed"} | ({"namespace": namespace} if namespace else {})
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "bed",
                    "cluster": {
                        "server": server or self.server,
                        "certificate-authority-data": base64.b64encode(self.ca_file.read_bytes()).decode(),
                    },
                }
            ],
            "users": [{"name": "bed", "user": dict(user) if user is not None else {"token": token}}],
            "contexts": [{"name": "bed", "context": context}],
            "current-context": "bed",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document, indent=1))
        return path

    def client_certificate(self, name: str, *groups: str) -> tuple[Path, Path]:
        """Certificate and key of a user, signed by the authority that the API server trusts."""
        flags = [flag for group in groups for flag in ("--group", group)]
        subprocess.run([self._binary, "keys", "client", str(self.keys), "--name", name, *flags], check=True, env={})
        return self.keys / f"{name}.crt", self.keys / f"{name}.key"

    def kubectl_run(self, *arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The real kubectl, as administrator."""
        environment = {"PATH": os.defpath, "HOME": str(self.directory), "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            [self.kubectl, *arguments], input=stdin, capture_output=True, text=True, check=False, env=environment
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done

    def forget_discovered(self) -> None:
        """What kubectl keeps for hours of the resources that are served: after another CRD is there it asks for the old one's."""
        shutil.rmtree(self.directory / ".kube" / "cache", ignore_errors=True)

    def api(
        self, method: str, path: str, body: Any = None, *, token: str = "", content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        """One request to the API server, as administrator unless a token is given: (HTTP status, answer).

        Each thread keeps a connection: tests ask thousands of times, and a handshake costs twice what the answer does.
        """
        connection = self._kept()
        try:
            return request(connection, method, path, body, token=token or self.admin_token, content_type=content_type)
        except BaseException:
            connection.close()  # the next request opens it anew
            raise

    def _kept(self) -> http.client.HTTPSConnection:
        """This thread's connection; one that the server has closed is opened anew. It never speaks first."""
        kept: http.client.HTTPSConnection | None = getattr(self._mine, "connection", None)
        used, self._mine.used = getattr(self._mine, "used", 0.0), time.monotonic()
        if kept is None:
            kept = self._mine.connection = self.connection()
        elif time.monotonic() - used > KEPT or (kept.sock is not None and select.select([kept.sock], [], [], 0)[0]):
            kept.close()
        return kept

    def connection(self) -> http.client.HTTPSConnection:
        """A connection of one's own, for many requests."""
        if self._trust is None:
            self._trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._trust.load_verify_locations(self.ca_file)
        return http.client.HTTPSConnection("127.0.0.1", self._port, context=self._trust, timeout=60)


def request(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    body: Any,
    *,
    token: str,
    content_type: str = "application/json",
) -> tuple[int, dict[str, Any]]:
    """One request on a kept connection; `body` is data, or text that is sent as it is. A 429 is sent again.

    The API server answers 429 for a moment after a CRD was changed: "storage is (re)initializing".
    """
    data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
    for _ in range(50):
        connection.request(method, path, data, {"Authorization": f"Bearer {token}", "Content-Type": content_type})
        response = connection.getresponse()
        text = response.read()
        if response.status != 429:
            break
        time.sleep(0.2)
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, {"text": text.decode(errors="replace")}


def remove(directory: Path) -> None:
    """Remove what a stopped control plane left."""
    shutil.rmtree(directory, ignore_errors=True)
