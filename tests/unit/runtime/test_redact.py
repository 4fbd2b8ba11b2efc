"""Redaction, as a table: what goes in, and that what comes out is the same without the secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.runtime import redact

S = "s3cr3t-V4lue/+="
"""The secret in every row; it has what a URL and base64 write in another way."""
Q = quote(S, safe="")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    redact.forget()
    yield
    redact.forget()


URLS = {
    "userinfo": (f"https://me:{Q}@host/x", "https://<masked>@host/x"),
    "a token as the user": (f"https://{Q}@host:8443/x", "https://<masked>@host:8443/x"),
    "a digest is no userinfo": ("https://host/v2/img@sha256:abc", "https://host/v2/img@sha256:abc"),
    "userinfo of another scheme": (f"webhdfs://me:{Q}@host/x", "webhdfs://me:<masked>@host/x"),
    "a container is no secret": ("abfs://container@account.dfs.core/x", "abfs://container@account.dfs.core/x"),
    "presigned by AWS": (
        f"https://b.s3/k?X-Amz-Expires=60&X-Amz-Credential={Q}&X-Amz-Signature={Q}&X-Amz-Security-Token={Q}",
        "https://b.s3/k?X-Amz-Expires=<masked>&X-Amz-Credential=<masked>&X-Amz-Signature=<masked>&X-Amz-Security-Token=<masked>",
    ),
    "presigned by AWS, of old": (
        f"https://b.s3/k?AWSAccessKeyId={Q}&Signature={Q}&Expires=1",
        "https://b.s3/k?AWSAccessKeyId=<masked>&Signature=<masked>&Expires=1",
    ),
    "presigned by Google": (f"https://g/k?X-Goog-Signature={Q}", "https://g/k?X-Goog-Signature=<masked>"),
    "presigned by CloudFront": (f"https://c/k?Policy={Q}&Key-Pair-Id={Q}", "https://c/k?Policy=<masked>&Key-Pair-Id=<masked>"),
    "a SAS of Azure": (f"https://a/k?sv=2024&sp=r&sig={Q}", "https://a/k?sv=2024&sp=r&sig=<masked>"),
    "an upload to Google": (
        f"/upload/storage/v1/b/b/o?uploadType=resumable&upload_id={Q}",
        "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=<masked>",
    ),
    "tokens": (
        f"/x?token={Q}&access_token={Q}&a=b&refresh_token={Q}",
        "/x?token=<masked>&access_token=<masked>&a=b&refresh_token=<masked>",
    ),
    "the case does not matter": (f"/x?TOKEN={Q}&x-amz-signature={Q}", "/x?TOKEN=<masked>&x-amz-signature=<masked>"),
    "a name that is percent-encoded": (f"/x?acc%65ss_token={Q}", "/x?acc%65ss_token=<masked>"),
    "in the fragment": (f"https://h/x#access_token={Q}&n=1", "https://h/x#access_token=<masked>&n=1"),
    "WebHDFS": (f"/webhdfs/v1/x?op=OPEN&delegation={Q}", "/webhdfs/v1/x?op=OPEN&delegation=<masked>"),
    "an upload of a registry": (f"/v2/a/blobs/uploads/1?_state={Q}&digest=d", "/v2/a/blobs/uploads/1?_state=<masked>&digest=d"),
    "MongoDB": (f"mongodb://me:{Q}@a:1,b:2/db?replicaSet=rs", "mongodb://me:<masked>@a:1,b:2/db?replicaSet=rs"),
    "MongoDB, a bare slash in the password": ("mongodb://me:pa/ss@a:1/db", "mongodb://me:<masked>@a:1/db"),
    "MongoDB, a key file's password": (
        f"mongodb+srv://a/?tls=true&tlsCertificateKeyFilePassword={Q}",
        "mongodb+srv://a/?tls=true&tlsCertificateKeyFilePassword=<masked>",
    ),
    "MongoDB, the mechanism's": (
        f"mongodb://a/?authMechanismProperties=AWS_SESSION_TOKEN:{Q}&w=1",
        "mongodb://a/?authMechanismProperties=<masked>&w=1",
    ),
    "parted at semicolons": (
        f"mongodb://a/?tls=true;tlsCertificateKeyFilePassword={Q};w=1",
        "mongodb://a/?tls=true;tlsCertificateKeyFilePassword=<masked>",
    ),
    "a semicolon in a secret": (f"/x?a=b&token={Q};{Q}&n=1", "/x?a=b&token=<masked>&n=1"),
    "a question mark in a secret": (f"/x?a=b;c&token={Q}?{Q}&n=1", "/x?a=b;c&token=<masked>&n=1"),
    "a parameter of the path": (f"https://h/x;token={Q}", "https://h/x;token=<masked>"),
    "nothing but semicolons": ("/x?a=1;b=2;c", "/x?a=1;b=2;c"),
    "a bare slash in the password": (f"https://me:pa/{S}@host/x", "https://<masked>@host/x"),
    "an at in the password": ("webhdfs://me:p@ss@host/x@y", "webhdfs://me:<masked>@host/x@y"),
    "an address of IPv6": ("https://[::1]:8443/x@y?continue=1", None),
    "what kubectl asks": ("https://h/apis?limit=500&continue=abc&labelSelector=a%3Db", None),
}


@pytest.mark.parametrize("what", URLS)
def test_urls(what: str) -> None:
    given_, wanted = URLS[what]
    assert redact.url(given_) == (given_ if wanted is None else wanted)
    words = redact.text(f"failed: {given_} (refused)")
    assert S not in words
    assert Q not in words
    assert re.fullmatch(r"failed: .* \(refused\)", words), "the words around it stay"


HEADERS = {
    "Authorization": (f"Bearer {S}", "Bearer <masked>"),
    "authorization": (f"Basic {S}", "Basic <masked>"),
    "Proxy-Authorization": (f"Basic {S}", "Basic <masked>"),
    "Cookie": (f"session={S}", "<masked>"),
    "Set-Cookie": (f"session={S}; Path=/", "<masked>"),
    "X-Registry-Auth": (S, "<masked>"),
    "X-Registry-Config": (S, "<masked>"),
    "X-Amz-Security-Token": (S, "<masked>"),
    "x-amz-server-side-encryption-customer-key": (S, "<masked>"),
    "X-Auth-Token": (S, "<masked>"),
    "X-Api-Key": (S, "<masked>"),
    "X-Goog-Encryption-Key": (S, "<masked>"),
    "Location": (f"https://h/k?X-Amz-Signature={Q}", "https://h/k?X-Amz-Signature=<masked>"),
    "X-GUploader-UploadID": (S, "<masked>"),
    "Content-Type": ("application/json", "application/json"),
    "User-Agent": ("kubectl-lrs/1", "kubectl-lrs/1"),
    "Docker-Content-Digest": ("sha256:abc", "sha256:abc"),
    "WWW-Authenticate": ('Bearer realm="https://t/token",service="r"', 'Bearer realm="https://t/token",service="r"'),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    value, wanted = HEADERS[name]
    assert redact.headers([(name, value)]) == [(name, wanted)]


M = redact.MASK
DOCUMENTS: dict[str, tuple[Any, Any]] = {
    "a Secret": (
        {"kind": "Secret", "data": {"a": S}, "stringData": {"b": S}, "type": "Opaque"},
        {"kind": "Secret", "data": {"a": M}, "stringData": {"b": M}, "type": "Opaque"},
    ),
    "a pull secret": (
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": S}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": M}},
    ),
    "docker's own": ({"auths": {"h": {"auth": S, "identitytoken": S}}}, {"auths": {"h": {"auth": M, "identitytoken": M}}}),
    "an item of a list": (
        {"items": [{"metadata": {"name": "n"}, "spec": {"env": [{"name": "A", "value": 7}], "on": True, "none": None}}]},
        {"items": [{"metadata": {"name": "n"}, "spec": {"env": [{"name": M, "value": M}], "on": True, "none": None}}]},
    ),
    "a JSON Patch": ([{"op": "add", "path": "/x", "value": {"x": S}}], [{"op": "add", "path": "/x", "value": {"x": M}}]),
    "keys that say so": (
        {"apiToken": S, "PASSWORD": S, "nested": {"clientSecret": {"deep": [S, 1]}}, "count": 3, "connectionString": S},
        {"apiToken": M, "PASSWORD": M, "nested": {"clientSecret": {"deep": [M, M]}}, "count": 3, "connectionString": M},
    ),
    "a token server's answer": ({"token": S, "expires_in": 300}, {"token": M, "expires_in": 300}),
    "a URL under an innocent key": ({"data": [{"url": f"https://u:{Q}@h/x"}]}, {"data": [{"url": f"https://{M}@h/x"}]}),
    "a list of the API's": ({"data": [{"label": "churn"}], "count": 1}, {"data": [{"label": "churn"}], "count": 1}),
    "our own question": (
        {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"verb": "list"}}},
        {"kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"verb": "list"}}},
    ),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_documents(what: str) -> None:
    document, wanted = DOCUMENTS[what]
    assert redact.document(document) == wanted
    assert json.loads(redact.body(json.dumps(document).encode())) == wanted


@pytest.mark.parametrize("data", [b"", b"password: hunter-2-and-more", b"token=abc&x=y", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_counted(data: bytes) -> None:
    assert redact.body(data) == f"({len(data)} bytes that are not JSON)"


FORMS = {
    "as it is": S,
    "percent-encoded": Q,
    "in JSON": json.dumps(S)[1:-1],
    "base64": base64.b64encode(S.encode()).decode(),
    "inside of a word": f"x{S}x",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_known_is_masked_in_each_form(form: str) -> None:
    redact.remember(S)
    for shown in (redact.known, redact.text, redact.shown, redact.url):
        assert FORMS[form] not in shown(f"it said {FORMS[form]} back") or form == "inside of a word"
        assert S not in shown(f"it said {FORMS[form]} back")
    assert S not in redact.body(json.dumps({"said": FORMS[form]}).encode())


def test_a_short_one_is_a_word_and_the_shortest_none() -> None:
    redact.remember("test", "abc", "")
    assert redact.known("latest test: test, abc") == f"latest {M}: {M}, abc"


def test_given_secrets_count_for_one_call() -> None:
    assert redact.text("a longer-secret b", ["longer-secret"]) == f"a {M} b"
    assert redact.text("a longer-secret b") == "a longer-secret b"


TEXTS = {
    "one line": ("a\n  b\t c", "a b c"),
    "nothing that moves the cursor": ("a\x1b[2Jb\u202ec", "a\\x1b[2Jb\\u202ec"),
    "a query without a host": (f"url: /x?sig={Q} (Caused by x)", "url: /x?... (Caused by x)"),
    "a question": ("what? a=b", "what? a=b"),
    "not a string": (ValueError("x"), "x"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_texts(what: str) -> None:
    value, wanted = TEXTS[what]
    assert redact.text(value) == wanted


def test_length() -> None:
    assert redact.text("x" * 400) == f"{'x' * redact.MAX_TEXT}..."
    assert redact.shown("x" * 400, limit=5) == "xxxxx..."


OF_URLS = {
    f"mongodb://me:{Q}@h/": [Q, S],
    "mongodb://me@h/": [],
    f"mongodb://h/?authMechanismProperties=SERVICE_NAME:x,AWS_SESSION_TOKEN:{Q}": [Q, S, S.replace("+", " ")],
    f"mongodb://h/?tlscertificatekeyfilepassword={Q}&replicaSet=x": [Q, S],
    f"https://me:{Q}@h/x@y:z": [Q, S],
    "https://h/x:y@z": [],
    f"https://h/x?sig={Q}": [Q, S],
    f"https://h/x#access_token={Q}&n=1": [Q, S],
    f"mongodb://h/?tls=true;tlsCertificateKeyFilePassword={Q};w=1": [f"{Q};w=1", f"{S};w=1", Q, S],
    f"mongodb://h/?w=1;AUTHMECHANISMPROPERTIES=aws_session_token:{Q}": [Q, S, S.replace("+", " ")],
    f"mongodb://h/?tlscertificatekeyfil%65PASSWORD={Q}": [Q, S],
    f"https://h/x?token={Q}&a=b&TOKEN=other-0ne": [Q, S, "other-0ne"],
    "https://h/x?token=two+words%2b": ["two+words%2b", "two+words+", "two words+"],
    "https://h/x?token=with;semicolon": ["with;semicolon", "with"],
    "mongodb://me:p@ss:w@h,i:2/db": ["p@ss:w"],
    "mongodb://me:pa/ss@h:1,i:2/db?w=1": ["pa/ss"],
    "mongodb://me:12/34@h/db": ["12/34"],
    "mongodb://me:p?ss@h/db": ["p?ss"],
    "https://me:p@ss@h/x": ["p@ss"],
    "https://me:pa/ss@h/x?a=b@c": ["pa/ss"],
    "https://me:p#ss@h": ["p#ss"],
    "https://[::1]:8443/x@y": [],
    "mongodb://[::1]:1,h:2/?appName=me@x": [],
    "https://h:8443/v2/img@sha256:abc": [],
    "s3://bucket/x": [],
}


@pytest.mark.parametrize("url", OF_URLS)
def test_secrets_of_urls(url: str) -> None:
    assert redact.secrets_of_url(url) == OF_URLS[url]


def test_secrets_of_options() -> None:
    options = {"secret": S, "client_kwargs": {"token": [S + "2"], "region": "us-east-1"}, "key": "abc", "anon": True}
    assert list(redact.secrets_of(options)) == [S, S + "2"]


ORIGINS = {
    "https://me:pw@host:1/x?y": "https://host:1",
    "http://[::1]:2/": "http://[::1]:2",
    "https://h": "https://h",
    "http://h:x/": "http://h",
}


@pytest.mark.parametrize("url", ORIGINS)
def test_origins(url: str) -> None:
    assert redact.origin(url) == ORIGINS[url]


@given(st.text(min_size=8, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_known_never_comes_through(secret: str, before: str, after: str) -> None:
    redact.forget()
    redact.remember(secret)
    assert secret not in redact.known(before + secret + after)
