"""`-v`: requests are shown on stderr, as much of them as the level says, and no secret with them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.clients import wirelog
from tests.bed import hdfs, loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import FaultProxy, refuse
from tests.bed.registry import PASSWORD, USER, Registry, keys
from tests.bed.s3 import S3
from tests.builders import imagery, stored
from tests.builders.deployments import ORGANISATION, TOKEN, new_place
from tests.builders.mongo_fixtures import App
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


# ---- every store


def _lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What is shown, without the time."""
    return [line[13:] for line in done.stderr.splitlines() if LINE.match(line)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with Registry(folder, auth="htpasswd", tls=True, keys=keys(folder)) as running:
        yield running


@pytest.mark.parametrize("level", [6, 10])
def test_registries(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, registry: Registry, level: int) -> None:
    login = {"Authorization": f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"}
    name = next(iter(imagery.standard(registry, login)))
    reference = f"{registry.host}/{name.partition('/')[2]}"
    loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, namespace, 0, reference)])
    docker = cli.directory / "docker"
    docker.mkdir()
    auth = login["Authorization"].partition(" ")[2]
    (docker / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    flags = ("--images", "copy", "--registry-ca-file", registry.keys / "ca.crt", f"-v={level}")
    done = cli.run("backup", "-n", namespace, "--name", "b", *flags, env={"DOCKER_CONFIG": str(docker)})
    assert done.returncode == 0, done.stderr
    lines = _lines(done)
    assert any(re.match(rf"GET https://{registry.host}/v2/\S+/manifests/\S+ 401 Unauthorized in", line) for line in lines)
    assert any(re.match(rf"GET https://{registry.host}/v2/\S+/blobs/sha256:\S+ 200 OK in", line) for line in lines)
    assert any("Authorization: Basic <masked>" in line for line in lines) is (level == 10)
    assert any("Response body: (passed on)" in line for line in lines) is (level == 10), "layers are not shown"
    for secret in (auth, PASSWORD):
        assert secret not in done.stderr


@pytest.mark.parametrize("level", [6, 10])
def test_s3(crd: Crd, cli: Cli, namespace: str, s3: S3, level: int) -> None:
    ground = stored.bucket(s3, f"shown-{level}")
    ground.fill()
    flags = ("--files", "copy", "--files-all", *ground.reached, f"-v={level}")
    done = cli.run("backup", "-n", namespace, "--name", "b", *flags, env=ground.environment)
    assert done.returncode == 0, done.stderr
    lines = _lines(done)
    assert any(re.match(rf"S3 list_objects_v2 {ground.url}\S* ok in \d+ milliseconds", line) for line in lines)
    assert any(re.match(rf"S3 get_object {ground.url}/{stored.SPOKEN_OF} ok in", line) for line in lines)
    assert "hello" not in done.stderr, "what a file holds is never shown"
    wrong = {**ground.environment, "AWS_SECRET_ACCESS_KEY": "wr0ng-secret"}
    away = cli.run("restore", "b", "--tier", "files", *ground.reached, "-v6", env=wrong)
    assert away.returncode == 5
    assert any(re.match(r"S3 \w+ \S+ failed: .*", line) for line in _lines(away)), away.stderr
    for secret in (ground.environment["AWS_SECRET_ACCESS_KEY"], "wr0ng-secret"):
        assert secret not in done.stderr + away.stderr


@pytest.fixture(scope="module")
def hadoop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hdfs.Hdfs]:
    with hdfs.Hdfs(tmp_path_factory.mktemp("hdfs")) as running:
        yield running


@pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")
def test_webhdfs(crd: Crd, cli: Cli, namespace: str, hadoop: hdfs.Hdfs) -> None:
    put(open_backend(StorageLocation(url=f"{hadoop.url}/data/lrs")), "one.txt", b"hello")
    flags = ("--files", "copy", "--files-all", "--files-url", f"{hadoop.url}/data/lrs", "-v8")
    done = cli.run("backup", "-n", namespace, "--name", "b", *flags)
    assert done.returncode == 0, done.stderr
    lines = _lines(done)
    assert any(re.match(r"GET http://127.0.0.1:\d+/webhdfs/v1/data/lrs\S*op=LISTSTATUS\S* 200 OK in", line) for line in lines)
    assert any(re.match(r"GET http://\S+one.txt\?\S*op=OPEN\S* 307 Temporary Redirect in", line) for line in lines)
    assert any(re.match(r"GET http://\S+one.txt\?\S*op=OPEN\S* 200 OK in", line) for line in lines), "where it led too"
    assert "hello" not in done.stderr


@pytest.mark.parametrize("level", [6, 10])
def test_mongo(crd: Crd, cli: Cli, namespace: str, app: App, level: int) -> None:
    app.fill(3)
    done = cli.run("backup", "-n", namespace, "--mongo", "complete", "--name", "b", f"-v={level}", env=app.environment)
    assert done.returncode == 0, done.stderr
    lines = _lines(done)
    assert any(re.match(r"MongoDB hello admin ok in \d+ milliseconds", line) for line in lines)
    assert any(re.match(rf"MongoDB find {app.name}\.\w+ ok, \d+ came in", line) for line in lines)
    flags = ("--mongo-existing", "drop", "--allow-running-app", "--yes", "-v6")
    again = cli.run("restore", "b", "--tier", "mongo", *flags, env=app.environment)
    shown = "\n".join(_lines(again))
    assert re.search(r"MongoDB insert \S+, \d+ documents ok", shown), again.stderr
    assert re.search(r"MongoDB renameCollection \S+ ok", shown)
    assert not any(line.startswith("MongoDB") and "{" in line for line in (*lines, *_lines(again))), "never a document"


def test_the_applications_api(tmp_path: Path) -> None:
    with new_place(tmp_path) as place:
        place.api.add(1, ORGANISATION)
        done = place.run("deactivate", "--yes", "-v8")
    assert done.returncode == 0, done.stderr
    lines = _lines(done)
    assert any(re.match(r"GET http://127.0.0.1:\d+/api/v2/deployments/\?\S*limit=100\S* 200 OK in", line) for line in lines)
    assert any(re.match(r"PATCH http://\S+/status/ 202 Accepted in", line) for line in lines)
    assert any(line.startswith('Request body: {"status":') for line in lines)
    assert any("Authorization: Bearer <masked>" in line for line in lines)
    assert TOKEN not in done.stderr
