"""Kubectl and the product side by side: the same kubeconfig, flags and environment for both, and what each came to."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bed import warm
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE

WHOAMI = "tests.builders.whoami"


@dataclass(frozen=True)
class Seen:
    """How a call ended; on success the server that was reached and the user that it saw."""

    code: int
    words: str
    server: str = ""
    user: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.user.get("username", ""))


@dataclass(frozen=True)
class Case:
    """A kubeconfig of one context, as differences from one that works, and flags. `{names}` of `Bench.facts` are filled in."""

    user: Mapping[str, Any] = field(default_factory=lambda: {"token": "{token0}"})
    flags: Sequence[str] = ()
    cluster: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    """Whole sections of the file, in place of what the other three make."""


class Bench:
    """A folder in which kubectl and the product are run alike."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.directory = directory
        directory.mkdir(exist_ok=True)
        cert, key = plane.client_certificate("cert-user", "cert-group")
        self.facts = {
            "server": plane.server,
            "localhost": plane.server.replace("127.0.0.1", "localhost"),
            "ca": str(plane.ca_file),
            "ca_data": _data(plane.ca_file),
            "admin": plane.admin_token,
            "token0": plane.tokens["user-0"],
            "token1": plane.tokens["user-1"],
            "cert": str(cert),
            "key": str(key),
            "cert_data": _data(cert),
            "key_data": _data(key),
            "folder": str(directory),
        }

    # ---- what they are given

    def write(self, case: Case, name: str = "config") -> Path:
        """The case's kubeconfig."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.filled(self.document(case)), indent=1))
        return path

    @staticmethod
    def document(case: Case) -> dict[str, Any]:
        """Its data; a value None takes a field away."""
        cluster = {"server": "{server}", "certificate-authority-data": "{ca_data}", **case.cluster}
        context = {"cluster": "bed", "user": "who", **case.context}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bed", "cluster": _without_none(cluster)}],
            "users": [{"name": "who", "user": dict(case.user)}],
            "contexts": [{"name": "here", "context": _without_none(context)}],
            "current-context": "here",
            **case.config,
        }

    def filled(self, value: Any) -> Any:
        """The same with every `{fact}` replaced."""
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda match: self.facts[match[1]], value)
        if isinstance(value, Mapping):
            return {key: self.filled(item) for key, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, (list, tuple)) else value

    # ---- what they do

    def kubectl(self, *flags: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Seen:
        """`kubectl auth whoami`."""
        done = self.run([*prefix, str(self.plane.kubectl), "auth", "whoami", "-o", "json", "-v=6", *flags], env)
        if done.returncode:
            return Seen(done.returncode, _last_line(done.stderr))
        url = re.search(r'url="(\S+)/apis/authentication', done.stderr)
        assert url, done.stderr
        return Seen(0, done.stderr, url[1], json.loads(done.stdout)["status"]["userInfo"])

    def ours(self, *flags: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Seen:
        """The product's connection, with the test's verb `whoami`."""
        done = self._whoami(flags, env, prefix)
        assert "Traceback" not in done.stderr
        assert "this is a bug" not in done.stderr, done.stderr
        if done.returncode:
            return Seen(done.returncode, done.stderr)
        answer = json.loads(done.stdout.splitlines()[0])
        return Seen(0, done.stderr, answer["server"], answer["user"])

    def both(self, *flags: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> tuple[Seen, Seen]:
        """(kubectl's, ours)."""
        return self.kubectl(*flags, env=env, prefix=prefix), self.ours(*flags, env=env, prefix=prefix)

    def namespaces(self, *flags: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> tuple[str, str]:
        """(kubectl's, ours): the namespace that each of them works in; kubectl's from the URL that it asks for."""
        done = self.run([*prefix, str(self.plane.kubectl), "get", "configmaps", "-v=6", *flags], env)
        url = re.search(r"/api/v1/namespaces/([^/]+)/configmaps", done.stderr)
        assert url, done.stderr
        mine = self._whoami(flags, env, prefix)
        assert mine.returncode == 0, mine.stderr
        return url[1], json.loads(mine.stdout.splitlines()[0])["namespace"]

    def _whoami(
        self, flags: Sequence[str], env: Mapping[str, str] | None, prefix: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        if prefix:
            return self.run([*prefix, sys.executable, "-m", WHOAMI, "whoami", *flags], env)
        environment = {**warm.environment(), **(env or {})}
        return warm.run(["whoami", *flags], env=environment, cwd=self.directory, timeout=PATIENCE, module=WHOAMI)

    def run(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """In the bench's folder, nobody to ask."""
        return subprocess.run(
            command,
            env={**warm.environment(), **(env or {})},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    @contextmanager
    def plugin(self, *, log: str = "plugin.log") -> Iterator[Path]:
        """An exec credential plugin at `./plugin`, which prints the file `answer`; where it notes what it was told."""
        notes = self.directory / log
        notes.write_text("")
        script = self.directory / "plugin"
        lines = (
            "#!/bin/sh",
            f'echo "$KUBERNETES_EXEC_INFO" >> {notes}',
            '[ -z "$PLUGIN_EXIT" ] || exit "$PLUGIN_EXIT"',
            f"cat {self.directory}/answer",
        )
        script.write_text("\n".join(lines) + "\n")
        script.chmod(0o755)
        yield notes

    def answer(self, version: str, status: Any, kind: str = "ExecCredential") -> None:
        """What the plugin says from now on."""
        document = {"apiVersion": f"client.authentication.k8s.io/{version}", "kind": kind, "status": self.filled(status)}
        (self.directory / "answer").write_text(json.dumps(document))


def told(notes: Path) -> list[dict[str, Any]]:
    """What the plugin was told at each call, and forgets it."""
    found = [json.loads(line) for line in notes.read_text().splitlines() if line]
    notes.write_text("")
    return found


def _without_none(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line and not re.match(r"[IWEF]\d{4} ", line)]
    return lines[-1] if lines else ""
