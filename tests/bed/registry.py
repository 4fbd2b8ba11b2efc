"""A real registry on loopback: distribution's own, its storage in a folder. Standard library only.

It ends when this process does, however that ends: it watches its standard input, a pipe that we hold.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bed import toolchain
from tests.bed.controlplane import START_LIMIT
from tests.bed.ports import reserved
from tests.bed.tokens import ISSUER, SERVICE, Key, TokenServer

MODULE = Path(__file__).resolve().parent / "go-registry"

USER, PASSWORD = "invented-user", "invented-password"
HTPASSWD = f"{USER}:$2a$04$PZ1KiOJrYtEu8tqIWPfGbef23dGxmVflNFWWmXUcxpKx4eQAMJzK6\n"
"""The password by bcrypt, of the least cost that there is."""


def keys(directory: Path) -> Path:
    """A folder with an authority (`ca.crt`), a certificate of this machine's loopback, and an RSA key (`sa.key`)."""
    if not (directory / "ca.crt").exists():
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run([toolchain.binary(), "keys", "init", str(directory)], check=True, env={})
    return directory


def program() -> Path:
    """The registry, built once."""
    return toolchain.program(MODULE, ".", "registry")


@dataclass
class Registry:
    """A running registry; use it as a context manager.

    `auth`: empty for anybody, `htpasswd` for USER with PASSWORD, `token` for whom `tokens` says. `tls`: by the key pair in
    `keys`. `host` is what references begin with; it names the same port after a restart.
    """

    directory: Path
    auth: str = ""
    tls: bool = False
    keys: Path | None = None
    tokens: TokenServer | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    port: int = 0
    _binary: Path | None = None  # looked up once: in a test the user's cache folder is out of reach
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Registry:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def storage(self) -> Path:
        """Where everything that was pushed lies."""
        return self.directory / "storage"

    # ---- life

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = self.port or reserved(1)[0]
        config = self.directory / "config.json"  # YAML is what it reads, and JSON is YAML
        config.write_text(json.dumps(self._config(), indent=1))
        self._binary = self._binary or program()
        with (self.directory / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "serve", str(config)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={"PATH": os.defpath, "HOME": str(self.directory), "OTEL_TRACES_EXPORTER": "none"},
                start_new_session=True,
            )
        limit = time.monotonic() + START_LIMIT
        while self._process.poll() is None and time.monotonic() < limit:
            try:
                if self.call("GET", "/v2/")[0] in (200, 401):
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the registry does not start:\n{(self.directory / 'registry.log').read_text()[-2000:]}")

    def stop(self) -> None:
        """End it; its storage stays."""
        if self._process:
            self._process.kill()
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None

    def destroy(self) -> None:
        """Everything that was pushed is gone; the registry runs on, empty."""
        self.stop()
        shutil.rmtree(self.storage, ignore_errors=True)
        self.start()

    def _config(self) -> dict[str, Any]:
        http: dict[str, Any] = {"addr": self.host, "secret": "invented", "relativeurls": False}
        if self.tls and self.keys:
            http["tls"] = {"certificate": str(self.keys / "server.crt"), "key": str(self.keys / "server.key")}
        config: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": http,
            **self.options,
        }
        if self.auth == "htpasswd":
            path = self.directory / "htpasswd"
            path.write_text(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "bed", "path": str(path)}}
        if self.auth == "token" and self.tokens:
            path = self.directory / "jwks.json"
            path.write_text(json.dumps(self.tokens.key.jwks()))
            facts = {"realm": self.tokens.realm, "service": SERVICE, "issuer": ISSUER, "jwks": str(path)}
            config["auth"] = {"token": {**facts, "signingalgorithms": ["RS256"]}}
        return config

    # ---- use, as a client that is none of the product's

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request: (status, headers, body)."""
        connection: http.client.HTTPConnection
        if self.tls and self.keys:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trust.load_verify_locations(self.keys / "ca.crt")
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=trust, timeout=30)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def blob_file(self, digest: str) -> Path:
        """Where the registry keeps a blob."""
        algorithm, _, value = digest.partition(":")
        return self.storage / "docker/registry/v2/blobs" / algorithm / value[:2] / value / "data"

    def repositories(self) -> list[str]:
        """Every repository that has a tag or a manifest, from the storage itself."""
        top = self.storage / "docker/registry/v2/repositories"
        return sorted({str(path.parent.relative_to(top)) for path in top.rglob("_manifests")})

    def tags(self, repository: str) -> dict[str, str]:
        """Each tag of a repository with its digest, from the storage itself."""
        top = self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags"
        return {path.parent.parent.name: path.read_text() for path in top.glob("*/current/link")}


def signing_key(directory: Path) -> Key:
    """The key of a token server, from a folder of `keys`."""
    return Key.load(directory / "sa.key")
