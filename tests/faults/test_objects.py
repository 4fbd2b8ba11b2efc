"""Our own objects in a bucket, as a repository keeps them, beside gateways that refuse, are busy, cut, or have other habits.

The gateway is real; what stands between it and us does to requests what is done in the field.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from kubectl_lrs.backends import s3_client
from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, NoSpaceError, get, put
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, Encryption
from kubectl_lrs.backends.s3_upload import MIN_PART
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.tls import BUNDLES
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.runtime.retry import Policy
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Request
from tests.builders.chained import CHAIN
from tests.builders.s3_rules import always, done, first
from tests.builders.vault import ASKED, KMS, Vault, sum_of

LARGE = os.urandom(1 << 20) * 9
QUICK = Policy(attempts=4, first=0.0)


@pytest.fixture
def between(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_client, "PATIENT", QUICK)
    with Between(s3) as running:
        yield running


@pytest.fixture(params=["both libraries", "botocore alone"])
def libraries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here of obstore and botocore."""
    if request.param == "botocore alone":
        monkeypatch.setattr(s3_client, "is_here", lambda: False)


def _opened(between: Between, bucket: str, *, encryption: Encryption = BY_THE_BUCKET) -> Backend:
    place = StorageLocation(url=f"s3://{bucket}/p", endpoint=between.endpoint, encryption=encryption, is_ours=True)
    assert (s3_client.opened(place).quick is not None) == s3_client.is_here()
    return open_backend(place)


@pytest.fixture
def backend(between: Between, bucket: str, libraries: None) -> Backend:
    return _opened(between, bucket)


def _upload(backend: Backend, key: str, data: bytes, *, once: bool = False) -> None:
    backend.upload(key, len(data), iter([data]), {}, replace=False).commit(once=once)


# ---- who is busy


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (503, ""), (500, "InternalError"), (429, ""), (502, "")])
def test_who_is_busy_is_asked_again(backend: Backend, between: Between, status: int, code: str) -> None:
    for method in ("PUT", "HEAD", "GET", "DELETE"):
        between.rule = first(2, method, lambda _forward: Answer.error(status, code))
        put(backend, "a", b"1", replace=True)
        assert (backend.stat("a").size, get(backend, "a"), [each.key for each in backend.list()]) == (1, b"1", ["a"])
        backend.delete("a")
        assert list(backend.list()) == []


def test_but_not_for_ever(backend: Backend, between: Between) -> None:
    between.rule = always(503, "SlowDown", "PUT", "GET", "HEAD", "DELETE", "POST")
    for act in (lambda: put(backend, "a", b"1", replace=True), lambda: backend.stat("a"), lambda: backend.delete("a")):
        with pytest.raises(UnreachableError, match="overloaded") as error:
            raise_hint(act)
        assert error.value.hint
    with pytest.raises(UnreachableError):
        list(backend.list())
    assert backend.delete_many(["a", "b"]).keys() == {"a", "b"}


def raise_hint(act: Callable[[], object]) -> None:
    """The same error, with its hint as part of what it says."""
    try:
        act()
    except LrsError as error:
        raise type(error)(f"{error}; {error.hint}", hint=error.hint) from error


def test_what_is_sent_once_is_sent_once(backend: Backend, between: Between, bucket: str) -> None:
    """A seal: it may have arrived, and nothing of it comes late."""
    between.rule = first(9, "PUT", lambda forward: done(forward, Answer.error(503, "SlowDown")))
    with pytest.raises(UnreachableError):
        put(backend, "seal", b"1", once=True)
    assert [request.method for request in between.log].count("PUT") == 1
    between.rule = lambda _request, _forward: None
    assert get(backend, "seal") == b"1"


def test_a_list_goes_on_where_it_broke_off(backend: Backend, between: Between, bucket: str, s3: S3) -> None:
    root = s3.buckets / bucket / "p"
    root.mkdir()
    keys = [f"{number:05}" for number in range(2003)]
    for key in keys:
        (root / key).write_bytes(b"1")
    pages = [0]

    def rule(request: Request, _forward: Forward) -> Answer | None:
        if "list-type=2" not in request.path:
            return None
        pages[0] += 1
        return Answer.error(503, "SlowDown") if pages[0] in (2, 4) else None

    between.rule = rule
    assert [each.key for each in backend.list()] == keys


