"""Servers that are well when they are asked how they are, and fail at all that is asked of them: given up together.

Counted is what they are asked, which is far less than there is to do. The product has no patience here.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.model.plan import ApplyOptions
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime import retry
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.storage import Storage
from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import Answer as Said
from tests.bed.front import Front, Trouble
from tests.bed.proxy import ALWAYS, FaultProxy, refuse
from tests.bed.registry import Registry
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request
from tests.builders import files_on_s3, imagery, impatient
from tests.builders.deployments import ORGANISATION, Place, new_place
from tests.builders.ground import EACH, POST, Ground, undone
from tests.builders.said import nothing
from tests.builders.sealing import sealed
from tests.builders.sparked import counts, start
from tests.conftest import Cli, Crd

MANY = 40
BROKEN = 10**6
FAILS = b'{"errors": [{"code": "UNKNOWN", "message": "the storage driver is lost"}]}'
APP = f"datarobot/{imagery.APP}"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return impatient.environment(tmp_path, patience=0.0)


# ---- images


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


@pytest.fixture
def app(registry: Registry, front: Front, plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """LRS that name so many images, none of which shares anything with another."""
    registry.destroy()
    for number in range(MANY):
        images.push(registry, APP, f"t{number:02}", images.image(f"layer {number}"))
    names = [f"{front.host}/{APP}:t{number:02}" for number in range(MANY)]
    every = [imagery.lrs(crd.api_version, crd.kind, namespace, number, name) for number, name in enumerate(names)]
    loader.create_many(plane, every)
    front.log.clear()
    return namespace


def _asked(front: Front, what: str) -> set[str]:
    """The paths that fit, each once."""
    return {each.path for each in list(front.log) if re.search(what, f"{each.method} {each.path}")}


def _break(front: Front, pattern: str, *, skip: int = 0, times: int = BROKEN) -> None:
    front.troubles.append(Trouble(pattern, times, 500, body=FAILS, skip=skip))


def test_a_registry_that_gives_no_manifest(front: Front, app: str, cli: Cli, env: dict[str, str]) -> None:
    _break(front, "(GET|HEAD) /v2/.+")
    done = cli.run("backup", "-n", app, "--images", "copy", "--images-parallel", "2", "--name", "none", env=env)
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert "the storage driver is lost" in done.stderr
    assert not (cli.directory / "none").exists()
    assert len(_asked(front, "manifests")) < MANY / 2


def test_a_token_server_that_gives_no_token(front: Front, app: str, cli: Cli, env: dict[str, str]) -> None:
    with Front() as tokens:
        _break(tokens, "/token")
        offered = {"WWW-Authenticate": f'Bearer realm="http://{tokens.host}/token",service="bed"'}
        front.troubles.append(Trouble(" /v2/", BROKEN, 401, offered))
        done = cli.run("backup", "-n", app, "--images", "copy", "--images-parallel", "2", "--name", "none", env=env)
        assert done.returncode == 5, (done.stdout, done.stderr)
        assert "gave no token (HTTP 500)" in done.stderr
        assert 0 < len(tokens.paths("GET")) < MANY / 2


HASTY = """
from kubectl_lrs.clients.http.client import HttpOptions
HttpOptions.__init__.__kwdefaults__["read_timeout"] = 1.0
"""


def test_a_registry_that_hangs_at_each_manifest(front: Front, app: str, cli: Cli, tmp_path: Path) -> None:
    """Whoever waits for a minute each time would wait for as many minutes as there are images."""
    env = impatient.altered(tmp_path / "hasty", impatient.CODE.format(patience=0.0) + HASTY)
    held = threading.Event()
    front.troubles.append(Trouble("(GET|HEAD) /v2/.+", BROKEN, 500, held=held))
    try:
        done = cli.run("backup", "-n", app, "--images", "copy", "--images-parallel", "2", "--name", "none", env=env)
    finally:
        held.set()
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert not (cli.directory / "none").exists()
    assert len(_asked(front, "manifests")) < MANY / 2


def test_a_registry_that_gives_no_layer_from_some_on(front: Front, app: str, cli: Cli, env: dict[str, str]) -> None:
    _break(front, "GET .*/blobs/", skip=MANY + MANY // 2)
    done = cli.run("backup", "-n", app, "--images", "copy", "--images-parallel", "2", "--name", "some", "-o", "json", env=env)
    assert done.returncode == 3, (done.stdout, done.stderr)
    missing = json.loads((cli.directory / "some" / "backup.json").read_text())["missing"]
    assert 0 < len(missing) < MANY, "what was had is in the backup, and each that was not is named"
    assert sum("the rest is not tried" in each["reason"] for each in missing) > len(missing) / 2
    assert len(_asked(front, "GET .*/blobs/")) < 2 * MANY
    front.troubles.clear()
    cli.ok("backup", "-n", app, "--images", "copy", "--name", "whole")


def test_a_registry_that_takes_nothing(
    front: Front, app: str, registry: Registry, plane: ControlPlane, crd: Crd, cli: Cli, env: dict[str, str]
) -> None:
    """Its disk is full: it can be read, and an upload can be begun."""
    cli.ok("backup", "-n", app, "--images", "copy", "--name", "saved")
    plane.api("DELETE", loader.objects_path(crd.api_version, app))
    loader.wait_until(lambda: not loader.live(plane, crd.api_version, app), "the LRS to be gone")
    registry.destroy()
    front.log.clear()
    _break(front, "PUT ")
    done = cli.run("restore", "saved", "--images-parallel", "2", "-o", "json", env=env)
    assert done.returncode == 5, (done.stdout, done.stderr)
    said = [each for each in json.loads(done.stdout)["outcomes"] if each["tier"] == "images"]
    assert {each["result"] for each in said} == {"failed"}
    assert sum("the rest is not tried" in each["message"] for each in said) > MANY / 2, said[:5]
    assert len(_asked(front, "PUT ")) < MANY / 2
    assert loader.live(plane, crd.api_version, app) == [], "LRS whose images are not there would not start"
    front.troubles.clear()
    assert cli.run("restore", "saved").returncode == 0


def test_one_repository_that_is_broken_keeps_no_other_from_being_copied(
    front: Front, app: str, registry: Registry, plane: ControlPlane, crd: Crd, cli: Cli, env: dict[str, str]
) -> None:
    other = f"{front.host}/managed-image:last"
    images.push(registry, "managed-image", "last", images.image("standstill", "last"))
    loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, app, MANY, other)])
    _break(front, f"(GET|HEAD) /v2/{APP}/")
    done = cli.run("backup", "-n", app, "--images", "copy", "--images-parallel", "1", "--name", "one", env=env)
    assert done.returncode == 3, (done.stdout, done.stderr)
    index = json.loads((cli.directory / "one" / "images" / "index.json").read_text())
    assert [each["annotations"]["org.opencontainers.image.ref.name"] for each in index["manifests"]] == [other]
    assert len(_asked(front, f"/{APP}/manifests")) < MANY / 2


# ---- LRS, sessions, deployments


def test_an_api_server_that_can_only_be_read(plane: ControlPlane, crd: Crd, tmp_path: Path, env: dict[str, str]) -> None:
    with Ground.prepared(plane, crd, tmp_path) as ground:
        ground.proxy.when("POST", POST, refuse(500, message="etcdserver: mvcc: database space exceeded"), nth=ALWAYS)
        done = ground.cli.run("restore", "saved", "--yes", "-q", "-o", "wide", "--parallel", "2", env=env)
        assert done.returncode != 0
        assert "database space exceeded" in done.stdout + done.stderr
        assert len(undone(done.stdout)) == 2 * EACH
        tried = {each.key for each in ground.proxy.writes}
        assert len(tried) < EACH, "each was sent all the same"
        ground.proxy.behave()
        assert ground.restore().returncode == 0
        ground.assert_whole()


def test_sessions_that_nobody_deletes(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path, env: dict[str, str]
) -> None:
    start(plane, crd, namespace, MANY)
    with FaultProxy(plane) as proxy:
        proxy.when("DELETE", "", refuse(500, message="no leader"), nth=ALWAYS)
        through = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
        done = through.run("clean-spark", "-n", namespace, "--yes", "--parallel", "2", env=env)
        assert done.returncode != 0
        assert counts(done.stdout)["not tried"] > MANY / 2, done.stdout
        assert "the rest is not tried" in done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with new_place(tmp_path) as made:
        yield made


@pytest.mark.parametrize("status", [500, 503])
def test_an_application_that_takes_no_change(
    place: Place, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    for number in range(MANY):
        place.api.add(number, ORGANISATION)
    answer = place.api.answer

    def answered(method: str, *arguments: object) -> Said:
        if method == "PATCH":
            return Said(status, {"message": "the database is read-only"})
        return answer(method, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(place.api, "answer", answered)
    rows = place.report("deactivate", "--yes", "--parallel", "2", "--timeout", "1s", code=5, env={**place.env, **env})
    results = [each["result"] for each in rows.values()]
    assert results.count("not tried") > MANY / 2, results
    monkeypatch.setattr(place.api, "answer", answer)
    place.report("deactivate", "--yes")
    assert set(place.api.statuses().values()) == {"inactive"}


# ---- files


FILES = {f"many/{number:02}": b"%d" % number for number in range(MANY)}


class _Failing:
    """500 to these requests about objects of the application, but for the first so many; its lists are given."""

    def __init__(self, method: str, *, skip: int = 0) -> None:
        self._method, self._skip = method, skip
        self.asked: set[str] = set()
        self.is_on = True

    def __call__(self, request: Request, _forward: Forward) -> Answer | None:
        key = request.path.partition("?")[0]
        if not self.is_on or request.method != self._method or "/many/" not in key:
            return None
        self.asked.add(key)
        return Answer.error(500, "InternalError") if len(self.asked) > self._skip else None


@pytest.fixture
def between(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    with Between(s3) as running:
        yield running


def _bucket(s3: S3, request: pytest.FixtureRequest) -> str:
    name = f"b{abs(hash(request.node.name)) % 10**8}"
    (s3.buckets / name).mkdir()
    return name


@pytest.mark.parametrize("skip", [0, 5])
def test_a_storage_that_lists_and_gives_nothing(
    s3: S3, between: Between, request: pytest.FixtureRequest, tmp_path: Path, skip: int
) -> None:
    backend = files_on_s3.opened_through(between, _bucket(s3, request))
    for key, data in FILES.items():
        backend.upload(key, len(data), iter([data]), {}, replace=True).commit()
    between.rule = rule = _Failing("GET", skip=skip)
    collector = FilesCollector(Storage(backend), nothing, take_all=True, workers=2)

    def work(writer: FolderWriter) -> None:
        missing = collector.collect(writer, Silent())["missing"]
        assert len(missing) == MANY - skip
        assert sum("the rest is not tried" in each.reason for each in missing) > MANY / 2

    with nullcontext() if skip else pytest.raises(UnreachableError):
        sealed(tmp_path, work, "backup", others={"files": {}})
    assert len(rule.asked) < MANY / 2


def test_a_storage_that_takes_nothing(s3: S3, between: Between, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    backend = files_on_s3.opened_through(between, _bucket(s3, request))
    folder = files_on_s3.saved_files(backend, tmp_path, FILES, {})
    between.rule = rule = _Failing("PUT")
    restorer = files_on_s3.restorer_of(folder, backend)
    report = Report(source="", target="")
    with pytest.raises(UnreachableError):
        restorer.apply(restorer.plan(Silent()), ApplyOptions(workers=2, timeout=10), report, Silent())
    assert {each.result for each in report.outcomes} <= {Result.FAILED, Result.NOT_TRIED}
    assert len(rule.asked) < MANY / 2
    rule.is_on = False
    assert {result for result, _ in files_on_s3.restored(folder, backend).values()} == {Result.CREATED}
