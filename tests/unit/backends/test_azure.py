"""Azure's Blob service, without a server: what is read out of its answers, how requests are signed, how it is opened."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.backends import azure_client
from kubectl_lrs.backends.azure import Azure, entry, parsed
from kubectl_lrs.backends.azure_client import account_of
from kubectl_lrs.backends.azure_credentials import Entra, Nobody, SharedKey
from kubectl_lrs.backends.azure_errors import refused
from kubectl_lrs.backends.azure_upload import instant_of, stat_of
from kubectl_lrs.backends.base import BareNotFoundError, KeyExistsError, KeyNotFoundError, NoBucketError, PassingError
from kubectl_lrs.backends.place import BACKUPS, StorageLocation, open_backend
from kubectl_lrs.backends.rest import Answer
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UsageError

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every emulator of Azure; it is public."""


def _place(**more: Any) -> StorageLocation:
    return StorageLocation(**{"url": "az://container/a/b", "said": BACKUPS, "is_ours": True, **more})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "BlobNotFound", KeyNotFoundError),
        (404, "ContainerNotFound", NoBucketError),
        (404, "", BareNotFoundError),
        (403, "AuthenticationFailed", CredentialsError),
        (403, "AuthorizationPermissionMismatch", DeniedError),
        (403, "", DeniedError),
        (409, "BlobAlreadyExists", KeyExistsError),
        (412, "ConditionNotMet", KeyExistsError),
        (403, "UnauthorizedBlobOverwrite", KeyExistsError),
        (409, "BlobImmutableDueToPolicy", DeniedError),
        (503, "ServerBusy", PassingError),
        (500, "", PassingError),
        (409, "SomethingNew", LrsError),
    ],
)
def test_what_a_refusal_means(status: int, code: str, kind: type[LrsError]) -> None:
    body = f"<Error><Code>{code}</Code><Message>no &amp; never\nRequestId:1</Message></Error>".encode() if code else b"<html>"
    for headers, text in (({"x-ms-error-code": code} if code else {}, b""), ({}, body)):
        error = refused(status, headers, text, "az://c: k")
        assert type(error) is kind
        assert (code or str(status)) in str(error)
        assert "RequestId" not in str(error)


def test_a_signature() -> None:
    """One that was worked out by hand from the specification of the interface."""
    headers = {"x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT", "x-ms-version": "2015-02-21", "content-length": "0"}
    signer = SharedKey("devstoreaccount1", KEY)
    url = "https://devstoreaccount1.blob.core.windows.net/c?restype=container&comp=list&prefix=a%2Fb"
    given = signer.headers("GET", url, headers)["authorization"]
    assert given == f"SharedKey devstoreaccount1:{_by_hand()}"
    assert signer.headers("GET", url.replace("a%2Fb", "a%2Fc"), headers)["authorization"] != given


def _by_hand() -> str:
    import base64
    import hashlib
    import hmac

    text = (
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
        "/devstoreaccount1/c\ncomp:list\nprefix:a/b\nrestype:container"
    )
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


def test_a_key_that_is_none() -> None:
    with pytest.raises(CredentialsError, match="not one") as caught:
        SharedKey("a", "very secret!")
    assert "very" not in str(caught.value)


def test_an_account_by_options_and_variables() -> None:
    string = f"DefaultEndpointsProtocol=https;AccountName=one;AccountKey={KEY};EndpointSuffix=core.example"
    found = account_of(_place(), {"AZURE_STORAGE_CONNECTION_STRING": string})
    assert (found.name, found.base, found.key) == ("one", "https://one.blob.core.example", KEY)
    found = account_of(_place(options={"account_name": "two"}), {"AZURE_STORAGE_ACCOUNT": "three", "AZURE_STORAGE_KEY": "k"})
    assert (found.name, found.base, found.key) == ("two", "https://two.blob.core.windows.net", "k")
    found = account_of(_place(url="abfs://c@four.dfs.core.windows.net/p"), {"AZURE_STORAGE_SAS_TOKEN": "?sig=x"})
    assert (found.name, found.sas) == ("four", "?sig=x")
    assert account_of(_place(endpoint="https://mine/four/"), {}).base == "https://mine/four"
    with pytest.raises(UsageError, match="of which account") as caught:
        account_of(_place(), {})
    assert caught.value.hint == "set AZURE_STORAGE_ACCOUNT_NAME"


@pytest.mark.parametrize(
    "place", [_place(url="abfs://c@four.dfs.core.windows.net/p"), _place(options={"account_name": "Four"})], ids=["URL", "option"]
)
def test_a_connection_string_of_another_account(place: StorageLocation) -> None:
    """A URL says where the backups are: they never go to another account, whatever variables are set."""

    def string(host: str) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint=https://{host}/;SharedAccessSignature=sv=1&sig=x"}

    with pytest.raises(UsageError, match=r"the account is [Ff]our, and the connection string is of five"):
        account_of(place, string("five.blob.core.windows.net"))
    for host in ("four.blob.core.windows.net", "four-secondary.blob.core.windows.net", "mine.example.com"):
        assert account_of(place, string(host)).base == f"https://{host}"


def test_by_what_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "one")
    assert isinstance(azure_client.opened(_place())._signer, Entra)
    assert isinstance(azure_client.opened(_place(options={"anon": True}))._signer, Nobody)
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    assert isinstance(azure_client.opened(_place())._signer, SharedKey)
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=a%2Fb")
    assert azure_client.opened(_place())._signer.query == {"sv": "1", "sig": "a/b"}


def test_an_option_that_has_no_effect_is_refused() -> None:
    with pytest.raises(UsageError, match="--backup-options: tenant_id: no such option"):
        open_backend(_place(options={"account_name": "one", "tenant_id": "t"}))


@pytest.mark.parametrize("endpoint", ["mine", "ftp://mine", "https://u:p@mine"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(UsageError, match="--backup-endpoint"):
        open_backend(_place(endpoint=endpoint))


def test_what_a_list_says() -> None:
    text = (
        "\ufeff<EnumerationResults><Blobs><Blob><Name>p/a b</Name><Properties><Content-Length>3</Content-Length><Etag>0x1</Etag>"
        "<Last-Modified>Fri, 27 Nov 2026 08:00:00 GMT</Last-Modified></Properties></Blob>"
        '<Blob><Name Encoded="true">p/%01x</Name><Properties/></Blob></Blobs></EnumerationResults>'
    )
    found = [entry(each, 2) for each in parsed(Answer(200, {}, text.encode())).iterfind("Blobs/Blob")]
    assert [(each.key, each.size, each.etag) for each in found] == [("a b", 3, "tag 0x1"), ("\x01x", 0, "tag ")]
    assert found[0].mtime == 1795766400.0


def test_what_a_blob_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "one")
    backend = open_backend(_place())
    assert isinstance(backend, Azure)
    stat = stat_of("k", {"Content-MD5": "nTi6w5Y7l5VlUEdJ6tGOkg==", "Content-Length": "1"})
    assert backend.tells_content(stat.etag)
    assert not backend.tells_content(stat_of("k", {"ETag": '"0x1"'}).etag)
    assert instant_of("yesterday") is None
    for key in ("a//b", "a/", "a.", "a./b", "a\\b", "a\tb", "k" * 1025):
        assert backend.refuses(key)
