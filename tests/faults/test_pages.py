"""A page in the place of an answer, with status 200: to sign in, of maintenance, of what blocks some requests. On every storage.

It is no content, no list, no time, no deletion and no upload; whoever asked is told that the storage was not reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from kubectl_lrs.backends.base import Backend, get, put
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.backends.s3_upload import MIN_PART
from kubectl_lrs.model.errors import LrsError, UnreachableError
from tests.bed import azurite, hdfs
from tests.bed.azurite import Azurite
from tests.bed.s3_between import Answer, Between, Forward, Request, pass_on
from tests.builders.pools import made, opened, sealed

no_hdfs = pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")
no_azurite = pytest.mark.skipif(bool(azurite.missing()), reason=f"Azure is not tested: {azurite.missing()}")
KINDS = (
    "s3",
    pytest.param("cluster", marks=no_hdfs),
    pytest.param("gcs", marks=pytest.mark.campaign),
    pytest.param("azurite", marks=[pytest.mark.campaign, no_azurite]),
)
PAGE = Answer(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html><title>Sign in</title></html>")


class Bed:
    """A repository, reached through what gives a page in the place of some answers."""

    def __init__(self, backend: Backend, between: Between) -> None:
        self.backend, self.between = backend, between

    def pages(self, *methods: str, of: str = "") -> None:
        """From now on, for requests of these methods whose path has this in it."""

        def rule(request: Request, _forward: Forward) -> Answer | None:
            return PAGE if request.method in methods and of in request.path else None

        self.between.rule = rule

    def none(self) -> None:
        """No longer."""
        self.between.rule = pass_on


@pytest.fixture(params=KINDS)
def bed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    server: Any = request.getfixturevalue(request.param)
    with Between(server) as between:
        where = _place(str(request.param), server, between, f"p{abs(hash(request.node.name)) % 10**10}", monkeypatch)
        yield Bed(made(open_backend(where)), between)


def _place(kind: str, server: Any, between: Between, name: str, monkeypatch: pytest.MonkeyPatch) -> StorageLocation:
    if kind == "cluster":
        url = f"webhdfs://{server.user}@{between.endpoint.partition('://')[2]}/{name}"
        return StorageLocation(url=url, said=BACKUPS, is_ours=True)
    if kind == "gcs":
        server.make_bucket(name)
        options = {"token": "anon"}
        return StorageLocation(url=f"gs://{name}/p", endpoint=between.endpoint, options=options, said=BACKUPS, is_ours=True)
    if kind == "azurite":
        server.make_container(name)
        options = {"account_name": Azurite.account, "account_key": Azurite.key}
        endpoint = f"{between.endpoint}/{Azurite.account}"
        return StorageLocation(url=f"az://{name}/p", endpoint=endpoint, options=options, said=BACKUPS, is_ours=True)
    for variable, value in server.environment.items():
        monkeypatch.setenv(variable, value)
    (server.buckets / name).mkdir()
    return StorageLocation(url=f"s3://{name}/p", endpoint=between.endpoint, said=BACKUPS, is_ours=True)


@pytest.mark.parametrize(
    "act",
    [
        lambda backend: backend.read_range("x/there", 0, 1000),
        lambda backend: backend.read_range("x/there", 2, 2),
        lambda backend: backend.stat("x/there"),
        lambda backend: backend.stat("x/nothing"),
        lambda backend: list(backend.list("x/")),
        lambda backend: backend.now(),
    ],
    ids=["range", "middle", "stat", "nothing", "list", "now"],
)
def test_nothing_is_read_out_of_it(bed: Bed, act: Callable[[Backend], object]) -> None:
    put(bed.backend, "x/there", b"content" * 100)
    bed.pages("GET", "HEAD")
    with pytest.raises(UnreachableError, match=r"is not (one )?of|is no list|other bytes") as caught:
        act(bed.backend)
    assert "proxy" in f"{caught.value} {caught.value.hint}" or "endpoint" in caught.value.hint
    bed.none()
    assert get(bed.backend, "x/there") == b"content" * 100


def test_it_is_no_content(bed: Bed, request: pytest.FixtureRequest) -> None:
    """The object is there, and only its bytes are asked for in vain."""
    put(bed.backend, "x/there", b"content" * 100)
    asked = {"cluster": "op=OPEN", "gcs": "alt=media"}
    bed.pages("GET", of=next((word for kind, word in asked.items() if kind in request.node.name), "/x/there"))
    with pytest.raises(UnreachableError):
        get(bed.backend, "x/there")


@pytest.mark.parametrize("size", [10, MIN_PART + 1])
def test_nothing_is_uploaded(bed: Bed, size: int) -> None:
    bed.pages("PUT", "POST")
    with pytest.raises(UnreachableError):
        bed.backend.upload("x/new", size, iter([bytes(size)]), {}, replace=False).commit()
    bed.none()
    assert list(bed.backend.list("x/")) == []


@pytest.mark.parametrize("bed", KINDS[1:], indirect=True)
def test_nothing_is_deleted_that_says_so(bed: Bed) -> None:
    """The libraries of S3 do not tell: of what a prune deletes there one is looked for."""
    put(bed.backend, "x/there", b"content")
    bed.pages("DELETE")
    with pytest.raises(UnreachableError):
        bed.backend.delete("x/there")
    assert all(isinstance(error, LrsError) for error in bed.backend.delete_many(["x/there"]).values())
    assert len(bed.backend.delete_many(["x/there"])) == 1
    bed.none()
    assert get(bed.backend, "x/there") == b"content"


def test_an_older_backup_is_not_the_latest_then(bed: Bed) -> None:
    sealed(bed.backend, {"a": b"older"}, "older")
    now = datetime.now(timezone.utc)
    sealed(bed.backend, {"a": b"newer"}, "newer", instant=now, finished=now)
    bed.pages("GET", "HEAD", of="newer.")
    with pytest.raises(UnreachableError):
        opened(bed.backend).latest()
    bed.none()
    assert opened(bed.backend).latest().name == "newer"
