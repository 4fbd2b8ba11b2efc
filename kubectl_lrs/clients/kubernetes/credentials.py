"""The secret part of a connection: a token, a token file, or an exec credential plugin that is asked again when it expires."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from kubectl_lrs.clients.kubernetes.kubeconfig import Connection
from kubectl_lrs.model.errors import DeniedError, LrsError, UsageError
from kubectl_lrs.model.units import printable
from kubectl_lrs.runtime import redact

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
        if connection.token_file or connection.token:
            return _bearer(_token(connection))
        if connection.exec:
            token = self._current().get("token")
            return _bearer(token) if token else {}
        if connection.username:
            pair = base64.b64encode(f"{connection.username}:{connection.password}".encode()).decode()
            redact.remember(connection.password, pair)
            return {"Authorization": f"Basic {pair}"}
        return {}

    def certificate(self) -> tuple[bytes, bytes]:
        """Client certificate and key as PEM, both empty where there is none."""
        connection = self._connection
        if connection.exec:
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


def _bearer(token: str) -> dict[str, str]:
    if not token.isprintable():
        raise UsageError("the token cannot be sent: it has control characters", hint="is there a line break in it?")
    redact.remember(token)
    return {"Authorization": f"Bearer {token.encode().decode('latin-1')}"}


def _token(connection: Connection) -> str:
    """The file's token, which may change in mid-run; the other one only where the file cannot be read, as in client-go."""
    if not connection.token_file:
        return connection.token
    try:
        found = Path(connection.token_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        if connection.token:
            return connection.token
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"token file {connection.token_file}: cannot be read: {reason}") from error
    if not (found or connection.token):
        raise UsageError(f"token file {connection.token_file}: it is empty")
    return found or connection.token


def _is_over(status: Mapping[str, Any]) -> bool:
    expires = status.get("expirationTimestamp")
    return bool(expires) and datetime.now(timezone.utc) >= _instant(str(expires)) - _EARLY


_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


def _instant(text: str) -> datetime:
    """An instant as Go writes it, with up to nine decimals; ValueError where it is none."""
    match = _RFC3339.fullmatch(text)
    if not match:
        raise ValueError(text)
    return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))


def _ask_plugin(connection: Connection) -> Mapping[str, Any]:
    """Run the exec credential plugin. Source: kubernetes.io, "client-go credential plugins"."""
    import subprocess  # for those who have one

    section = connection.exec or {}
    command = str(section["command"])
    if os.sep in command and not Path(command).is_absolute():
        command = str(Path(connection.exec_cwd, command).resolve())
    interactive = _is_interactive(section, command)
    found = shutil.which(command)
    if not found:
        raise _plugin_error(command, "there is no such program", hint=_install_hint(section))
    try:
        done = subprocess.run(
            [found, *(section.get("args") or ())],
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=_plugin_environment(connection, section, interactive=interactive),
            check=False,
        )
    except OSError as error:
        raise _plugin_error(command, f"cannot be run: {error.strerror}", hint=_install_hint(section)) from error
    if done.returncode != 0:
        raise _plugin_error(command, f"failed with exit code {done.returncode}")
    return _credential(done.stdout, command, str(section["apiVersion"]))


def _is_interactive(section: Mapping[str, Any], command: str) -> bool:
    mode = section.get("interactiveMode") or "IfAvailable"
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    if mode == "Always" and not has_terminal:
        raise _plugin_error(command, "it needs a terminal to ask on, and there is none")
    return mode != "Never" and has_terminal


def _install_hint(section: Mapping[str, Any]) -> str:
    """The kubeconfig's own words, on one line, nothing in them that moves the cursor."""
    given = printable(" ".join(str(section.get("installHint") or "").split()))
    return given or "the kubeconfig's user names it; install it, or choose another user"


def _plugin_error(command: str, what: str, *, hint: str = "") -> LrsError:
    return DeniedError(f"credential plugin {command!r}: {what}", hint=hint)


def _plugin_environment(connection: Connection, section: Mapping[str, Any], *, interactive: bool) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if section.get("provideClusterInfo"):
        spec["cluster"] = dict(connection.exec_cluster)
    info = {"apiVersion": section["apiVersion"], "kind": "ExecCredential", "spec": spec}
    own = {str(item["name"]): str(item.get("value") or "") for item in section.get("env") or ()}
    return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _credential(output: bytes, command: str, api_version: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(output)
        status = answer.get("status")
        kind = (answer.get("apiVersion"), answer.get("kind"))
    except (ValueError, AttributeError) as error:
        raise _plugin_error(command, "its output is no ExecCredential") from error
    if kind != (api_version, "ExecCredential"):
        raise _plugin_error(
            command, f"it answers {kind[1]} of {kind[0]}, the kubeconfig asks for ExecCredential of {api_version}"
        )
    if not isinstance(status, dict) or not all(isinstance(status.get(name) or "", str) for name in _STATUS):
        raise _plugin_error(command, "its ExecCredential has no status that can be read")
    token, certificate, key, expires = (str(status.get(name) or "") for name in _STATUS)
    if bool(certificate) != bool(key):
        raise _plugin_error(command, "it gave only one of certificate and key")
    if not (token or certificate):
        raise _plugin_error(command, "it gave neither a token nor a certificate")
    try:
        _ = expires and _instant(expires)
    except ValueError as error:
        raise _plugin_error(command, f"its expirationTimestamp {expires!r} is no instant") from error
    return status


_STATUS = ("token", "clientCertificateData", "clientKeyData", "expirationTimestamp")
