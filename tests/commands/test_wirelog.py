"""`-v`: requests are shown on stderr, as much of them as the level says, and no secret with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.clients import wirelog
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import FaultProxy, refuse
from tests.conftest import Cli, Crd

SECRET = "s3cr3t-0f-the-environment"
LINE = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} ")


@pytest.fixture
def secretive(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """A namespace with an LRS that carries credentials; its namespace."""
    made = samples.samples(crd.api_version, crd.kind, namespace)[4]
    made["spec"]["env"]["HARMLESS_NAME"] = SECRET
    made["metadata"]["annotations"]["example.com/note"] = SECRET
    loader.create_many(plane, [made])
    return namespace


@pytest.mark.parametrize("level", [None, 0, 5, 6, 7, 8, 9, 10])
def test_levels(plane: ControlPlane, cli: Cli, secretive: str, level: int | None) -> None:
    flags = () if level is None else (f"-v={level}",)
    done = cli.run("backup", "-n", secretive, "--name", "b", "-q", "-o", "name", *flags)
    assert (done.returncode, done.stdout) == (0, "b\n")
    shown = [line for line in done.stderr.splitlines() if LINE.match(line)]
    requests = [line for line in shown if re.search(r" GET https://\S+ 200 OK in \d+ milliseconds$", line)]
    headers = [line for line in shown if "User-Agent: kubectl-lrs/" in line]
    bodies = [line for line in shown if "Response body: {" in line]
    level = level or 0
    assert bool(requests) is (level >= 6)
    assert bool(headers) is (level >= 7)
    assert bool(bodies) is (level >= 8)
    assert any("[truncated" in line for line in bodies) is (level == 8)
    if level >= 6:
        assert "API server https://" in shown[0]
        assert any("/lrs?limit=" in line for line in requests)
    if level >= 7:
        assert any("Authorization: Bearer <masked>" in line for line in shown)
    for secret in (SECRET, plane.admin_token):
        assert secret not in done.stderr
    if level == 10:
        assert any('"image":"<masked>"' in line for line in bodies), "its shape is there, its values are not"


@pytest.mark.parametrize("flags", [("-v", "6"), ("-v6",), ("--v=6",), ("--v", "6"), ("-v0", "-v", "6")])
def test_every_way_to_write_it_and_every_place(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, flags: Any) -> None:
    for line in ((*flags, "clean-spark", "-n", namespace), ("clean-spark", *flags, "-n", namespace)):
        assert re.search(r"GET https://\S+ 200 OK in", cli.run(*line).stderr)
    assert "GET" not in cli.run("clean-spark", *flags, "--v=0", "-n", namespace).stderr, "the last one counts"


@pytest.mark.parametrize("value", ["-1", "x", "6.5"])
def test_no_level(cli: Cli, value: str) -> None:
    done = cli.run("list", f"-v={value}")
    assert done.returncode == 2
    assert "-v" in done.stderr


def test_writes_refusals_and_failures(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> None:
    from tests.builders.sparked import start

    start(plane, crd, namespace, 1)
    with FaultProxy(plane) as proxy:
        proxy.when("DELETE", "/lrs/", refuse(429, retry_after="0", message="the token a-token-said-back was too busy"))
        mine = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
        shown = mine.run("clean-spark", "-n", namespace, "--yes", "-v8", "--token=a-token-said-back").stderr
        assert re.search(r"DELETE https://\S+/lrs/spark-000 429 Too Many Requests in", shown)
        assert re.search(r"DELETE https://\S+/lrs/spark-000 200 OK in", shown)
        assert 'Request body: {"preconditions":{"uid":' in shown
        assert "the token <masked> was too busy" in shown, "what the server says back is masked too"
    away = cli.run("clean-spark", "-s", "https://127.0.0.1:1", "-v6")
    assert away.returncode == 5
    assert re.search(r"GET https://127.0.0.1:1/\S+ failed: connection refused in", away.stderr)


def test_a_proxys_credentials_and_what_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    wirelog.configure(10)
    try:
        headers = [("Authorization", "Basic dXNlcjpwYXNz"), ("Cookie", "session=abc"), ("Accept", "*/*")]
        with wirelog.Exchange("GET", "https://user:pass@host/x", headers, b"token=abc") as exchange:
            exchange.answered(502, "Bad Gateway", [("Set-Cookie", "a=b")], b"<html>dXNlcjpwYXNz</html>")
        with pytest.raises(OSError), wirelog.Exchange("GET", "https://host/y", headers):
            raise OSError("proxy http://user:pass@host refused")
    finally:
        wirelog.configure(0)
    shown = capsys.readouterr().err
    assert "GET https://<masked>@host/x 502 Bad Gateway" in shown
    assert "Authorization: Basic <masked>" in shown
    assert "Set-Cookie: <masked>" in shown
    assert "(9 bytes that are not JSON)" in shown
    assert "failed: OSError" in shown
    for secret in ("user:pass", "dXNlcjpwYXNz", "session=abc", "a=b", "token=abc"):
        assert secret not in shown
