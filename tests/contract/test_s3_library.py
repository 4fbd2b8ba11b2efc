"""How botocore is asked: what the user gave goes before what we choose, and what nothing would come of is refused."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.loaders import JSONFileLoader
from botocore.utils import parse_timestamp

from kubectl_lrs.backends import s3_client, s3_library
from kubectl_lrs.backends.options import S3Options
from kubectl_lrs.backends.place import BACKUPS, StorageLocation
from kubectl_lrs.backends.s3_library import Library, instant
from kubectl_lrs.clients.tls import BUNDLES, anchors
from kubectl_lrs.model.errors import CredentialsError, UsageError
from tests.builders.chained import CHAIN


def _arguments(files: ExitStack | None = None, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    place = StorageLocation(url="s3://bucket/x", **more)
    library = Library(place)
    return s3_library.arguments(place, library.options, library.session, files or ExitStack())


def test_the_librarys_checksums_are_off_unless_they_are_asked_for() -> None:
    assert _arguments()[1]["request_checksum_calculation"] == "when_required"
    given = {"config_kwargs": {"request_checksum_calculation": "when_supported", "read_timeout": 3}}
    config = _arguments(options=given)[1]
    assert (config["request_checksum_calculation"], config["read_timeout"], config["connect_timeout"]) == (
        "when_supported",
        3,
        10,
    )


def test_what_the_user_gave_reaches_the_library() -> None:
    authority, files = CHAIN / "intermediate.crt", ExitStack()
    given = {"key": "k", "secret": "s", "token": "", "anon": True, "use_ssl": False, "client_kwargs": {"region_name": "r"}}
    client, config = _arguments(files, options=given, endpoint="https://h:1", ca_file=str(authority), workers=40)
    assert (client["aws_access_key_id"], client["aws_secret_access_key"], client["endpoint_url"]) == ("k", "s", "https://h:1")
    assert (client["use_ssl"], client["region_name"]) == (False, "r")
    assert "aws_session_token" not in client
    assert config["signature_version"] is UNSIGNED
    bundle = Path(client["verify"])
    assert bundle.read_bytes() == anchors(authority.read_bytes())
    files.close()
    assert not bundle.exists()
    assert config["max_pool_connections"] == 80


def test_whom_everybody_trusts_is_trusted_here(monkeypatch: pytest.MonkeyPatch) -> None:
    root, inner = str(CHAIN / "root.crt"), CHAIN / "intermediate.crt"
    for name in (*BUNDLES, "AWS_CA_BUNDLE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", root)
    files = ExitStack()
    assert _arguments(files)[0]["verify"] == root
    monkeypatch.setenv(BUNDLES[0], str(inner))
    assert Path(_arguments(files)[0]["verify"]).read_bytes() == anchors(inner.read_bytes())
    assert _arguments(files, options={"client_kwargs": {"verify": False}})[0]["verify"] is False
    monkeypatch.setenv("AWS_CA_BUNDLE", root)
    assert "verify" not in _arguments(files)[0]
    files.close()


def test_the_descriptions_of_s3_are_read_once_for_all_that_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same are read for four as for one; where the user has others, they are read too."""
    read: list[str] = []
    real = JSONFileLoader.load_file

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        read.append(path)
        return real(loader, path)

    def opened(count: int) -> list[str]:
        read.clear()
        s3_library._loader.cache_clear()
        for number in range(count):
            options = {"key": f"k{number}", "secret": "s"}
            s3_client.opened(StorageLocation(url=f"s3://bucket-{number}/x", options=options))
        return [each for each in read if each]

    monkeypatch.setattr(JSONFileLoader, "load_file", load_file)
    assert sorted(opened(4)) == sorted(opened(1)) != []
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("AWS_DATA_PATH", str(own))
    s3_client.opened(StorageLocation(url="s3://bucket/x", options={"key": "k", "secret": "s"}))
    assert any(each.startswith(str(own)) for each in read)


