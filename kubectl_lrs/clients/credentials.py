"""The secret part of a connection: a token, a token file, or an exec credential plugin that is asked again when it expires."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from kubectl_lrs.clients.kubeconfig import Connection
from kubectl_lrs.errors import DeniedError, UsageError

_EARLY = timedelta(seconds=10)
"""A credential is renewed this long before it expires, so that no request carries a dead one."""


class Credentials:
    """Safe to use from several threads. `generation` grows with each renewal."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._status: Mapping[str, Any] = {}
        self.generation = 0

    def headers(self) -> dict[str, str]:
        """The Authorization header, or none (client certificates, anonymous)."""
        connection = self._connection
        if connection.token:
            return {"Authorization": f"Bearer {connection.token}"}
        if connection.token_file:
            return {"Authorization": f"Bearer {_read_token(connection.token_file)}"}
        if connection.exec:
            token = self._current().get("token")
            return {"Authorization": f"Bearer {token}"} if token else {}
        if connection.username:
            pair = f"{connection.username}:{connection.password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    def certificate(self) -> tuple[bytes, bytes]:
        """Client certificate and key as PEM, both empty where there is none."""
        connection = self._connection
        if connection.exec and not connection.client_certificate_data:
            status = self._current()
            return (
                str(status.get("clientCertificateData") or "").encode(),
                str(status.get("clientKeyData") or "").encode(),
            )
        return connection.client_certificate_data, connection.client_key_data

    def renew(self, seen: int) -> bool:
        """After a 401: whether asking again may help. `seen` is the generation that was refused."""
        if self._connection.exec:
            with self._lock:
                if self.generation == seen:
                    self._status = {}
            return True
        return bool(self._connection.token_file)

    def _current(self) -> Mapping[str, Any]:
        with self._lock:
            if not self._status or _is_over(self._status):
                self._status = _ask_plugin(self._connection)
                self.generation += 1
            return self._status


def _read_token(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise UsageError(f"token file {path}: cannot be read: {error.strerror}") from error


def _is_over(status: Mapping[str, Any]) -> bool:
    expires = status.get("expirationTimestamp")
    if not expires:
        return False
    instant = datetime.fromisoformat(str(expires).replace("Z", "+00:00"))
    return datetime.now(timezone.utc) >= instant - _EARLY


def _ask_plugin(connection: Connection) -> Mapping[str, Any]:
    """Run the exec credential plugin. Source: kubernetes.io, "client-go credential plugins"."""
    section = connection.exec or {}
    command = str(section.get("command") or "")
    if os.sep in command and not Path(command).is_absolute():
        command = str(Path(connection.exec_cwd, command).resolve())
    interactive = section.get("interactiveMode") != "Never" and sys.stdin is not None and sys.stdin.isatty()
    try:
        done = subprocess.run(
            [command, *map(str, section.get("args") or ())],
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=_plugin_environment(connection, section, interactive=interactive),
            check=False,
        )
    except OSError as error:
        hint = str(section.get("installHint") or "the kubeconfig's user names it; install it, or choose another user").strip()
        raise DeniedError(f"credential plugin {command!r}: cannot be run: {error.strerror}", hint=hint) from error
    if done.returncode != 0:
        raise DeniedError(f"credential plugin {command!r} failed with exit code {done.returncode}")
    return _credential(done.stdout, command, str(section.get("apiVersion")))


def _plugin_environment(connection: Connection, section: Mapping[str, Any], *, interactive: bool) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if section.get("provideClusterInfo"):
        spec["cluster"] = dict(connection.exec_cluster)
    info = {"apiVersion": section.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    own = {str(item["name"]): str(item["value"]) for item in section.get("env") or ()}
    return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _credential(output: bytes, command: str, api_version: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(output)
        status = answer["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise DeniedError(f"credential plugin {command!r}: its output is no ExecCredential with a status") from error
    if answer.get("apiVersion") != api_version:
        raise DeniedError(
            f"credential plugin {command!r}: it answers {answer.get('apiVersion')}, the kubeconfig asks for {api_version}"
        )
    if not isinstance(status, dict) or not (status.get("token") or status.get("clientCertificateData")):
        raise DeniedError(f"credential plugin {command!r}: it gave neither a token nor a certificate")
    return status
