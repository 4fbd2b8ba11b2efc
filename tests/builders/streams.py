"""The product with standard streams that are closed, full, gone, or of another encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bed.loader import PATIENCE
from tests.conftest import ROOT, Cli


@dataclass(frozen=True)
class Streams:
    """How a command finds its streams. `closed`: those that are; `out`, `err`: where they go, `""` where the test reads them."""

    closed: tuple[int, ...] = ()
    out: str = ""
    err: str = ""
    env: Mapping[str, str] | None = None

    @property
    def answer_is_lost(self) -> bool:
        """Whether standard output cannot be written."""
        return 1 in self.closed or bool(self.out)

    @property
    def notes_are_lost(self) -> bool:
        """Whether standard error cannot be written."""
        return 2 in self.closed or bool(self.err)


FULL, GONE = "/dev/full", "gone"
STREAMS: dict[str, Streams] = {
    "as ever": Streams(),
    "standard output closed": Streams(closed=(1,)),
    "standard error closed": Streams(closed=(2,)),
    "standard input closed": Streams(closed=(0,)),
    "all closed": Streams(closed=(0, 1, 2)),
    "standard output full": Streams(out=FULL),
    "standard error full": Streams(err=FULL),
    "reader of the answer gone": Streams(out=GONE),
    "reader of the notes gone": Streams(err=GONE),
    "another encoding": Streams(env={"PYTHONIOENCODING": "latin-1"}),
}


def run(cli: Cli, streams: Streams, arguments: Iterable[object], env: Mapping[str, str]) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of the product; what is lost is empty."""
    out, err = _file(streams.out), _file(streams.err)
    environment = {**os.environ, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT), **env, **(streams.env or {})}
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_lrs", *map(str, arguments)],
        env=environment,
        cwd=cli.directory,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        preexec_fn=_closing(streams.closed),
        timeout=PATIENCE,
        check=False,
    )
    for descriptor in (out, err):
        if descriptor != subprocess.PIPE:
            os.close(descriptor)
    return done.returncode, (done.stdout or b"").decode("utf-8", "replace"), (done.stderr or b"").decode("utf-8", "replace")


def _file(where: str) -> int:
    if not where:
        return subprocess.PIPE
    if where != GONE:
        return os.open(where, os.O_WRONLY)
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def _closing(descriptors: tuple[int, ...]) -> Callable[[], None]:
    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


def sealed(directory: Path) -> list[str]:
    """The names of the backups in a folder."""
    return sorted(path.parent.name for path in directory.glob("*/backup.json"))
