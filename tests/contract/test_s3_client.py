"""How S3 is asked: what the user gave goes before what we choose, and a request that came garbled is sent again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends import s3_client
from kubectl_lrs.backends.place import Place
from kubectl_lrs.backends.s3_client import PATIENT, S3Client
from kubectl_lrs.backends.s3_errors import GarbledError
from kubectl_lrs.clients.tls import BUNDLES, anchors
from kubectl_lrs.model.errors import LrsError, UsageError
from tests.builders.chained import CHAIN


def test_the_librarys_checksums_are_off_unless_they_are_asked_for() -> None:
    config = s3_client._options(Place(url="s3://bucket/x"), ExitStack())["config_kwargs"]
    assert config["request_checksum_calculation"] == "when_required"
    given = {"config_kwargs": {"request_checksum_calculation": "when_supported", "read_timeout": 3}}
    config = s3_client._options(Place(url="s3://bucket/x", options=given), ExitStack())["config_kwargs"]
    assert (config["request_checksum_calculation"], config["read_timeout"], config["connect_timeout"]) == (
        "when_supported",
        3,
        10,
    )


def test_what_the_user_gave_reaches_the_library() -> None:
    authority, files = CHAIN / "intermediate.crt", ExitStack()
    given = {"key": "k", "anon": True}
    place = Place(url="s3://bucket/x", options=given, endpoint="https://h:1", ca_file=str(authority), workers=40)
    options = s3_client._options(place, files)
    assert (options["key"], options["anon"], options["endpoint_url"]) == ("k", True, "https://h:1")
    bundle = Path(options["client_kwargs"]["verify"])
    assert bundle.read_bytes() == anchors(authority.read_bytes())
    files.close()
    assert not bundle.exists()
    assert options["config_kwargs"]["max_pool_connections"] == 80
    assert options["skip_instance_cache"]
    assert place.options == {"key": "k", "anon": True}


def test_whom_everybody_trusts_is_trusted_here(monkeypatch: pytest.MonkeyPatch) -> None:
    root, inner = str(CHAIN / "root.crt"), CHAIN / "intermediate.crt"
    for name in (*BUNDLES, "AWS_CA_BUNDLE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", root)
    files, place = ExitStack(), Place(url="s3://bucket/x")
    assert s3_client._options(place, files)["client_kwargs"]["verify"] == root
    monkeypatch.setenv(BUNDLES[0], str(inner))
    assert Path(s3_client._options(place, files)["client_kwargs"]["verify"]).read_bytes() == anchors(inner.read_bytes())
    given = Place(url="s3://bucket/x", options={"client_kwargs": {"verify": False}})
    assert s3_client._options(given, files)["client_kwargs"]["verify"] is False
    monkeypatch.setenv("AWS_CA_BUNDLE", root)
    assert "verify" not in s3_client._options(place, files)["client_kwargs"]
    files.close()


def test_options_that_the_library_does_not_know() -> None:
    with pytest.raises(UsageError, match="--files-options"):
        s3_client.opened(Place(url="s3://bucket/x", options={"config_kwargs": {"no_such_option": 1}, "client_kwargs": 3}))


class _System:
    """A library whose first answers are errors."""

    loop = None

    def __init__(self, *errors: Exception, **additional: str) -> None:
        self.errors = list(errors)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.s3_additional_kwargs = additional

    def call_s3(self, method: str, **request: Any) -> dict[str, Any]:
        self.asked.append((method, request))
        if self.errors:
            raise self.errors.pop(0)
        return {"ok": True}


def _refused(code: str) -> Exception:
    error = OSError(code)
    error.__cause__ = _Client(code)
    return error


class _Client(Exception):  # noqa: N818  as botocore's ClientError
    def __init__(self, code: str) -> None:
        self.response = {"Error": {"Code": code}}


def test_a_request_that_came_garbled_is_sent_again() -> None:
    system = _System(_refused("BadRequest"))
    assert S3Client(system, "bucket", "s3://bucket", ()).call("head_object", "k", Key="k") == {"ok": True}
    assert system.asked == [("head_object", {"Bucket": "bucket", "Key": "k"})] * 2


def test_but_not_for_ever_and_no_other_one() -> None:
    system = _System(*[_refused("BadRequest")] * 10)
    with pytest.raises(GarbledError):
        S3Client(system, "bucket", "s3://bucket", ()).call("head_object", "k")
    assert len(system.asked) == PATIENT.attempts
    system = _System(_refused("InvalidArgument"))
    with pytest.raises(LrsError):
        S3Client(system, "bucket", "s3://bucket", ()).call("put_object", "k")
    assert len(system.asked) == 1


@pytest.mark.parametrize(
    ("additional", "sums"), [({}, False), ({"ChecksumAlgorithm": "CRC32"}, True), ({"ACL": "private"}, False)]
)
def test_whether_the_library_makes_the_sums(additional: dict[str, str], sums: bool) -> None:
    assert S3Client(_System(**additional), "bucket", "s3://bucket", ()).sums_itself == sums
