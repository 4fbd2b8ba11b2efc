"""MongoDB URIs: where they lead, in words that hold no secret; what is none is refused, without its text."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.mongo.server.access import UriAccess
from kubectl_lrs.stores.mongo.server.uri_parts import secret_in


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mongodb://host", "mongodb://host"),
        ("mongodb://host:27018/db", "mongodb://host:27018"),
        ("mongodb://joe:s3cr3t@a,b:1/?replicaSet=rs0&tls=true", "mongodb://a,b:1/?replicaSet=rs0"),
        ("mongodb://joe:s3%40cr3t@a/db?authSource=admin", "mongodb://a"),
        ("mongodb+srv://joe:s3cr3t@cluster.example.com/db?retryWrites=true", "mongodb+srv://cluster.example.com"),
    ],
)
def test_where_it_leads(uri: str, said: str) -> None:
    assert UriAccess(uri).describe() == said


@pytest.mark.parametrize(
    "uri",
    [
        "", "host", "http://joe:s3cr3t@host", "mongodb://", "mongodb://joe:s3cr3t/x@host", "mongodb://joe:s3:cr3t@host:port",
        "mongodb+srv://joe:s3cr3t@host:27017", "mongodb://joe:s3cr3t@a/?ssl=s3cr3t", "mongodb://joe:s3@cr3t@host",
        "mongodb:/host",
    ],
)  # fmt: skip
def test_what_is_no_uri_is_refused_without_saying_its_secret(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        UriAccess(uri, source="LRS_MONGO_URI")
    assert "LRS_MONGO_URI" in str(caught.value)
    assert "s3cr3t" not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"


@pytest.mark.parametrize(
    ("uri", "has"),
    [
        ("mongodb://host", False),
        ("mongodb://joe@host", False),
        ("mongodb://joe:p@host", True),
        ("mongodb://joe:@host", True),
        ("mongodb://host:27017/a:b@c", True),
        ("mongodb+srv://joe:p@host/x", True),
        ("mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:abc", True),
        ("mongodb://host/?authMechanismProperties=SERVICE_NAME:abc,CANONICALIZE_HOST_NAME:true", False),
        ("mongodb://host/?tls=true&tlscertificatekeyfilepassword=abc", True),
        ("mongodb+srv://host/?proxyPassword=abc", True),
        ("mongodb://host/?replicaSet=rs0&authSource=admin", False),
    ],
)
def test_whether_a_password_stands_in_it(uri: str, has: bool) -> None:
    assert bool(secret_in(uri)) is has


def test_our_connections_are_told_from_everybody_elses() -> None:
    one, other = UriAccess("mongodb://host"), UriAccess("mongodb://host")
    assert one.app_name != other.app_name
    assert one.app_name.startswith("kubectl-lrs/")
    one.close()
    one.reopen()


def test_threads_that_begin_at_once_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one would never be closed."""
    made: list[Any] = []
    closed: list[int] = []
    all_there = threading.Barrier(4)

    def opened() -> Any:
        made.append(SimpleNamespace(close=lambda: closed.append(1)))
        time.sleep(0.05)  # so long that the others ask meanwhile
        return made[-1]

    access = UriAccess("mongodb://127.0.0.1:1/")
    monkeypatch.setattr(access, "_open", opened)

    def ask(_number: int) -> Any:
        all_there.wait()
        return access.client()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert found == made * 4
    access.close()
    access.close()
    assert closed == [1]
