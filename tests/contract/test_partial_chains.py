"""An intermediate without its root is an authority for every client, those of other people's libraries too: real servers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.s3_client import opened
from kubectl_lrs.model.errors import LrsError, UnreachableError, UsageError
from kubectl_lrs.stores.mongo.server.access import UriAccess
from tests.bed.mongo import MongoServers
from tests.bed.s3 import S3
from tests.builders.chained import CHAIN, front

AUTHORITIES = {
    # What the server sends, what is trusted, and whether that is enough.
    "intermediate, leaf alone": (("leaf.crt",), "intermediate.crt", True),
    "intermediate, all of the chain": (("leaf.crt", "intermediate.crt"), "intermediate.crt", True),
    "root, all of the chain": (("leaf.crt", "intermediate.crt"), "root.crt", True),
    "root, leaf alone": (("leaf.crt",), "root.crt", False),
}


def _target(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition("/")[2].partition(":")
    return host, int(port)


@pytest.mark.parametrize("what", AUTHORITIES)
def test_mongo(what: str, standalone: MongoServers, tmp_path: Path) -> None:
    sent, authority, is_enough = AUTHORITIES[what]
    with front(tmp_path, _target(standalone.members[0].address), *sent) as address:
        options = f"directConnection=true;tls=true;tlsCAFile={CHAIN / authority};serverSelectionTimeoutMS=1000"
        access = UriAccess(f"mongodb://{address}/?{options if is_enough else options.replace(';', '&')}")
        try:
            if is_enough:
                assert access.client().admin.command("ping")["ok"] == 1
            else:
                with pytest.raises(Exception, match="certificate verify failed"):
                    access.client().admin.command("ping")
        finally:
            access.close()


_names = itertools.count()


@pytest.mark.parametrize("what", AUTHORITIES)
def test_s3(what: str, s3: S3, tmp_path: Path) -> None:
    sent, authority, is_enough = AUTHORITIES[what]
    with front(tmp_path, _target(s3.endpoint), *sent) as address:
        options = {"key": s3.access, "secret": s3.secret}
        place = StorageLocation(
            url=f"s3://chain-{next(_names)}",
            options=options,
            ca_file=str(CHAIN / authority),
            endpoint=f"https://{address}",
        )
        client = opened(place)
        if is_enough:
            client.call("create_bucket", "")
            assert client.call("list_objects_v2", "")["KeyCount"] == 0
        else:
            with pytest.raises(UnreachableError, match="certificate"):
                client.call("create_bucket", "")


@pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_bundle_is_said_before_anything_is_asked(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="tlsCAFile"):
        UriAccess(f"mongodb://127.0.0.1:1/?tls=true;tlsCAFile={file}").client()
    with pytest.raises(LrsError, match="--files-ca-file"):
        opened(StorageLocation(url="s3://b", options={}, ca_file=str(file), endpoint="https://127.0.0.1:1"))


def test_the_password_of_a_key_is_never_asked_for_however_options_are_parted(tmp_path: Path) -> None:
    pair = tmp_path / "pair.pem"
    pair.write_bytes((CHAIN / "leaf.crt").read_bytes() + (CHAIN / "leaf.pkcs8.key").read_bytes())
    for parted in "&;":
        uri = f"mongodb://127.0.0.1:1/?tls=true{parted}tlsCertificateKeyFile={pair}"
        with pytest.raises(UsageError, match="its key is encrypted"):
            UriAccess(uri).client()
