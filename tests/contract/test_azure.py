"""Azure's Blob service with something in between that meddles: what is tried again, what is believed, what a refusal says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kubectl_lrs.backends import azure
from kubectl_lrs.backends.azure import Azure
from kubectl_lrs.backends.base import (
    CHUNK,
    BareNotFoundError,
    KeyExistsError,
    NoBucketError,
    Stat,
    Versions,
    WrongSumError,
    get,
    put,
)
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.model.errors import CredentialsError, DeniedError, UnreachableError
from tests.bed import azurite as bed
from tests.bed.azurite import Azurite
from tests.bed.s3_between import Answer, Between, Forward, Request

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(bool(bed.missing()), reason=f"Azure is not tested: {bed.missing()}"),
]


@pytest.fixture
def between(azurite: Azurite) -> Iterator[Between]:
    with Between(azurite) as running:
        yield running


@pytest.fixture
def name(azurite: Azurite, request: pytest.FixtureRequest) -> str:
    made = f"a{abs(hash(request.node.name)) % 10**10}"
    azurite.make_container(made)
    return made


def opened(between: Between, name: str, options: Mapping[str, Any] | None = None) -> Azure:
    options = options or {"account_name": Azurite.account, "account_key": Azurite.key}
    endpoint = f"{between.endpoint}/{Azurite.account}"
    backend = open_backend(StorageLocation(url=f"az://{name}/p", endpoint=endpoint, options=options, said=BACKUPS, is_ours=True))
    assert isinstance(backend, Azure)
    return backend


def said(status: int, code: str = "", message: str = "no") -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>" if code else "<html>no</html>"
    return Answer(status=status, headers={"x-ms-error-code": code} if code else {}, body=body.encode())


def makes(request: Request) -> bool:
    """Whether it is the request that makes a blob."""
    return request.method == "PUT" and "comp=block&" not in request.path


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("size", [10, CHUNK + 5])
def test_what_may_pass_is_tried_again(between: Between, name: str, status: int, size: int) -> None:
    backend = opened(between, name)
    seen: dict[str, int] = {}

    def rule(request: Request, _forward: Forward) -> Answer | None:
        what = f"{request.method} {request.path}"
        seen[what] = seen.get(what, 0) + 1
        return said(status) if seen[what] == 1 else None

    between.rule = rule
    backend.upload("a/b", size, iter([b"x" * size]), {}, replace=False).commit()
    assert get(backend, "a/b") == b"x" * size
    assert [each.key for each in backend.list()] == ["a/b"]
    backend.delete("a/b")
    assert min(seen.values()) >= 2


def test_what_must_not_come_late_is_sent_once(between: Between, name: str) -> None:
    backend = opened(between, name)
    between.rule = lambda request, _forward: said(503, "ServerBusy") if request.method == "PUT" else None
    with pytest.raises(UnreachableError, match="ServerBusy"):
        put(backend, "seal", b"1", once=True)
    assert len([each for each in between.log if each.method == "PUT"]) == 1


@pytest.mark.parametrize("size", [10, CHUNK + 5])
def test_the_condition_is_the_servers(between: Between, name: str, size: int) -> None:
    """It goes with the request that makes the blob: one that comes while its blocks are sent is not overwritten."""
    backend = opened(between, name)
    upload = backend.upload("a", size, iter([b"x" * size]), {}, replace=False)
    put(backend, "a", b"theirs", replace=True)
    between.log.clear()
    with pytest.raises(KeyExistsError):
        upload.commit()
    assert get(backend, "a") == b"theirs"
    assert {each.headers.get("if-none-match") for each in between.log if makes(each)} == {"*"}
    between.log.clear()
    backend.upload("a", size, iter([b"y" * size]), {}, replace=True).commit()
    assert all("if-none-match" not in each.headers for each in between.log)


@pytest.mark.parametrize("size", [10, CHUNK + 5])
def test_an_answer_that_was_lost(between: Between, name: str, size: int) -> None:
    backend = opened(between, name)
    lost: list[str] = []

    def rule(request: Request, forward: Forward) -> Answer | None:
        if makes(request) and not lost:
            lost.append(request.path)
            forward()
            return said(502)
        return None

    between.rule = rule
    assert backend.upload("a", size, iter([b"x" * size]), {}, replace=False).commit().is_proven
    put(backend, "b", b"theirs")
    lost.clear()

    def another(request: Request, _forward: Forward) -> Answer | None:
        if makes(request) and not lost:
            lost.append(request.path)
            return said(502)
        return None

    between.rule = another
    with pytest.raises(KeyExistsError):
        put(backend, "b", b"ours")
    assert get(backend, "b") == b"theirs"


def test_each_upload_is_proven(between: Between, name: str) -> None:
    backend = opened(between, name)
    assert put(backend, "small", b"1").is_proven
    data = os.urandom(2 * CHUNK + 1)
    assert backend.upload("large", len(data), iter([data]), {}, replace=False).commit().is_proven
    assert get(backend, "large") == data


@pytest.mark.parametrize("size", [10, CHUNK + 10])
def test_bytes_that_change_on_the_way(between: Between, name: str, size: int) -> None:
    backend = opened(between, name)

    def rule(request: Request, _forward: Forward) -> Answer | None:
        body = request.body.replace(b"true", b"fals")
        return between.passed(Request(method=request.method, path=request.path, headers=request.headers, body=body))

    between.rule = rule
    data = b"true".rjust(size)
    with pytest.raises(WrongSumError, match="Md5Mismatch"):
        backend.upload("a", size, iter([data]), {}, replace=False).commit()
    assert list(backend.list()) == []


def test_content_that_is_not_what_its_sum_says(between: Between, name: str) -> None:
    backend = opened(between, name)
    put(backend, "a", b"0123456789")

    def rule(request: Request, forward: Forward) -> Answer | None:
        if "range" not in request.headers:
            return None
        answer = forward()
        answer.body = answer.body.replace(b"5", b"6")
        return answer

    between.rule = rule
    reading = backend.read(backend.stat("a"), lambda _data: None)
    assert (reading.is_steady, reading.is_damaged) == (True, True)


def test_a_blob_that_is_replaced_while_it_is_read(between: Between, name: str) -> None:
    backend = opened(between, name)
    data = b"1" * (CHUNK + 10)
    backend.upload("a", len(data), iter([data]), {}, replace=False).commit()
    replaced: list[bool] = []

    def sink(_data: bytes) -> None:
        if not replaced:
            replaced.append(True)
            put(backend, "a", b"2" * len(data), replace=True)

    assert not backend.read(backend.stat("a"), sink).is_steady


def test_a_404_of_something_in_between_is_not_believed(between: Between, name: str) -> None:
    backend = opened(between, name)
    put(backend, "a", b"1")
    between.rule = lambda _request, _forward: said(404)
    for act in (
        lambda: backend.stat("a"),
        lambda: backend.read(Stat("a", 1), lambda _data: None),
        lambda: backend.read_range("a", 0, 1),
        lambda: backend.delete("a"),
        lambda: list(backend.list()),
    ):
        with pytest.raises(BareNotFoundError):
            act()
    assert set(backend.delete_many(["a", "b"])) == {"a", "b"}
    between.rule = lambda _request, _forward: None
    assert get(backend, "a") == b"1"


def test_a_list_of_more_than_a_page(between: Between, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure, "PAGE", 3)
    backend = opened(between, name)
    keys = [f"k/{number:02}" for number in range(11)]
    for key in keys:
        put(backend, key, b"")
    assert [each.key for each in backend.list()] == keys
    assert [each.key for each in backend.list("k/", after="k/04")] == keys[5:]
    assert backend.delete_many(keys) == {}
    assert list(backend.list()) == []


@pytest.mark.parametrize("body", [b"", b"<html/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><EnumerationResults/>", b"\xff"])
def test_a_list_that_is_none(between: Between, name: str, body: bytes) -> None:
    between.rule = lambda _request, _forward: Answer(status=200, headers={"x-ms-version": "2021-12-02"}, body=body)
    with pytest.raises(UnreachableError, match="not one of Azure's Blob service"):
        list(opened(between, name).list())


# ---- one clear line


def test_a_container_that_is_not_there(between: Between) -> None:
    backend = opened(between, "no-such-container")
    looks = (lambda: backend.stat("a"), lambda: list(backend.list()), backend.now)
    for act in (*looks, lambda: put(backend, "a", b"1"), backend.probe):
        with pytest.raises(NoBucketError, match="az://no-such-container/p") as caught:
            act()
        assert caught.value.hint == "is the URL right, and the account?"


def test_another_key(between: Between, name: str) -> None:
    backend = opened(between, name, {"account_name": Azurite.account, "account_key": "YW5vdGhlci1rZXktdGhhdC1pcy1zZWNyZXQ="})
    for act in (backend.now, lambda: put(backend, "a", b"1"), lambda: backend.stat("a")):
        with pytest.raises(DeniedError) as caught:
            act()
        assert "clock of this machine" in caught.value.hint or "rights" in caught.value.hint
        assert "YW5vdGhlci1rZXk" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("answer", "kind", "hint"),
    [
        (said(403, "AuthenticationFailed"), CredentialsError, "clock of this machine"),
        (said(403, "AuthorizationPermissionMismatch"), DeniedError, "docs/repository.md"),
        (said(409, "BlobImmutableDueToPolicy"), DeniedError, "policy keeps it"),
    ],
)
def test_a_refusal(between: Between, name: str, answer: Answer, kind: type[Exception], hint: str) -> None:
    backend = opened(between, name)
    between.rule = lambda _request, _forward: answer
    for act in (backend.now, lambda: put(backend, "a", b"1"), lambda: backend.delete("a")):
        with pytest.raises(kind) as caught:
            act()
        assert hint in caught.value.hint


def test_a_shared_access_signature(between: Between, name: str) -> None:
    """It goes with the URL, and is never shown."""
    token = "?sv=2021-12-02&sp=rl&sig=very%2Fsecret%3D"
    backend = opened(between, name, {"account_name": Azurite.account, "sas_token": token})
    with pytest.raises(DeniedError) as caught:
        list(backend.list())
    assert "sig=very%2Fsecret%3D" in between.log[0].path
    assert "authorization" not in between.log[0].headers
    assert "very" not in f"{caught.value} {caught.value.hint}"


def test_nobody_at_all(between: Between, name: str) -> None:
    backend = opened(between, name, {"account_name": Azurite.account})
    with pytest.raises(CredentialsError):
        backend.now()
    assert between.log == []


def test_what_becomes_of_what_is_deleted(between: Between, name: str) -> None:
    backend = opened(between, name)
    assert backend.versions() is Versions.UNKNOWN
    between.rule = lambda _request, _forward: Answer(status=200, headers={"x-ms-has-immutability-policy": "true"})
    assert backend.versions() is Versions.LOCKED
    between.rule = lambda _request, _forward: said(403, "AuthorizationPermissionMismatch")
    assert backend.versions() is Versions.UNKNOWN
