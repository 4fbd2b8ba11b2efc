"""Which repository a name means, and how its storage is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.backends import place as storages
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository import place
from kubectl_lrs.repository.place import Reach, folder_of, open_repository, open_storage
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.runtime.paths import is_url
from kubectl_lrs.usecases.repository import make
from tests.builders.sealing import nights


def test_folder_that_need_not_be_there(tmp_path: Path) -> None:
    repository = open_repository(str(tmp_path / "backups"))
    assert isinstance(repository, PlainRepository)
    assert repository.location == repository.resolved == str(tmp_path / "backups")
    assert not (tmp_path / "backups").exists()


def test_folder_with_the_mark_of_a_pool(tmp_path: Path) -> None:
    (tmp_path / "lrs-repository.json").write_text("{}")
    for name in (str(tmp_path), f"file://{tmp_path}", f"FILE://{tmp_path}"):
        assert isinstance(open_repository(name), PooledRepository)


def test_a_path_as_a_url(tmp_path: Path) -> None:
    for name in (f"file://{tmp_path}", f"file:{tmp_path}", f"FILE:{tmp_path}"):
        found = open_repository(name)
        assert isinstance(found, PlainRepository)
        assert found.resolved == str(tmp_path)
        assert folder_of(name, what="DIR") == tmp_path


@pytest.mark.parametrize("name", ["file:x", "s3:bucket", "s3://b/x", "https:host", "file://x"])
def test_a_folder_that_is_made_here(name: str) -> None:
    with pytest.raises(UsageError, match="not a path of this machine"):
        folder_of(name, what="DIR")
    assert str(folder_of(f"./{name}", what="DIR")).startswith(name.split(":")[0])


@pytest.mark.parametrize(
    "name",
    [
        "s3://b/p",
        "S3://b",
        "webhdfs://h:1/p",
        "gs://b",
        "memory://x",
        "s3:/b",
        "file://x",
        "file:x",
        "FILE:x",
        "s3:b",
        "Gs:b",
        "https:x",
    ],
)
def test_a_url(name: str) -> None:
    assert is_url(name)


@pytest.mark.parametrize("name", ["a", "./a:b", "/a//b", "a:b", "-", ".", "C", "a/b:/c", "./file:x", "files:x", "s4:b"])
def test_a_path(name: str) -> None:
    assert not is_url(name)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3:/bucket", "no URL of a storage"),
        ("ftp://host/x", "no such kind of storage"),
        ("s3://", "names no bucket or host"),
        ("s3://b/a//c", "'.' or '..'"),
        ("s3://b/../c", "'.' or '..'"),
        ("s3://b/p?region=x", "no '?' or '#'"),
        ("s3://user:very-secret@b/p", "holds a password"),
        ("file://relative/x", "no URL of a storage"),
        ("file:x", "no URL of a storage"),
        ("s3:bucket", "no URL of a storage"),
        ("https:host/x", "no URL of a storage"),
    ],
)
def test_a_url_that_is_none(url: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_repository(url)
    assert str(caught.value).startswith("--backup-dir")
    assert said in str(caught.value)
    assert "very-secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(("url", "package", "extra"), [("gs://b/p", "google.auth", "gs"), ("hdfs://c/p", "pyarrow", "hdfs")])
def test_a_url_without_its_library(url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = storages.importlib.import_module

    def absent(name: str) -> object:
        if name == package:
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(storages.importlib, "import_module", absent)
    with pytest.raises(UsageError, match=f"needs the Python package {package}, which is not installed") as caught:
        open_repository(url)
    assert caught.value.hint == f"pip install 'kubectl-lrs[{extra}]'"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[storages.StorageLocation]:
    """What is opened, instead of it."""
    found: list[storages.StorageLocation] = []

    def instead(where: storages.StorageLocation) -> Memory:
        found.append(where)
        return Memory()

    monkeypatch.setattr(storages, "open_backend", instead)
    return found


def test_the_environment_says_how_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[storages.StorageLocation]
) -> None:
    (tmp_path / "options.json").write_text('{"key": "k", "secret": "s"}')
    monkeypatch.setenv("LRS_BACKUP_OPTIONS", str(tmp_path / "options.json"))
    monkeypatch.setenv("LRS_BACKUP_ENDPOINT", "https://minio")
    monkeypatch.setenv("LRS_BACKUP_CA_FILE", "/ca.pem")
    open_storage("s3://b/p")
    open_storage("webhdfs://h/p")
    open_storage("gs://b/p")
    open_storage(str(tmp_path))
    assert [(each.options, each.endpoint, each.ca_file) for each in opened] == [
        ({"key": "k", "secret": "s"}, "https://minio", "/ca.pem"),
        ({"key": "k", "secret": "s"}, "", "/ca.pem"),
        ({"key": "k", "secret": "s"}, "https://minio", "/ca.pem"),
        ({}, "", ""),
    ]
    assert opened[3].url == str(tmp_path)
    assert {each.said for each in opened} == {storages.BACKUPS}


def test_a_plain_backup_by_its_path_beside_a_pool(folder: Path) -> None:
    nights(folder / "plain", 1)
    make(str(folder / "pool"))
    repository = open_repository(str(folder / "pool"))
    found = repository.find(str(folder / "plain" / "night-0"))
    assert (found.name, found.parent) == ("night-0", str(folder / "plain"))
    assert repository.names_backup(str(folder / "plain" / "night-0"))
    for name in ("night-0", f"{folder}/plain/night-9", "s3://b/p/night-0"):
        with pytest.raises(UsageError, match="not found"):
            repository.find(name)


def test_options_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRS_BACKUP_OPTIONS", "/nowhere")
    with pytest.raises(UsageError, match="LRS_BACKUP_OPTIONS /nowhere: cannot be read"):
        open_repository("s3://b/p")


def test_the_application_s_variables_are_not_the_repository_s(
    monkeypatch: pytest.MonkeyPatch, opened: list[storages.StorageLocation]
) -> None:
    monkeypatch.setenv("LRS_FILES_ENDPOINT", "https://application")
    monkeypatch.setenv("LRS_FILES_OPTIONS", "/nowhere")
    place.open_storage("s3://b/p")
    assert (opened[0].endpoint, opened[0].options) == ("", {})


def test_credentials_of_a_place_go_to_no_other() -> None:
    by_call = Reach(ca_file="c")
    reach = Reach(options="o", endpoint="e", ca_file="c", of="webhdfs://one:9870/lrs", elsewhere=by_call)
    assert reach.to("webhdfs://ONE:9870/velero/backups/x") is reach
    for url in ("webhdfs://two:9870/lrs", "webhdfs://one:1/lrs", "s3://one:9870/lrs", "s3://["):
        assert reach.to(url) is by_call
    assert Reach(options="o").to("s3://any/x") == Reach(options="o"), "what the call itself says is for all"
