"""What is given to obstore, and what is left to the other library. Nothing is sent: the contract of back ends does that."""

from __future__ import annotations

import functools
import sys
from typing import Any

import pytest

from kubectl_lrs.backends import obstore_
from kubectl_lrs.backends.obstore_ import FOREIGN, Quick, is_addressable
from kubectl_lrs.backends.obstore_errors import Unfit
from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, Encryption
from kubectl_lrs.backends.s3_reach import Reach
from kubectl_lrs.model.errors import CredentialsError, LrsError

pytestmark = pytest.mark.skipif(not obstore_.is_here(), reason="there is no obstore for this Python")

REACH = Reach(bucket="b", endpoint="http://127.0.0.1:1", region="eu-central-1")
KMS = Encryption(algorithm="aws:kms", key="k", bucket_key=True)


@functools.cache
def _quick(encryption: Encryption = BY_THE_BUCKET, *, reach: Reach = REACH) -> Quick:
    quick = obstore_.opened(reach, encryption)
    assert quick is not None
    return quick


@pytest.mark.parametrize("key", ["a", "a/b", "\u00fc \U0001f600", "100%", "q?a=b#c", "a\\b", "-", "~", "a..b", ".a"])
def test_keys_that_it_takes(key: str) -> None:
    assert is_addressable(key)


@pytest.mark.parametrize("key", ["", "a//b", "a/", "/a", ".", "..", "a/./b", "a/../b", "tab\tx", "a\0", "a\x7f", "a\x85b"])
def test_keys_of_which_it_would_make_others(key: str) -> None:
    assert not is_addressable(key)


@pytest.mark.parametrize(
    ("method", "request_", "takes"),
    [
        ("head_object", {"Key": "a"}, True),
        ("head_object", {"Key": "a/"}, False),
        ("head_object", {"Key": "a", "ChecksumMode": "ENABLED"}, False),
        ("get_object", {"Key": "a", "Range": "bytes=0-1", "IfMatch": '"x"'}, True),
        ("get_object", {"Key": "a", "VersionId": "1"}, False),
        ("delete_object", {"Key": "a"}, True),
        ("delete_objects", {"Delete": {}}, False),
        ("list_objects_v2", {"Prefix": ""}, False),
        ("put_object", {"Key": "a", "Body": b"1", "IfNoneMatch": "*", "ContentType": "x"}, True),
        ("put_object", {"Key": "a", "Body": b"1", "Metadata": {"owner": "me", "x-y_z.1": "a b,c=(d)"}}, True),
        ("put_object", {"Key": "a", "Body": b"1", "Metadata": {}}, True),
        *(
            ("put_object", {"Key": "a", "Body": b"1", "Metadata": {name: value}}, False)
            for name, value in (
                ("Owner", "me"),
                ("", "x"),
                ("a b", "x"),
                ("a:b", "x"),
                ("-a", "x"),
                ("content-type", "x"),
                ("cache-control", "x"),
                ("storage-class", "x"),
                ("a", ""),
                ("a", " x"),
                ("a", "x "),
                ("a", "x  y"),
                ("a", "x\ty"),
                ("a", "\u00fc"),
                ("a\n", "x"),
                ("a", "x\n"),
            )
        ),
        ("put_object", {"Key": "a", "Body": b"1", "ContentMD5": "aaaa"}, False),
        ("put_object", {"Key": "a", "Body": b"1", "ChecksumSHA256": "aaaa"}, False),
        ("put_object", {"Key": "a", "Body": b"1", "ServerSideEncryption": "aws:kms"}, False),
        ("create_multipart_upload", {"Key": "a"}, False),
    ],
)
def test_requests_that_it_makes_as_they_are(method: str, request_: dict[str, Any], takes: bool) -> None:
    assert _quick().takes(method, request_) == takes


