"""Loading of bundles and keys: each ends well or in an error of ours, whatever is in the file."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.clients.tls import Tls, anchors, anchors_file, certificates, from_files, read_bundle, read_pair, require_pair
from kubectl_lrs.model.errors import UsageError
from tests.builders.chained import CHAIN, pem


def test_partial_chains_and_names_as_go_has_them() -> None:
    context = Tls(authorities=pem("intermediate.crt")).context()
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert not context.hostname_checks_common_name
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_beside_the_systems() -> None:
    alone = Tls(authorities=pem("root.crt")).context().cert_store_stats()["x509"]
    beside = Tls(authorities=pem("root.crt"), beside=True).context().cert_store_stats()["x509"]
    system = Tls().context().cert_store_stats()["x509"]
    assert alone == 1
    assert beside == system + 1


def test_insecure() -> None:
    context = Tls(insecure=True, authorities=b"whatever").context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_around_a_certificate(before: bytes, after: bytes) -> None:
    found = list(certificates(before + b"\n" + pem("root.crt") + after))
    assert len(found) >= 1 or b"-----" in before


@given(st.binary(max_size=300))
def test_any_bytes_are_a_bundle_or_an_error_of_ours(data: bytes) -> None:
    for tls in (Tls(authorities=data or b"x"), Tls(authorities=b"-----BEGIN CERTIFICATE-----\n" + data)):
        with pytest.raises(UsageError):
            tls.context()


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=200))
def test_any_bytes_are_a_pair_or_an_error_of_ours(certificate: bytes, key: bytes) -> None:
    with pytest.raises(UsageError):
        Tls(insecure=True, certificate=certificate, key=key).context()


BROKEN = {"missing": "nowhere.pem", "a folder": ".", "a NUL": "a\0b"}


@pytest.mark.parametrize("what", BROKEN)
def test_files_that_cannot_be_read(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for load in (
        lambda: read_bundle(BROKEN[what], what="--ca-file"),
        lambda: read_pair(BROKEN[what], what="--pair"),
        lambda: require_pair(BROKEN[what], None, what="--pair"),
        lambda: from_files(BROKEN[what], {}, flag="--ca-file"),
        lambda: from_files("", {"REQUESTS_CA_BUNDLE": BROKEN[what]}, flag="--ca-file"),
    ):
        with pytest.raises(UsageError):
            load()


def test_which_bundle_counts(tmp_path: Path) -> None:
    root, leaf = str(CHAIN / "root.crt"), str(CHAIN / "leaf.crt")
    environment = {"REQUESTS_CA_BUNDLE": root, "CURL_CA_BUNDLE": str(tmp_path / "nowhere")}
    assert from_files(leaf, environment, flag="--f").authorities == pem("leaf.crt")
    assert from_files("", environment, flag="--f").authorities == pem("root.crt")
    assert from_files("", {}, flag="--f") == Tls()


PASSWORDS: dict[str, tuple[str, str | None, str]] = {
    "none is given": ("leaf.pkcs8.key", None, "its key is encrypted"),
    "none is given, the old form": ("leaf.traditional.key", None, "its key is encrypted"),
    "a wrong one": ("leaf.pkcs8.key", "another", "the password for its key is wrong"),
    "an empty one": ("leaf.traditional.key", "", "its key is encrypted"),
    "the right one": ("leaf.pkcs8.key", "secret-word", ""),
    "the right one, the old form": ("leaf.traditional.key", "secret-word", ""),
    "not needed": ("leaf.key", None, ""),
    "given and not needed": ("leaf.key", "secret-word", ""),
}


@pytest.mark.parametrize("what", PASSWORDS)
def test_passwords(what: str, tmp_path: Path) -> None:
    name, password, message = PASSWORDS[what]
    file = tmp_path / "pair.pem"
    file.write_bytes(pem("leaf.crt") + pem(name))
    if not message:
        require_pair(str(file), password, what="--pair")
        return
    with pytest.raises(UsageError, match=message) as caught:
        require_pair(str(file), password, what="--pair")
    assert "another" not in str(caught.value)


@pytest.mark.parametrize("names", [("root.crt",), ("intermediate.crt", "root.crt")])
def test_anchors_are_the_same_certificates(names: tuple[str, ...], tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"# caf\xe9\n".join(map(pem, names)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with anchors_file(str(bundle), what="--ca-file") as made:
        assert stat.S_IMODE(Path(made).stat().st_mode) == 0o600
        context.load_verify_locations(made)
    assert not Path(made).exists()
    wanted = Tls(authorities=bundle.read_bytes()).context().get_ca_certs(binary_form=True)
    assert sorted(context.get_ca_certs(binary_form=True)) == sorted(wanted)
    assert len(wanted) == len(names)


def test_of_no_bundle_there_are_no_anchors(tmp_path: Path) -> None:
    assert anchors(b"no PEM") == b""
    (tmp_path / "ca.pem").write_bytes(b"no PEM")
    with pytest.raises(UsageError, match="--ca-file"), anchors_file(str(tmp_path / "ca.pem"), what="--ca-file"):
        pass
