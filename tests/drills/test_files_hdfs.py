"""Files on a real HDFS, over WebHDFS: the drill, rights, names, and what is kept beside the content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import Backend, KeyExistsError, get, put
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import DeniedError, UnreachableError
from tests.bed import hdfs
from tests.bed.controlplane import ControlPlane
from tests.builders import stored
from tests.conftest import Cli, Crd

pytestmark = pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hdfs.Hdfs]:
    with hdfs.Hdfs(tmp_path_factory.mktemp("hdfs")) as running:
        yield running


def _storage(cluster: hdfs.Hdfs, path: str, user: str = hdfs.Hdfs.user) -> Backend:
    return open_backend(StorageLocation(url=f"webhdfs://{user}@127.0.0.1:{cluster.port}/{path}"))


def _content(storage: Backend) -> dict[str, bytes]:
    return {each.key: get(storage, each.key) for each in storage.list()}


def _fill(storage: Backend, files: dict[str, bytes], attributes: dict[str, Any] | None = None) -> None:
    for path, data in files.items():
        put(storage, path, data, attributes)


def test_the_drill(cluster: hdfs.Hdfs, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    stored.populate(plane, crd, namespace)
    storage = _storage(cluster, "data/lrs")
    storage.make_directory("workspaces", {"permission": "750", "owner": "app", "group": "apps"})
    _fill(storage, stored.FILES, {"permission": "640", "owner": "app", "group": "apps"})
    before = {each.key: each.attributes for each in storage.list()}
    reached = ("--files-url", f"{cluster.url}/data/lrs")
    cli.ok("backup", "-n", namespace, "--files", "copy", "--files-all", *reached, "--name", "hdfs")
    system: Any = storage
    system._system.rm("/data/lrs", recursive=True)
    system._system.mkdir("/data/lrs")
    cli.ok("restore", "hdfs", "--tier", "files", *reached)
    assert _content(storage) == stored.FILES
    assert {each.key: each.attributes for each in storage.list()} == before
    assert storage.directory("workspaces") == {"permission": "750", "owner": "app", "group": "apps"}
    assert f"{len(stored.FILES)} unchanged" in cli.ok("restore", "hdfs", "--tier", "files", *reached)
    _fill_over(storage, stored.SPOKEN_OF, b"PRINT('hello')\n")
    assert cli.run("restore", "hdfs", "--tier", "files", *reached).returncode == 3
    cli.ok("restore", "hdfs", "--tier", "files", *reached, "--files-existing", "replace", "--yes")
    assert _content(storage) == stored.FILES


def _fill_over(storage: Backend, path: str, data: bytes) -> None:
    put(storage, path, data, replace=True)


def test_one_that_is_there_is_not_overwritten_and_nothing_half_is_left(cluster: hdfs.Hdfs) -> None:
    storage = _storage(cluster, "data/half")
    _fill(storage, {"a/b": b"data"})
    with pytest.raises(KeyExistsError):
        _fill(storage, {"a/b": b"other"})

    def broken() -> Iterator[bytes]:
        yield b"x" * (20 << 20)
        raise UnreachableError("gone")

    for replace in (False, True):
        with pytest.raises(UnreachableError):
            storage.upload("a/c" if not replace else "a/b", 21 << 20, broken(), {}, replace=replace)
    assert _content(storage) == {"a/b": b"data"}
    system: Any = storage
    assert [Path(each).name for each in system._system.ls("/data/half/a")] == ["b"]


def test_who_may_not(cluster: hdfs.Hdfs, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    storage = _storage(cluster, "data/closed")
    storage.make_directory("in", {"permission": "700", "owner": "app", "group": "apps"})
    _fill(storage, {"in/file": b"data"})
    nobody = _storage(cluster, "data/closed", "nobody")
    with pytest.raises(DeniedError):
        list(nobody.list())
    with pytest.raises(DeniedError):
        nobody.probe()
    stored.populate(plane, crd, namespace)
    url = f"webhdfs://nobody@127.0.0.1:{cluster.port}/data/closed"
    done = cli.run("backup", "-n", namespace, "--files", "copy", "--files-all", "--files-url", url)
    assert done.returncode == 5
    assert "Permission denied" in done.stderr
    assert list(cli.directory.iterdir()) == []


def test_what_a_folders_quota_leaves(cluster: hdfs.Hdfs, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    import http.client

    stored.populate(plane, crd, namespace)
    storage = _storage(cluster, "data/quota")
    _fill(storage, stored.FILES)
    reached = ("--files-url", f"{cluster.url}/data/quota")
    cli.ok("backup", "-n", namespace, "--files", "copy", "--files-all", *reached, "--name", "large")
    system: Any = storage
    system._system.rm("/data/quota", recursive=True)
    system._system.mkdir("/data/quota")
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port)
    query = "op=SETQUOTA&namespacequota=1000&storagespacequota=1000&user.name=hdfs"
    connection.request("PUT", f"/webhdfs/v1/data/quota?{query}")
    assert connection.getresponse().status == 200
    done = cli.run("restore", "large", "--tier", "files", *reached, "-o", "json")
    assert done.returncode == 1, done.stderr
    assert "there is room for 1000 B" in done.stderr
    assert list(storage.list()) == []
    assert json.loads((cli.directory / "large" / "files.json").read_text())["level"] == "copy"