def test_encryption_is_asked_for_as_it_was_opened_with() -> None:
    quick = _quick(KMS)
    assert quick.takes("put_object", {"Key": "a", "Body": b"1", **KMS.request})
    assert not quick.takes("put_object", {"Key": "a", "Body": b"1"})
    assert not quick.takes("put_object", {"Key": "a", "Body": b"1", **KMS.request, "SSEKMSKeyId": "another"})
    config = obstore_._config(REACH, KMS)
    assert (config["server_side_encryption"], config["sse_kms_key_id"], config["sse_bucket_key_enabled"]) == (
        "aws:kms",
        "k",
        True,
    )
    assert config["checksum_algorithm"] == "SHA256"


@pytest.mark.parametrize("name", FOREIGN)
def test_variables_that_nobody_else_obeys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "true")
    assert obstore_.opened(REACH, BY_THE_BUCKET) is None


@pytest.mark.parametrize("endpoint", ["", "no URL", "ftp://h"])
def test_an_address_that_it_does_not_take(endpoint: str) -> None:
    """Whoever is asked then says what is wrong with it."""
    quick = obstore_.opened(Reach(bucket="b", endpoint=endpoint, region="r"), BY_THE_BUCKET)
    if quick is not None:
        with pytest.raises((Unfit, LrsError)):
            quick.call("head_object", {"Key": "a"}, lambda: "where")


def test_a_library_that_cannot_be_loaded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that wants a newer C library."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    assert obstore_.opened(REACH, BY_THE_BUCKET) is None


def test_what_it_would_take_from_the_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {
        "AWS_ENDPOINT": "http://elsewhere", "AWS_REGION": "xx", "AWS_SKIP_SIGNATURE": "true", "AWS_UNSIGNED_PAYLOAD": "true",
        "AWS_ALLOW_INVALID_CERTIFICATES": "true", "AWS_PROXY_URL": "http://elsewhere:1", "AWS_REQUEST_PAYER": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true", "AWS_TIMEOUT": "1s", "AWS_S3_EXPRESS": "true",
    }  # fmt: skip
    for name, value in other.items():
        monkeypatch.setenv(name, value)
    config = obstore_._config(REACH, BY_THE_BUCKET)
    assert config["endpoint"] == "http://127.0.0.1:1"
    assert config["region"] == "eu-central-1"
    assert not config["unsigned_payload"]
    assert not config["virtual_hosted_style_request"]
    client = obstore_._client(REACH)
    assert not client["allow_invalid_certificates"]
    assert client["proxy_excludes"] == "127.0.0.1"


def test_a_proxy_is_the_one_that_it_is_given() -> None:
    client = obstore_._client(Reach(bucket="b", endpoint="https://h", region="r", proxy="http://proxy:1"))
    assert client["proxy_url"] == "http://proxy:1"
    assert "proxy_excludes" not in client
    assert not client["allow_http"]


class _Keys:
    def __init__(self, error: LrsError | None) -> None:
        self.error = error

    def give(self) -> dict[str, Any]:
        raise ValueError("expired")

    def refused(self) -> LrsError | None:
        return self.error


def test_credentials_that_cannot_be_had_are_told_in_our_words() -> None:
    keys: Any = _Keys(CredentialsError("the SSO session has expired"))
    with pytest.raises(CredentialsError, match="SSO"):
        _quick(reach=Reach(bucket="b", endpoint="http://127.0.0.1:1", region="r", keys=keys)).call(
            "head_object", {"Key": "a"}, lambda: "w"
        )


class _PanicException(BaseException):
    pass


_PanicException.__name__ = obstore_.PANIC


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (_PanicException("bug"), Unfit),
        (ValueError("x"), Unfit),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (SystemExit(), SystemExit),
    ],
)
def test_what_breaks_inside_of_it_and_what_does_not(
    raised: BaseException, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = _quick()

    def broken(_request: Any) -> dict[str, Any]:
        raise raised

    monkeypatch.setattr(quick, "_acts", {"head_object": broken})
    with pytest.raises(kind):
        quick.call("head_object", {"Key": "a"}, lambda: "where")


def test_a_range_that_is_not_understood_is_not_guessed() -> None:
    with pytest.raises(Unfit):
        _quick().call("get_object", {"Key": "a", "Range": "bytes=-5"}, lambda: "where")