# ---- what is cut


@pytest.mark.parametrize("count", [1, 2])
def test_a_body_that_breaks_off_is_asked_for_again(backend: Backend, between: Between, count: int) -> None:
    data = os.urandom(100_000)
    put(backend, "a", data)

    def cut(forward: Forward) -> Answer:
        answer = forward()
        answer.cut = len(answer.body) // 2
        return answer

    between.rule = first(count, "GET", cut)
    assert get(backend, "a") == data
    between.rule = first(count, "GET", cut)
    assert backend.read_range("a", 10, 1000) == data[10:1010]


def test_an_answer_that_is_lost_is_no_conflict(backend: Backend, between: Between) -> None:
    put(backend, "first", b"0")
    between.rule = first(1, "PUT", lambda forward: done(forward, Answer(status=200, body=b"x" * 10, cut=0)))
    assert put(backend, "a", b"1").is_proven
    between.rule = lambda _request, _forward: None
    put(backend, "b", b"theirs")
    between.rule = first(1, "PUT", lambda _forward: Answer.error(503, "SlowDown"))
    with pytest.raises(KeyExistsError):
        put(backend, "b", b"mine")
    assert get(backend, "b") == b"theirs"


def test_nor_is_it_sent_again_where_it_is_to_be_sent_once(backend: Backend, between: Between) -> None:
    """Whatever the libraries make of such an answer."""
    put(backend, "first", b"0")
    for answer in (Answer(status=200, body=b"x" * 10, cut=0), Answer(status=200, body=b"", headers={"ETag": ""})):
        between.log.clear()
        between.rule = first(9, "PUT", lambda forward, answer=answer: done(forward, answer))  # type: ignore[misc]
        with suppress(UnreachableError):
            put(backend, "a", b"1", replace=True, once=True)
        assert [request.method for request in between.log].count("PUT") == 1


def test_nobody_is_there(s3: S3, bucket: str, between: Between, libraries: None) -> None:
    backend = open_backend(StorageLocation(url=f"s3://{bucket}/p", endpoint="http://127.0.0.1:9", is_ours=True))
    with pytest.raises(UnreachableError, match=f"s3://{bucket}/p") as error:
        put(backend, "a", b"1")
    assert "endpoint" in error.value.hint
    assert not backend.is_alive()


# ---- whom it trusts


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("tls")
    chain = folder / "chain.pem"
    chain.write_bytes((CHAIN / "leaf.crt").read_bytes() + (CHAIN / "intermediate.crt").read_bytes())
    with S3(folder / "s3", certificate=(chain, CHAIN / "leaf.key")) as running:
        yield running


