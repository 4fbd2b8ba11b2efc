"""Prometheus' own tools: promtool, which takes or refuses rules and metrics, and a Pushgateway. Built once, from Go modules."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed import loader, toolchain
from tests.bed.ports import reserved

HERE = Path(__file__).resolve().parent


def promtool() -> Path:
    """Without its service discovery, which is most of it and not needed here."""
    return toolchain.program(
        HERE / "go-promtool", "github.com/prometheus/prometheus/cmd/promtool", "promtool", tags="remove_all_sd"
    )


@contextmanager
def pushgateway() -> Iterator[str]:
    """The URL of one that keeps nothing on the disk."""
    program = toolchain.program(HERE / "go-pushgateway", "github.com/prometheus/pushgateway", "pushgateway")
    (port,) = reserved(1)
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL) as running:
        try:
            loader.wait_until(lambda: _is_ready(url), "the Pushgateway to answer")
            yield url
        finally:
            running.kill()


def metrics(url: str) -> str:
    """What it tells Prometheus."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=loader.PATIENCE) as answer:
        return str(answer.read().decode())


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
