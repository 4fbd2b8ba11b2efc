"""Google Cloud Storage, without a server: what is read out of its answers, which keys it takes, how it is opened."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from kubectl_lrs.backends import gcs_client, gcs_credentials
from kubectl_lrs.backends.gcs import Gcs
from kubectl_lrs.backends.gcs_client import document
from kubectl_lrs.backends.gcs_upload import FIELDS, instant_of, kept_of, stat_of
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.backends.rest import Answer
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import UnreachableError, UsageError

MD5 = hashlib.md5(b"x", usedforsecurity=False).digest()


def _place(**more: Any) -> StorageLocation:
    return StorageLocation(**{"url": "gs://bucket/a/b", "said": BACKUPS, "is_ours": True, **more})


def test_what_an_object_is() -> None:
    said = {"size": "7", "md5Hash": base64.b64encode(MD5).decode(), "generation": "3", "timeCreated": "2026-11-27T08:00:00.250Z"}
    stat = stat_of("k", said)
    assert (stat.size, stat.etag, stat.mtime) == (7, MD5.hex(), 1795766400.25)
    composed = stat_of("k", {"size": "7", "generation": "3"})
    assert (composed.etag, composed.mtime) == ("generation 3", None)
    backend = open_backend(_place())
    assert [backend.tells_content(each) for each in (stat.etag, composed.etag, "")] == [True, False, False]


def test_another_storage_class_makes_no_object_younger() -> None:
    """A rule of the bucket changes `updated`: a seal would count as one that came too late."""
    said = {"size": "7", "generation": "3", "timeCreated": "2026-11-27T08:00:00Z", "updated": "2026-12-27T08:00:00Z"}
    assert stat_of("k", said).mtime == 1795766400
    assert "timeCreated" in FIELDS.split(",")


@pytest.mark.parametrize("said", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none(said: str) -> None:
    assert instant_of(said) is None


@pytest.mark.parametrize(
    ("said", "kept"), [("bytes=0-0", 1), ("bytes=0-524287", 524288), ("", 0), ("bytes=5-9", 0), ("bytes=0-", 0), ("bytes=0-x", 0)]
)
def test_how_much_of_an_upload_there_is(said: str, kept: int) -> None:
    assert kept_of(said) == kept


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 5000])
def test_an_answer_that_is_not_the_storages(body: bytes) -> None:
    with pytest.raises(UnreachableError, match="not one of Google Cloud Storage"):
        document(Answer(200, {}, body), "gs://bucket")


def test_where_requests_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gcs_client.opened(_place())._base == "https://storage.googleapis.com"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:9023")
    assert gcs_client.opened(_place())._base == "http://localhost:9023"
    assert gcs_client.opened(_place())._keys.headers("GET", "http://localhost:9023/") == {}
    assert gcs_client.opened(_place(options={"endpoint_url": "https://mine/"}))._base == "https://mine"
    assert (
        gcs_client.opened(_place(endpoint="https://private", options={"endpoint_url": "https://mine"}))._base == "https://private"
    )


def test_keys_are_one_part_of_a_path() -> None:
    client = gcs_client.opened(_place())
    assert client.of("a/b c?#%/\u00fc") == "/storage/v1/b/bucket/o/a%2Fb%20c%3F%23%25%2F%C3%BC"


@pytest.mark.parametrize("endpoint", ["mine", "ftp://mine", "https://", "https://u:p@mine", "https://mine?a=b"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(UsageError, match="--backup-endpoint") as caught:
        open_backend(_place(endpoint=endpoint))
    assert "u:p" not in str(caught.value)


def test_an_option_that_has_no_effect_is_refused() -> None:
    with pytest.raises(UsageError, match="--backup-options: project: no such option") as caught:
        open_backend(_place(options={"token": "anon", "project": "p"}))
    assert caught.value.hint == "backups on gs:// take: token, endpoint_url"


def test_a_token_that_is_no_file() -> None:
    keys = gcs_credentials.Keys(_place(), "/nowhere/key.json", Tls())
    with pytest.raises(UsageError, match="token: neither a file nor one of: anon, google_default") as caught:
        keys.headers("GET", "https://storage.googleapis.com/")
    assert "/nowhere" not in str(caught.value)


@pytest.mark.parametrize("key", ["a\rb", "a\nb", "../a", "a/./b", "k" * 1021])
def test_keys_that_it_has_not(key: str) -> None:
    assert open_backend(_place()).refuses(key)


def test_its_prefix() -> None:
    assert isinstance(open_backend(_place()), Gcs)
    assert open_backend(_place(url="gs://bucket")).url == "gs://bucket"
    assert open_backend(_place(url="gs://bucket/a/b/")).url == "gs://bucket/a/b"
