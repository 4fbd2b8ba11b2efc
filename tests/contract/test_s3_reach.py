"""Where requests go and with which credentials: what botocore itself would do; nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.s3_library import Library
from kubectl_lrs.backends.s3_reach import Reach, reach
from kubectl_lrs.clients.tls import BUNDLES
from kubectl_lrs.model.errors import CredentialsError
from kubectl_lrs.runtime import redact
from tests.builders.chained import CHAIN

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No credentials and no settings but those of a test; the file with the settings."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    for name in (*PROXIES, *map(str.lower, PROXIES), *BUNDLES, "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "config"


def _found(url: str = "s3://bucket/p", **more: Any) -> Reach | None:
    place = StorageLocation(url=url, **more)
    library = Library(place)
    return reach(place, library.options, library.session)


def _reach(url: str = "s3://bucket/p", **more: Any) -> Reach:
    found = _found(url, **more)
    assert found is not None
    return found


def _address(found: Reach) -> tuple[str, bool, str]:
    return found.endpoint, found.is_virtual, found.region


def test_aws_by_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert _address(_reach()) == ("https://bucket.s3.eu-central-1.amazonaws.com", True, "eu-central-1")
    assert _address(_reach("s3://with.dots/p")) == ("https://s3.eu-central-1.amazonaws.com", False, "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert _reach().endpoint == "https://bucket.s3.cn-north-1.amazonaws.com.cn"


def test_a_gateway_is_asked_by_path() -> None:
    assert _address(_reach(endpoint="http://127.0.0.1:9000")) == ("http://127.0.0.1:9000", False, "us-east-1")
    virtual = {"config_kwargs": {"s3": {"addressing_style": "virtual"}}}
    found = _reach(endpoint="https://oss.example.com", options=virtual)
    assert _address(found) == ("https://bucket.oss.example.com", True, "us-east-1")


def test_the_endpoint_is_found_as_every_aws_tool_finds_it(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.write_text("[profile mine]\nregion = eu-west-3\nendpoint_url = http://of-profile:1\n")
    assert _address(_reach(options={"profile": "mine"})) == ("http://of-profile:1", False, "eu-west-3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://of-all:1")
    assert _reach().endpoint == "http://of-all:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://of-s3:1")
    assert _reach().endpoint == "http://of-s3:1"
    assert _reach(options={"client_kwargs": {"endpoint_url": "http://of-options:1"}}).endpoint == "http://of-options:1"
    assert _reach(endpoint="http://of-flag:1").endpoint == "http://of-flag:1"


@pytest.mark.parametrize(
    "options",
    [
        {"requester_pays": True},
        {"s3_additional_kwargs": {"ServerSideEncryption": "AES256"}},
        {"client_kwargs": {"verify": False}},
        {"client_kwargs": 3},
        {"config_kwargs": {"signature_version": "s3"}},
        {"config_kwargs": {"proxies": {"https": "http://p"}}},
        {"profile": "there-is-none"},
        {"use_ssl": False},
    ],
    ids=lambda each: next(iter(each)),
)
def test_what_is_not_understood_is_left_to_the_other_library(options: dict[str, Any]) -> None:
    assert _found(options=options) is None


@pytest.mark.parametrize("name", ["ca_file", "AWS_CA_BUNDLE", *BUNDLES])
def test_a_bundle_is_left_to_the_other_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = str(CHAIN / "root.crt")
    if name == "ca_file":
        assert _found(ca_file=bundle) is None
        return
    monkeypatch.setenv(name, bundle)
    assert _found() is None
    assert _reach(endpoint="http://without.tls").endpoint == "http://without.tls"


def test_but_not_where_it_is_the_one_that_is_trusted_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CHAIN / "root.crt"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(CHAIN / "root.crt"))
    assert _reach().host == "bucket.s3.amazonaws.com"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CHAIN / "intermediate.crt"))
    assert _found() is None


def test_proxies_are_those_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert _reach().proxy == "http://proxy:3128"
    assert _reach(endpoint="https://127.0.0.1:9").proxy == ""
    assert _reach(endpoint="http://h").proxy == ""
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert _reach(endpoint="https://10.1.2.3").proxy == ""


# ---- credentials


def _given(found: Reach) -> tuple[Any, ...]:
    assert found.keys is not None
    given = found.keys.give()
    return given["access_key_id"], given["secret_access_key"], given["token"]


def test_each_way_to_give_credentials(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _given(_reach(options={"key": "k", "secret": "s", "token": "t"})) == ("k", "s", "t")
    bare.write_text("[profile mine]\naws_access_key_id = pk\naws_secret_access_key = ps\n")
    assert _given(_reach(options={"profile": "mine"})) == ("pk", "ps", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ek")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "es")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "et")
    assert _given(_reach()) == ("ek", "es", "et")
    assert _reach(options={"anon": True}).keys is None


def test_a_program_that_gives_credentials_is_asked(bare: Path) -> None:
    said = '{"Version": 1, "AccessKeyId": "xk", "SecretAccessKey": "xs"}'
    (bare.parent / "said").write_text(said)
    bare.write_text(f"[default]\ncredential_process = cat {bare.parent / 'said'}\n")
    assert _given(_reach())[:2] == ("xk", "xs")


def test_none_at_all() -> None:
    keys = _reach().keys
    assert keys is not None
    with pytest.raises(Exception, match="credentials"):
        keys.give()
    refused = keys.refused()
    assert isinstance(refused, CredentialsError)
    assert "AWS_PROFILE" in refused.hint


def test_secrets_are_known_from_then_on() -> None:
    _given(_reach(options={"key": "k", "secret": "very-secret-key", "token": "very-secret-token"}))
    assert redact.known("very-secret-key and very-secret-token") == f"{redact.MASK} and {redact.MASK}"
