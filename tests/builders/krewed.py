"""The krew archives as somebody meets them: offered by a web server, installed by krew."""

from __future__ import annotations

import http.server
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from krew import base, build
from tests.bed.loader import PATIENCE


@dataclass(frozen=True)
class Built:
    """What `krew/build.py` gave, and where a web server offers it."""

    folder: Path
    url: str

    @property
    def manifest(self) -> Path:
        return self.folder / "lrs.yaml"

    def archive(self, platform: base.Platform) -> Path:
        return self.folder / build.archive_name(platform)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: Any) -> None:
        pass


@dataclass(frozen=True)
class User:
    """Somebody with kubectl and krew, and with no Python on PATH."""

    home: Path
    tools: Path
    kubeconfig: Path | None = None

    @property
    def root(self) -> Path:
        return self.home / ".krew"

    def run(self, *command: object, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.root / 'bin'}:{self.tools}",
            "HOME": str(self.home),
            "KREW_ROOT": str(self.root),
            "KREW_NO_UPGRADE_CHECK": "1",
            "TMPDIR": str(self.home),
            **({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}),
            **extra,
        }
        program = shutil.which(str(command[0]), path=environment["PATH"])
        assert program, f"{command[0]} is not on the user's PATH"
        return subprocess.run(
            [program, *map(str, command[1:])],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )

    def ok(self, *command: object, **extra: str) -> str:
        done = self.run(*command, **extra)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, built: Built, **extra: str) -> None:
        archive = built.archive(base.host())
        self.ok("kubectl", "krew", "install", f"--manifest={built.manifest}", f"--archive={archive}", **extra)
