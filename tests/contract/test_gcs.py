"""Google Cloud Storage with something in between that meddles: what is tried again, what is believed, what a refusal says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kubectl_lrs.backends import gcs
from kubectl_lrs.backends.base import (
    CHUNK,
    BareNotFoundError,
    KeyExistsError,
    KeyNotFoundError,
    NoBucketError,
    Stat,
    Versions,
    WrongSumError,
    get,
    put,
)
from kubectl_lrs.backends.gcs import Gcs
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.model.errors import CredentialsError, DeniedError, UnreachableError
from tests.bed.gcs import Gcs as Server
from tests.bed.s3_between import Answer, Between, Forward, Request

pytestmark = pytest.mark.campaign
"""The server is built for it, which takes a minute."""

ANON = {"token": "anon"}


@pytest.fixture
def between(gcs: Server) -> Iterator[Between]:
    with Between(gcs) as running:
        yield running


@pytest.fixture
def name(gcs: Server, request: pytest.FixtureRequest) -> str:
    made = f"g{abs(hash(request.node.name)) % 10**10}"
    gcs.make_bucket(made)
    return made


def opened(between: Between, name: str, options: Mapping[str, Any] | None = None) -> Gcs:
    place = StorageLocation(url=f"gs://{name}/p", endpoint=between.endpoint, options=options or ANON, said=BACKUPS, is_ours=True)
    backend = open_backend(place)
    assert isinstance(backend, Gcs)
    return backend


def said(status: int, message: str = "no", reason: str = "") -> Answer:
    body = json.dumps({"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}).encode()
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)


def is_write(request: Request) -> bool:
    return request.method in ("POST", "PUT")


@pytest.mark.parametrize("page", [b"<html></html>", b"", b"{}", b'{"message": "sign in"}'])
def test_a_page_of_something_in_between_is_no_empty_list(between: Between, name: str, page: bytes) -> None:
    backend = opened(between, name)
    put(backend, "holds/a", b"1")
    between.rule = lambda request, _forward: Answer(status=200, body=page) if "prefix=" in request.path else None
    with pytest.raises(UnreachableError):
        list(backend.list("holds/"))


# ---- what may pass


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("size", [10, CHUNK + 5])
def test_what_may_pass_is_tried_again(between: Between, name: str, status: int, size: int) -> None:
    backend = opened(between, name)
    seen: dict[str, int] = {}

    def rule(request: Request, _forward: Forward) -> Answer | None:
        what = f"{request.method} {request.path.partition('?')[0]} {request.headers.get('content-range', '')}"
        seen[what] = seen.get(what, 0) + 1
        return said(status) if seen[what] == 1 else None

    between.rule = rule
    backend.upload("a/b", size, iter([b"x" * size]), {}, replace=False).commit()
    assert get(backend, "a/b") == b"x" * size
    assert [each.key for each in backend.list()] == ["a/b"]
    backend.delete("a/b")
    assert set(seen.values()) >= {2}


def test_an_outage_that_lasts_is_said(between: Between, name: str) -> None:
    backend = opened(between, name)
    between.rule = lambda _request, _forward: said(503, "Service Unavailable", "backendError")
    with pytest.raises(UnreachableError, match=f"gs://{name}/p: a: Service Unavailable .503."):
        backend.stat("a")
    assert len(between.log) == 4
    assert not backend.is_alive()


def test_what_must_not_come_late_is_sent_once(between: Between, name: str) -> None:
    backend = opened(between, name)
    between.rule = lambda request, _forward: said(503) if is_write(request) else None
    with pytest.raises(UnreachableError):
        put(backend, "seal", b"1", once=True)
    assert len([each for each in between.log if is_write(each)]) == 1


# ---- made once


@pytest.mark.parametrize("size", [10, CHUNK + 5])
def test_the_condition_is_the_servers(between: Between, name: str, size: int) -> None:
    """It goes with the request that makes the object, and no look comes before it."""
    backend = opened(between, name)
    backend.upload("a", size, iter([b"x" * size]), {}, replace=False).commit()
    first = next(request for request in between.log if is_write(request))
    assert parse_qs(first.path.partition("?")[2])["ifGenerationMatch"] == ["0"]
    assert {request.method for request in between.log} <= {"POST", "PUT"}
    with pytest.raises(KeyExistsError):
        backend.upload("a", size, iter([b"y" * size]), {}, replace=False).commit()
    between.log.clear()
    backend.upload("a", size, iter([b"y" * size]), {}, replace=True).commit()
    assert all("ifGenerationMatch" not in request.path for request in between.log)


def test_an_answer_that_was_lost(between: Between, name: str) -> None:
    """The object is there, and the second try is refused for it: it is ours, and only where it holds what was sent."""
    backend = opened(between, name)
    lost: list[str] = []

    def rule(request: Request, forward: Forward) -> Answer | None:
        if is_write(request) and not lost:
            lost.append(request.path)
            forward()
            return said(502)
        return None

    between.rule = rule
    assert put(backend, "a", b"ours").is_proven
    put(backend, "b", b"theirs")
    lost.clear()

    def another(request: Request, _forward: Forward) -> Answer | None:
        if is_write(request) and not lost:
            lost.append(request.path)
            return said(502)
        return None

    between.rule = another
    with pytest.raises(KeyExistsError):
        put(backend, "b", b"ours")
    assert get(backend, "b") == b"theirs"


# ---- what is believed


def test_each_upload_is_proven_by_the_servers_own_sum(between: Between, name: str) -> None:
    backend = opened(between, name)
    assert put(backend, "small", b"1").is_proven
    data = os.urandom(2 * CHUNK + 1)
    assert backend.upload("large", len(data), iter([data]), {}, replace=False).commit().is_proven


def test_bytes_that_change_on_the_way(between: Between, name: str) -> None:
    backend = opened(between, name)

    def rule(request: Request, forward: Forward) -> Answer | None:
        altered = Request(
            method=request.method, path=request.path, headers=request.headers, body=request.body.replace(b"true", b"fals")
        )
        return between.passed(altered) if is_write(request) else None

    between.rule = rule
    with pytest.raises(WrongSumError):
        put(backend, "a", b"it is true")
    assert list(backend.list()) == []
    data = b"x" * CHUNK + b"true"
    written = backend.upload("b", len(data), iter([data]), {}, replace=False).commit()
    assert not written.is_proven


def test_content_that_is_not_what_its_sum_says(between: Between, name: str) -> None:
    backend = opened(between, name)
    put(backend, "a", b"0123456789")

    def rule(request: Request, forward: Forward) -> Answer | None:
        if "alt=media" not in request.path:
            return None
        answer = forward()
        answer.body = answer.body.replace(b"5", b"6")
        return answer

    between.rule = rule
    heard = bytearray()
    reading = backend.read(backend.stat("a"), heard.extend)
    assert (reading.is_steady, reading.is_damaged) == (True, True)


def test_an_object_that_is_replaced_while_it_is_read(between: Between, name: str) -> None:
    backend = opened(between, name)
    data = b"1" * (CHUNK + 10)
    backend.upload("a", len(data), iter([data]), {}, replace=False).commit()

    def sink(_data: bytes) -> None:
        if not replaced:
            replaced.append(True)
            put(backend, "a", b"2", replace=True)

    replaced: list[bool] = []
    assert not backend.read(backend.stat("a"), sink).is_steady


@pytest.mark.parametrize("answer", [Answer(status=404, body=b"<html>no</html>"), Answer(status=404)])
def test_a_404_of_something_in_between_is_not_believed(between: Between, name: str, answer: Answer) -> None:
    backend = opened(between, name)
    put(backend, "a", b"1")
    between.rule = lambda _request, _forward: answer
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


def test_a_range_that_is_another_one(between: Between, name: str) -> None:
    backend = opened(between, name)
    put(backend, "a", b"0123456789")

    def rule(request: Request, forward: Forward) -> Answer | None:
        if "alt=media" not in request.path:
            return None
        answer = forward()
        answer.headers["Content-Range"] = "bytes 0-3/10"
        return answer

    between.rule = rule
    with pytest.raises(Exception, match="other bytes than were asked for"):
        backend.read_range("a", 2, 4)


def test_a_list_of_more_than_a_page(between: Between, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs, "PAGE", 3)
    backend = opened(between, name)
    keys = [f"k/{number:02}" for number in range(11)]
    for key in keys:
        put(backend, key, b"")
    assert [each.key for each in backend.list()] == keys
    assert [each.key for each in backend.list("k/", after="k/04")] == keys[5:]
    assert backend.delete_many(keys) == {}
    assert list(backend.list()) == []


def test_a_server_that_keeps_less_than_it_was_sent(between: Between, name: str) -> None:
    """Of a piece, that is: the rest is sent again; where it says nothing, nothing is believed."""
    backend = opened(between, name)
    data = os.urandom(CHUNK + 7)
    half = CHUNK // 2
    cut: list[int] = []

    def rule(request: Request, _forward: Forward) -> Answer | None:
        if request.headers.get("content-range", "").startswith("bytes 0-") and not cut:
            cut.append(len(request.body))
            headers = {**request.headers, "content-range": f"bytes 0-{half - 1}/{len(data)}", "content-length": str(half)}
            return between.passed(Request(method=request.method, path=request.path, headers=headers, body=request.body[:half]))
        return None

    between.rule = rule
    assert backend.upload("a", len(data), iter([data]), {}, replace=False).commit().is_proven
    assert get(backend, "a") == data
    between.rule = lambda request, _forward: Answer(status=308) if request.method == "PUT" else None
    with pytest.raises(UnreachableError, match="does not say what it has"):
        backend.upload("b", len(data), iter([data]), {}, replace=False)


# ---- one clear line


def test_a_bucket_that_is_not_there(between: Between) -> None:
    backend = opened(between, "no-such-bucket")
    for act in (
        lambda: backend.stat("a"),
        lambda: put(backend, "a", b"1"),
        lambda: backend.upload("a", CHUNK + 1, iter([]), {}, replace=False),
        lambda: list(backend.list()),
        backend.now,
        backend.probe,
    ):
        with pytest.raises(NoBucketError, match="gs://no-such-bucket/p") as caught:
            act()
        assert caught.value.hint == "is the URL right, and the endpoint?"


def test_an_object_that_is_not_there(between: Between, name: str) -> None:
    with pytest.raises(KeyNotFoundError):
        opened(between, name).stat("a")


@pytest.mark.parametrize(
    ("answer", "kind", "hint"),
    [
        (said(401, "Invalid Credentials", "authError"), CredentialsError, "GOOGLE_APPLICATION_CREDENTIALS"),
        (said(403, "x does not have storage.objects.list access", "forbidden"), DeniedError, "docs/repository.md"),
        (said(403, "Object is subject to retention", "retentionPolicyNotMet"), DeniedError, "retention policy"),
    ],
)
def test_a_refusal(between: Between, name: str, answer: Answer, kind: type[Exception], hint: str) -> None:
    backend = opened(between, name)
    between.rule = lambda _request, _forward: answer
    for act in (backend.now, lambda: put(backend, "a", b"1"), lambda: backend.delete("a")):
        with pytest.raises(kind) as caught:
            act()
        assert hint in caught.value.hint
    assert len(between.log) == 3


# ---- who we are


@pytest.fixture(scope="module")
def private() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def account(between: Between, private: str) -> dict[str, str]:
    """The file of a service account."""
    return {
        "type": "service_account",
        "client_email": "lrs@test.iam.gserviceaccount.com",
        "private_key": private,
        "private_key_id": "1",
        "token_uri": f"{between.endpoint}/token",
    }


def giving(token: str) -> Any:
    """Tokens of this value; nothing for whoever comes without."""

    def rule(request: Request, _forward: Forward) -> Answer | None:
        if request.path == "/token":
            body = json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).encode()
            return Answer(status=200, headers={"Content-Type": "application/json"}, body=body)
        return None if request.headers.get("authorization") == f"Bearer {token}" else said(401, "Login Required", "required")

    return rule


@pytest.mark.parametrize("by", ["options", "file", "environment"])
def test_a_service_account(
    between: Between, name: str, private: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(account(between, private)))
    if by == "environment":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    token = {"options": account(between, private), "file": str(file), "environment": "google_default"}[by]
    between.rule = giving("a-token-that-is-secret")
    backend = opened(between, name, {"token": token})
    put(backend, "a", b"1")
    large = b"x" * (CHUNK + 1)
    backend.upload("b", len(large), iter([large]), {}, replace=False).commit()
    assert [each.key for each in backend.list()] == ["a", "b"]
    assert [request.path for request in between.log].count("/token") == 1


def test_a_clock_that_is_wrong(between: Between, name: str, private: str) -> None:
    body = {
        "error": "invalid_grant",
        "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
    }
    between.rule = lambda _request, _forward: Answer(
        status=400, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode()
    )
    with pytest.raises(CredentialsError, match=f"gs://{name}/p: ") as caught:
        opened(between, name, {"token": account(between, private)}).now()
    assert caught.value.hint == "set the clock of this machine"
    assert "PRIVATE KEY" not in str(caught.value)


def test_no_credentials_at_all(between: Between, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CredentialsError) as caught:
        opened(between, name, {"token": "google_default"}).now()
    assert "GOOGLE_APPLICATION_CREDENTIALS" in caught.value.hint
    assert between.log == []


def test_a_file_of_credentials_that_is_none(between: Between, name: str, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    for text in ("", "[]", "{}", '{"type": "service_account", "private_key": "very-secret"}'):
        file.write_text(text)
        with pytest.raises(CredentialsError) as caught:
            opened(between, name, {"token": str(file)}).now()
        assert "very-secret" not in f"{caught.value} {caught.value.hint}"


def test_nobody_listens(name: str, gcs: Server) -> None:
    place = StorageLocation(url=f"gs://{name}", endpoint="http://127.0.0.1:9", options=ANON, said=BACKUPS, is_ours=True)
    with pytest.raises(UnreachableError, match=f"gs://{name}: a list: cannot be reached"):
        open_backend(place).now()


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, Versions.GONE),
        ({"versioning": {"enabled": False}, "softDeletePolicy": {"retentionDurationSeconds": "0"}}, Versions.GONE),
        ({"versioning": {"enabled": True}}, Versions.KEPT),
        ({"softDeletePolicy": {"retentionDurationSeconds": "604800"}}, Versions.KEPT),
        ({"versioning": {"enabled": False}, "retentionPolicy": {"retentionPeriod": "86400"}}, Versions.LOCKED),
    ],
)
def test_what_becomes_of_what_is_deleted(between: Between, name: str, facts: dict[str, Any], found: Versions) -> None:
    backend = opened(between, name)
    assert backend.versions() is Versions.GONE
    between.rule = lambda _request, _forward: Answer(status=200, body=json.dumps(facts).encode())
    assert backend.versions() is found
    between.rule = lambda _request, _forward: said(403, "no storage.buckets.get", "forbidden")
    assert backend.versions() is Versions.UNKNOWN