@pytest.mark.parametrize("given", [{"config_kwargs": {"no_such_option": 1}}, {"client_kwargs": 3}, {"client_kwargs": {"x": 1}}])
def test_options_that_the_library_does_not_know(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--files-options"):
        s3_client.opened(StorageLocation(url="s3://bucket/x", options=given))


@pytest.mark.parametrize("given", [{"profile": "nobody"}, {"key": "k"}], ids=["profile", "half"])
def test_credentials_that_there_are_not(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "r")
    with pytest.raises(CredentialsError) as error:
        s3_client.opened(StorageLocation(url="s3://bucket/x", options=given))
    assert "AWS_PROFILE" in error.value.hint


@pytest.mark.parametrize("name", ["asynchronous", "default_block_size", "version_aware", "sercet"])
def test_an_option_of_which_nothing_would_come(name: str) -> None:
    """Of a repository, too, which asks the library for nothing while the other one will do."""
    with pytest.raises(UsageError, match=f"--backup-options: {name}: no such option") as error:
        s3_client.opened(StorageLocation(url="s3://bucket/x", options={name: "1"}, said=BACKUPS, is_ours=True))
    assert "client_kwargs" in error.value.hint


@pytest.mark.parametrize("name", sorted(S3Options.__annotations__))
def test_the_others_are_taken(name: str) -> None:
    values = {"anon": True, "use_ssl": True, "requester_pays": True, "endpoint_url": "http://h"}
    given = values.get(name, {} if name.endswith("kwargs") else "v")
    s3_library.Library(StorageLocation(url="s3://bucket/x", options={name: given}))


@pytest.mark.parametrize(
    ("endpoint", "region", "is_so"),
    [
        ("", "eu-central-1", True),
        ("", "cn-north-1", True),
        ("https://s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1", True),
        ("http://127.0.0.1:9", "us-east-1", False),
        ("https://minio.example.com", "us-east-1", False),
        ("https://s3.amazonaws.com.example.com", "us-east-1", False),
        ("https://notamazonaws.com", "us-east-1", False),
    ],
)
def test_who_is_amazon(endpoint: str, region: str, is_so: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    options = {"key": "k", "secret": "s", "client_kwargs": {"region_name": region}}
    assert Library(StorageLocation(url="s3://bucket/x", options=options, endpoint=endpoint)).is_amazons == is_so


# ---- what goes beside each request


class _Client:
    """Notes what it is asked for; what a request may have is botocore's own word."""

    def __init__(self, real: Any) -> None:
        self.meta = real.meta
        self.asked: dict[str, dict[str, Any]] = {}

    def __getattr__(self, method: str) -> Any:
        return lambda **request: self.asked.__setitem__(method, request) or {}


def _asked(**options: Any) -> dict[str, dict[str, Any]]:
    library = Library(StorageLocation(url="s3://bucket/x", options={"key": "k", "secret": "s", **options}, endpoint="http://h"))
    client = _Client(library.ready())
    library._opened = client
    for method in ("put_object", "head_object", "abort_multipart_upload", "get_bucket_versioning"):
        library.call(method, {"Bucket": "b", "StorageClass": "MINE"} if method == "put_object" else {"Bucket": "b"})
    return client.asked


def test_nothing_goes_beside_a_request_unless_it_is_asked_for() -> None:
    assert all(asked.keys() <= {"Bucket", "StorageClass"} for asked in _asked().values())


def test_who_pays_is_said_in_each_request_that_has_a_word_for_it() -> None:
    asked = _asked(requester_pays=True)
    assert {method for method, each in asked.items() if each.get("RequestPayer") == "requester"} == {
        "put_object",
        "head_object",
        "abort_multipart_upload",
    }


def test_what_goes_beside_an_upload_does_not_go_beside_what_has_none_of_it() -> None:
    asked = _asked(s3_additional_kwargs={"ServerSideEncryption": "AES256", "StorageClass": "THEIRS"})
    assert asked["put_object"] == {"Bucket": "b", "ServerSideEncryption": "AES256", "StorageClass": "MINE"}
    assert asked["head_object"] == {"Bucket": "b"}


@pytest.mark.parametrize(
    ("additional", "sums"), [({}, False), ({"ChecksumAlgorithm": "CRC32"}, True), ({"ACL": "private"}, False)]
)
def test_whether_the_library_makes_the_sums(additional: dict[str, str], sums: bool) -> None:
    assert Library(StorageLocation(url="s3://bucket/x", options={"s3_additional_kwargs": additional})).sums_itself == sums


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-28T07:10:11.000Z", "2026-11-28T07:10:11Z", "2026-11-28T07:10:11.123456Z", "2026-11-28T07:10:11.123456789Z",
        "2026-11-28T07:10:11+02:00", "20261128T071011Z", "Sat, 28 Nov 2026 07:10:11 GMT", 1795849811, "1795849811",
    ],
)  # fmt: skip
def test_times_are_those_that_the_library_reads_itself(said: Any) -> None:
    assert instant(said) == parse_timestamp(said)
    assert instant(said).timestamp() == parse_timestamp(said).timestamp()


REGIONS = (None, "eu-west-1", "cn-north-1", "us-gov-west-1", "nowhere-1")
CONFIGURATIONS: tuple[dict[str, Any], ...] = ({}, {"use_dualstack_endpoint": True}, {"use_fips_endpoint": True})


def _leads_to(region: str | None, config: dict[str, Any]) -> tuple[str, str]:
    """Where requests of a client of its own go."""
    client = {"region_name": region} if region else {}
    options = {"key": "k", "secret": "s", "client_kwargs": client, "config_kwargs": config}
    try:
        meta = Library(StorageLocation(url="s3://bucket/x", options=options)).ready().meta
    except UsageError as error:
        return "refused", str(error)
    return meta.endpoint_url, meta.region_name


def test_where_a_client_goes_does_not_depend_on_those_before_it() -> None:
    """They share what the library knows of S3, parts of which it fills in as it goes."""
    cases = [(region, config) for region in REGIONS for config in CONFIGURATIONS]
    wanted = []
    for case in cases:
        s3_library._loader.cache_clear()
        wanted.append(_leads_to(*case))
    s3_library._loader.cache_clear()
    for order in (1, -1):
        assert [_leads_to(*case) for case in cases[::order]] == wanted[::order]
    assert len(set(wanted)) > len(REGIONS)