@pytest.fixture
def private(tls: S3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StorageLocation:
    """A bucket behind a certificate of an authority of its own; nobody is told to trust that yet."""
    name = f"t{abs(hash(request.node.name)) % 10**10}"
    (tls.buckets / name).mkdir()
    for variable in (*BUNDLES, "AWS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in tls.environment.items():
        monkeypatch.setenv(variable, value)
    return StorageLocation(url=f"s3://{name}/p", endpoint=tls.endpoint, is_ours=True)


@pytest.mark.parametrize("named_by", ["SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "--files-ca-file"])
@pytest.mark.parametrize("authority", ["root.crt", "intermediate.crt"])
def test_an_authority_is_trusted_by_both_libraries_however_it_is_named(
    private: StorageLocation, named_by: str, authority: str, libraries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small ones go by the one, lists and large ones by the other. AWS' own variable is read by its own rules."""
    if (named_by, authority) in {("AWS_CA_BUNDLE", "intermediate.crt"), ("SSL_CERT_FILE", "intermediate.crt")}:
        pytest.skip("Python's and botocore's own reading of a bundle wants the root")
    place = private
    if named_by.startswith("--"):
        place = replace(private, ca_file=str(CHAIN / authority))
    else:
        monkeypatch.setenv(named_by, str(CHAIN / authority))
    backend = open_backend(place)
    put(backend, "a", b"1")
    _upload(backend, "large", LARGE)
    assert [(each.key, each.size) for each in backend.list()] == [("a", 1), ("large", len(LARGE))]
    assert get(backend, "a") == b"1"


def test_a_bundle_is_in_place_of_the_systems(
    private: StorageLocation, libraries: None, monkeypatch: pytest.MonkeyPatch, plane: ControlPlane
) -> None:
    """The system trusts the server, and the bundle does not: neither does anybody here."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CHAIN / "root.crt"))
    with pytest.raises(UnreachableError, match="ertificate"):
        put(open_backend(replace(private, ca_file=str(plane.ca_file))), "a", b"1")


def test_an_authority_that_nobody_trusts(private: StorageLocation, libraries: None) -> None:
    with pytest.raises(UnreachableError, match="ertificate") as error:
        put(open_backend(private), "a", b"1")
    assert "authority" in error.value.hint


# ---- what is refused


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "AccessDenied", DeniedError, "rights"),
        (403, "InvalidAccessKeyId", CredentialsError, "credentials"),
        (403, "SignatureDoesNotMatch", CredentialsError, "credentials"),
        (400, "ExpiredToken", CredentialsError, "credentials"),
        (403, "RequestTimeTooSkewed", CredentialsError, "clock"),
        (404, "NoSuchBucket", UnreachableError, "URL"),
        (507, "", NoSpaceError, "room"),
        (403, "QuotaExceeded", NoSpaceError, "room"),
        (400, "KMS.NotFoundException", UsageError, "LRS_S3_SSE"),
        (400, "XMinioKMSNotConfigured", UsageError, "LRS_S3_SSE"),
    ],
)
def test_each_refusal_has_one_clear_line(
    backend: Backend, between: Between, status: int, code: str, kind: type[LrsError], said: str
) -> None:
    between.rule = always(status, code, "PUT", "POST")
    for data in (b"1", LARGE):
        with pytest.raises(kind) as error:
            _upload(backend, "a", data)
        assert "\n" not in str(error.value)
        assert f"{backend.url}: a: " in str(error.value)
        assert said in error.value.hint
    between.rule = lambda _request, _forward: None
    assert list(backend.list()) == []


def test_who_may_not_delete_is_told_of_each(backend: Backend, between: Between) -> None:
    for key in ("a", "b"):
        put(backend, key, b"1")
    between.rule = lambda request, _forward: (
        Answer.error(403, "AccessDenied") if request.method == "DELETE" or "delete" in request.path else None
    )
    with pytest.raises(DeniedError):
        backend.delete("a")
    assert {key: type(error) for key, error in backend.delete_many(["a", "b"]).items()} == {"a": DeniedError, "b": DeniedError}
    assert [each.key for each in backend.list()] == ["a", "b"]


def test_some_may_be_deleted_and_some_not(
    between: Between, s3: S3, bucket: str, libraries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the gateway itself, and a policy."""
    backend = _opened(between, bucket)
    for key in ("free/a", "kept/b"):
        put(backend, key, b"1")
    user = f"u{bucket}"
    environment = s3.add_user(user, "not-a-secret")
    _allow(s3, bucket, user)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    left = _opened(between, bucket).delete_many(["free/a", "kept/b"])
    assert {key: type(error) for key, error in left.items()} == {"kept/b": DeniedError}
    assert [each.key for each in backend.list()] == ["kept/b"]


def _allow(s3: S3, bucket: str, user: str) -> None:
    import botocore.session

    client = botocore.session.get_session().create_client(
        "s3", endpoint_url=s3.endpoint, region_name="us-east-1", aws_access_key_id=s3.access, aws_secret_access_key=s3.secret
    )
    statement = [
        {"Effect": "Allow", "Principal": {"AWS": [user]}, "Action": action, "Resource": f"arn:aws:s3:::{bucket}{resource}"}
        for action, resource in (("s3:ListBucket", ""), ("s3:DeleteObject", "/p/free/*"))
    ]
    import json

    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))


def test_credentials_that_there_are_not(between: Between, bucket: str, libraries: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(CredentialsError, match="redentials") as error:
        put(_opened(between, bucket), "a", b"1")
    assert "AWS_PROFILE" in error.value.hint


def test_another_region(between: Between, bucket: str, libraries: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway says which, and it is followed there; another one does not, and that is said."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    backend = _opened(between, bucket)
    put(backend, "a", b"1")
    assert (backend.stat("a").size, get(backend, "a"), [each.key for each in backend.list()]) == (1, b"1", ["a"])
    between.rule = lambda _request, _forward: Answer.error(400, "AuthorizationHeaderMalformed")
    backend = _opened(between, bucket)
    for act in (lambda: put(backend, "a", b"1"), lambda: backend.stat("a"), lambda: list(backend.list())):
        with pytest.raises(UsageError, match="AuthorizationHeaderMalformed") as error:
            act()
        assert "AWS_REGION" in error.value.hint


# ---- conditions


@pytest.mark.parametrize("size", [1, MIN_PART + 1])
def test_a_server_that_does_not_know_the_condition_is_looked_at(backend: Backend, between: Between, size: int) -> None:
    between.rule = lambda request, _forward: Answer.error(501, "NotImplemented") if "if-none-match" in request.headers else None
    _upload(backend, "a", b"1" * size)
    with pytest.raises(KeyExistsError):
        _upload(backend, "a", b"2" * size)
    assert backend.read_range("a", 0, 1) == b"1"


def test_a_server_that_passes_over_the_condition_is_found_out(backend: Backend, between: Between) -> None:
    def rule(request: Request, _forward: Forward) -> Answer | None:
        if request.method == "PUT":  # signed as it is, the gateway would see it; so it is played here
            return Answer(status=200, headers={"ETag": f'"{hashlib.md5(request.body, usedforsecurity=False).hexdigest()}"'})
        return None

    between.rule = rule
    put(backend, "first", b"1")
    between.rule = lambda _request, _forward: None
    put(backend, "a", b"theirs", replace=True)
    between.rule = rule
    with pytest.raises(KeyExistsError):
        put(backend, "a", b"mine")
    assert get(backend, "a") == b"theirs"


# ---- what the server says that it holds


def test_kms_is_asked_for_and_what_it_holds_is_proven_by_its_checksum(between: Between, bucket: str, libraries: None) -> None:
    vault = Vault()
    between.rule = vault
    backend = _opened(between, bucket, encryption=KMS)
    assert put(backend, "a", b"12345").is_proven
    assert get(backend, "a") == b"12345"
    assert backend.stat("a").mtime == 1798761610.0
    with pytest.raises(KeyExistsError):
        put(backend, "a", b"other")
    vault.spoils = True
    assert not put(backend, "b", b"12345").is_proven
    vault.spoils, vault.tells_sums = False, False
    assert not put(backend, "c", b"12345").is_proven


def test_a_bucket_that_locks_what_is_put_there_gets_checksums(backend: Backend, between: Between) -> None:
    """S3 refuses what has neither a checksum nor an MD5 beside it, where each object is locked; the gateway does not."""

    def rule(request: Request, _forward: Forward) -> Answer | None:
        has_sum = request.headers.get("x-amz-checksum-sha256") == sum_of(request.body)
        return None if has_sum or request.method != "PUT" else Answer.error(400, "InvalidRequest")

    between.rule = rule
    assert put(backend, "small", b"12345").is_proven
    _upload(backend, "large", LARGE)
    assert get(backend, "small") == b"12345"


def test_who_does_not_ask_for_it_is_refused_where_the_bucket_wants_it(between: Between, bucket: str, libraries: None) -> None:
    between.rule = Vault()
    with pytest.raises(DeniedError):
        put(_opened(between, bucket), "a", b"1")


@pytest.mark.parametrize("encryption", [KMS, Encryption(algorithm="AES256")])
def test_every_upload_asks_for_it(between: Between, bucket: str, libraries: None, encryption: Encryption) -> None:
    """Small ones, large ones in parts, and the trial of both; nothing else has the headers."""
    seen: list[tuple[str, bool]] = []

    def rule(request: Request, _forward: Forward) -> Answer | None:
        is_upload = (request.method == "PUT" and "?" not in request.path) or "uploads" in request.path.partition("?")[2]
        asked = {name: request.headers[name] for name in request.headers if name.startswith("x-amz-server-side")}
        wanted = ASKED if encryption is KMS else {"x-amz-server-side-encryption": "AES256"}
        if is_upload or asked:
            seen.append((request.method, asked == wanted and is_upload))
        return Answer.error(403, "AccessDenied") if is_upload else None

    between.rule = rule
    backend = _opened(between, bucket, encryption=encryption)
    for act in (
        lambda: put(backend, "a", b"1"), lambda: _upload(backend, "b", LARGE), backend.probe, lambda: backend.probe(large=True)
    ):  # fmt: skip
        with pytest.raises(DeniedError):
            act()
    assert {fits for _, fits in seen} == {True}
    assert {method for method, _ in seen} == {"PUT", "POST"}


def test_a_server_without_any_keys(between: Between, bucket: str, libraries: None) -> None:
    between.rule = lambda request, _forward: (
        Answer.error(501, "NotImplemented") if "x-amz-server-side-encryption" in request.headers else None
    )
    with pytest.raises(LrsError, match="NotImplemented") as error:
        put(_opened(between, bucket, encryption=KMS), "a", b"1")
    assert "LRS_S3_SSE" in error.value.hint


# ---- lists


def test_what_somebody_has_put_beside_ours_is_not_taken_for_another_key(between: Between, bucket: str, libraries: None) -> None:
    """Consoles make folders: empty objects whose keys end with a slash."""
    backend = _opened(between, bucket)
    for key in ("blobs/", "blobs/a", "packs/x/", "zero"):
        put(backend, key, b"" if key.endswith("/") or key == "zero" else b"1")
    assert [each.key for each in backend.list()] == ["blobs/", "blobs/a", "packs/x/", "zero"]
    assert [each.key for each in backend.list("packs/")] == ["packs/x/"]
    with pytest.raises(KeyNotFoundError):
        backend.stat("blobs")


def test_keys_that_the_quick_library_cannot_read_do_not_end_a_list(backend: Backend, between: Between) -> None:
    keys = ["a", "b//c", "d/../e", "z"]
    entries = "".join(
        f"<Contents><Key>p/{key}</Key><Size>1</Size><ETag>&quot;x&quot;</ETag>"
        "<LastModified>2027-01-01T00:00:00.000Z</LastModified></Contents>"
        for key in keys
    )
    body = f"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
    between.rule = lambda request, _forward: (
        Answer(status=200, headers={"Content-Type": "application/xml"}, body=body) if "list-type=2" in request.path else None
    )
    found = [each.key for each in backend.list()]
    assert sorted(found) == keys or [key for key in keys if key not in found] == []


CONTENTS = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
PAGE = 100


def _cut(forward: Forward, *, after: str = "", is_said: bool) -> Answer:
    """A list of the real gateway as one gives it that has pages of 100 keys and no word for where the next one begins."""
    answer = forward()
    entries = CONTENTS.findall(answer.body)
    left = [each for each in entries if each.partition(b"<Key>")[2].partition(b"</Key>")[0] > after.encode()]
    more = b"true" if is_said and len(left) > PAGE else b"false"
    body = b"<ListBucketResult><IsTruncated>" + more + b"</IsTruncated>" + b"".join(left[:PAGE]) + b"</ListBucketResult>"
    return Answer(status=answer.status, headers={"Content-Type": "application/xml"}, body=body)


def _of_many(between: Between, bucket: str, s3: S3, count: int) -> tuple[Backend, list[str]]:
    keys = [f"blobs/{number:03}" for number in range(count)]
    folder = s3.buckets / bucket / "p" / "blobs"
    folder.mkdir(parents=True)
    for key in keys:
        (folder / key.rpartition("/")[2]).write_bytes(b"1")
    return _opened(between, bucket), keys


def _is_list(request: Request) -> bool:
    return request.method == "GET" and "list-type=2" in request.path and "max-keys=1&" not in f"{request.path}&"


@pytest.mark.parametrize("count", [99, 100, 101, 250, 300])
def test_a_list_of_which_nobody_says_that_it_goes_on_is_read_to_its_end(
    between: Between, bucket: str, libraries: None, s3: S3, count: int
) -> None:
    """What is not seen would be condemned, or what needs it: a gateway is known that forgets it after a full page."""
    backend, keys = _of_many(between, bucket, s3, count)
    whole: list[Answer] = []

    def rule(request: Request, forward: Forward) -> Answer | None:
        if not _is_list(request):
            return None
        whole[:] = whole or [forward()]
        after = parse_qs(urlsplit(request.path).query).get("start-after", [""])[0]
        return _cut(lambda: whole[0], after=after, is_said=False)

    between.rule = rule
    assert [each.key for each in backend.list("blobs/")] == keys
    assert [each.key for each in backend.list("blobs/", after="blobs/050")] == keys[51:]


@pytest.mark.parametrize(("count", "is_right"), [(99, True), (100, True), (101, False), (300, False)])
def test_a_server_that_knows_only_the_first_kind_of_list_gives_no_part_of_one_for_all(
    between: Between, bucket: str, libraries: None, s3: S3, count: int, is_right: bool
) -> None:
    """It gives the first keys whatever it is asked for, and says that there are more, but not how to come to them."""
    backend, keys = _of_many(between, bucket, s3, count)
    whole: list[Answer] = []

    def rule(request: Request, forward: Forward) -> Answer | None:
        if not _is_list(request):
            return None
        whole[:] = whole or [forward()]
        return _cut(lambda: whole[0], is_said=True)

    between.rule = rule
    if is_right:
        assert [each.key for each in backend.list("blobs/")] == keys
        return
    with pytest.raises(UnreachableError, match="no end that can be asked for"):
        list(backend.list("blobs/"))


PAGES = (
    b"<html><body><p>Sign in</p></body></html>",
    b"<!doctype html><html><body>We are back soon<br></body></html>",
    b"<x/>",
    b"",
    b"{}",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_something_in_between_is_no_empty_list(backend: Backend, between: Between, page: bytes) -> None:
    """A gateway that asks to sign in, or says that it is down, with 200: holds and backups that nobody sees are none."""
    put(backend, "holds/a", b"1")
    answer = Answer(status=200, headers={"Content-Type": "text/html"}, body=page)
    between.rule = lambda request, _forward: answer if _is_list(request) else None
    with pytest.raises(UnreachableError):
        list(backend.list("holds/"))


# ---- the clock, the log


def test_the_clock_is_the_servers(backend: Backend, between: Between) -> None:
    def rule(_request: Request, forward: Forward) -> Answer:
        answer = forward()
        return Answer(status=answer.status, headers={**answer.headers, "Date": "Fri, 01 Jan 2027 00:00:10 GMT"}, body=answer.body)

    between.rule = rule
    assert backend.now() in (1798761610.0, _date_of(between))


def _date_of(between: Between) -> float:
    """What is told where two dates are in an answer: that of whoever stands between comes first."""
    from email.utils import parsedate_to_datetime

    host, port = between.endpoint.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    connection.request("GET", "/")
    said = connection.getresponse().getheader("Date") or ""
    connection.close()
    return parsedate_to_datetime(said.split(", Fri")[0]).timestamp()


def test_requests_are_shown_without_secrets(
    backend: Backend, s3: S3, between: Between, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wirelog._Settings, "level", 10)
    put(backend, "a/b", b"12345")
    get(backend, "a/b")
    list(backend.list())
    backend.delete("a/b")
    said = capsys.readouterr().err
    for method in ("put_object", "get_object", "list_objects_v2", "delete_object"):
        assert f"S3 {method} s3://" in said
    assert "(5 B)" in said or "5 bytes" in said or "(5" in said
    assert s3.secret not in said
