"""Whom we trust, who we are and which proxy is taken, beside the real kubectl: the same bundles, keys and variables for both."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.chained import pem, refusing_proxy, server
from tests.builders.citizen import Bench, Case
from tests.conftest import ROOT

HALF = b"-----BEGIN CERTIFICATE-----\nMIIB\n"
UMLAUTS = "# Zertifikat der Prüfstelle, gültig für 日本\n".encode()


@pytest.fixture
def bench(plane: ControlPlane, tmp_path: Path) -> Bench:
    return Bench(plane, tmp_path / "bench")


# ---- certificate-authority

BUNDLES: dict[str, tuple[bytes, bool]] = {
    "the root": (pem("root.crt"), True),
    "the intermediate alone": (pem("intermediate.crt"), True),
    "the server's own alone": (pem("leaf.crt"), True),
    "a comment in UTF-8": (UMLAUTS + pem("root.crt"), True),
    "a comment in Latin-1": (UMLAUTS.decode().encode("latin-1", "replace") + pem("root.crt"), True),
    "what openssl prints before it": (b"Certificate:\n    Data:\n" + pem("root.crt"), True),
    "lines of Windows": (pem("root.crt").replace(b"\n", b"\r\n"), True),
    "a key before it": (pem("leaf.key") + pem("root.crt"), True),
    "one that is broken before it": (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" + pem("root.crt"), True),
    "one that never ends before it": (HALF + pem("root.crt"), True),
    "the same twice": (pem("root.crt") * 2, True),
    "no line break at the end": (pem("root.crt").rstrip(), True),
    "not at the beginning of a line": (b" " + pem("root.crt"), False),
    "with headers": (pem("root.crt").replace(b"CERTIFICATE-----\n", b"CERTIFICATE-----\nProc-Type: 4\n\n", 1), False),
    "of another kind": (pem("root.crt").replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE"), False),
    "nothing but blanks": (b" \n", False),
    "a key alone": (pem("leaf.key"), False),
    "not PEM": (b"\x30\x82\xff\x00", False),
}


@pytest.fixture
def chained(tmp_path: Path) -> Iterator[str]:
    with server(tmp_path, "leaf.crt", "intermediate.crt") as url:
        yield url


@pytest.mark.parametrize("what", BUNDLES)
def test_bundles(bench: Bench, chained: str, what: str) -> None:
    data, is_good = BUNDLES[what]
    (bench.directory / "ca.pem").write_bytes(data)
    cluster = {"server": chained, "certificate-authority-data": None, "certificate-authority": "ca.pem"}
    config = bench.write(Case(cluster=cluster, user={"token": "t"}))
    kubectl, ours = bench.both("--kubeconfig", str(config))
    assert (kubectl.code == 0, ours.code == 0) == (is_good, is_good), (kubectl.words, ours.words)
    if not is_good:
        assert ours.code in (2, 5)
        assert len(ours.words.splitlines()) <= 2


def test_a_server_that_sends_its_own_certificate_alone(bench: Bench, tmp_path: Path) -> None:
    """The root does not do then, and the intermediate does."""
    with server(tmp_path, "leaf.crt", asks=False) as url:
        for name, is_good in (("root.crt", False), ("intermediate.crt", True)):
            (bench.directory / "ca.pem").write_bytes(pem(name))
            cluster = {"server": url, "certificate-authority-data": None, "certificate-authority": "ca.pem"}
            config = bench.write(Case(cluster=cluster, user={"token": "t"}))
            kubectl, ours = bench.both("--kubeconfig", str(config))
            assert (kubectl.code == 0, ours.code == 0) == (is_good, is_good), (kubectl.words, ours.words)


@pytest.mark.parametrize(("variable", "name"), [("SSL_CERT_FILE", "intermediate.crt"), ("SSL_CERT_DIR", "")])
def test_the_systems_authorities(bench: Bench, chained: str, variable: str, name: str) -> None:
    folder = bench.directory / "authorities"
    folder.mkdir()
    (folder / "intermediate.crt").write_bytes(UMLAUTS + pem("intermediate.crt"))
    config = bench.write(Case(cluster={"server": chained, "certificate-authority-data": None}, user={"token": "t"}))
    without = bench.both("--kubeconfig", str(config))
    assert (without[0].code, without[1].code) == (1, 5)
    kubectl, ours = bench.both("--kubeconfig", str(config), env={variable: str(folder / name)})
    assert (kubectl.code, ours.code) == (0, 0), (kubectl.words, ours.words)


# ---- who we are

PAIRS: dict[str, tuple[bytes, bytes, bool]] = {
    "a pair": (pem("leaf.crt"), pem("leaf.key"), True),
    "with a comment in UTF-8": (UMLAUTS + pem("leaf.crt"), UMLAUTS + pem("leaf.key"), True),
    "with its chain": (pem("leaf.crt") + pem("intermediate.crt"), pem("leaf.key"), True),
    "an encrypted key": (pem("leaf.crt"), pem("leaf.pkcs8.key"), False),
    "an encrypted key of the old form": (pem("leaf.crt"), pem("leaf.traditional.key"), False),
    "another one's key": (pem("root.crt"), pem("leaf.key"), False),
    "no key": (pem("leaf.crt"), b"not a key", False),
    "no certificate": (b"\xff\xfe", pem("leaf.key"), False),
}


@pytest.mark.parametrize("what", PAIRS)
def test_client_certificates(bench: Bench, chained: str, what: str) -> None:
    certificate, key, is_good = PAIRS[what]
    for name, data in (("ca.pem", pem("root.crt")), ("c.pem", certificate), ("k.pem", key)):
        (bench.directory / name).write_bytes(data)
    cluster = {"server": chained, "certificate-authority-data": None, "certificate-authority": "ca.pem"}
    config = bench.write(Case(cluster=cluster, user={"client-certificate": "c.pem", "client-key": "k.pem"}))
    kubectl, ours = bench.both("--kubeconfig", str(config))
    assert (kubectl.code == 0, ours.code) == (is_good, 0 if is_good else 2), (kubectl.words, ours.words)


def test_a_password_is_never_asked_for(bench: Bench, chained: str) -> None:
    """On a terminal, where OpenSSL would."""
    for name, data in (("ca.pem", pem("root.crt")), ("c.pem", pem("leaf.crt")), ("k.pem", pem("leaf.traditional.key"))):
        (bench.directory / name).write_bytes(data)
    cluster = {"server": chained, "certificate-authority-data": None, "certificate-authority": "ca.pem"}
    config = bench.write(Case(cluster=cluster, user={"client-certificate": "c.pem", "client-key": "k.pem"}))
    child = pexpect.spawn(
        sys.executable,
        ["-m", "tests.builders.whoami", "whoami", "--kubeconfig", str(config)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        encoding="utf-8",
        timeout=PATIENCE,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert "its key is encrypted" in child.before
    assert "pass phrase" not in child.before
    assert child.exitstatus == 2


# ---- proxies

HERE = "https://0.0.0.0:1"
"""An address of this machine that is not loopback: refused at once where it is asked directly."""

NAMED = "https://api.cluster.invalid:6443"

PROXIES: dict[str, tuple[str, dict[str, str], bool]] = {
    "HTTPS_PROXY": (NAMED, {"HTTPS_PROXY": "{proxy}"}, True),
    "in lower case": (NAMED, {"https_proxy": "{proxy}"}, True),
    "upper goes first": (NAMED, {"HTTPS_PROXY": "{proxy}", "https_proxy": "http://127.0.0.1:1"}, True),
    "with its scheme": (NAMED, {"HTTPS_PROXY": "http://{proxy}"}, True),
    "of another scheme": (NAMED, {"HTTP_PROXY": "{proxy}"}, False),
    "ALL_PROXY is not known": (NAMED, {"ALL_PROXY": "http://{proxy}", "all_proxy": "http://{proxy}"}, False),
    "http": ("http://api.cluster.invalid:8080", {"HTTP_PROXY": "{proxy}"}, True),
    "http in a CGI": ("http://api.cluster.invalid:8080", {"HTTP_PROXY": "{proxy}", "REQUEST_METHOD": "GET"}, False),
    "loopback": ("https://127.0.0.1:1", {"HTTPS_PROXY": "{proxy}"}, False),
    "another loopback": ("https://127.8.9.1:1", {"HTTPS_PROXY": "{proxy}"}, False),
    "localhost": ("https://localhost:1", {"HTTPS_PROXY": "{proxy}"}, False),
    "an address": (HERE, {"HTTPS_PROXY": "{proxy}"}, True),
    **{
        f"NO_PROXY={entry} for {server.partition('//')[2]}": (server, {"HTTPS_PROXY": "{proxy}", "NO_PROXY": entry}, proxied)
        for server, entry, proxied in (
            (HERE, "0.0.0.0/8", False),
            (HERE, "10.0.0.0/8, 0.0.0.0/16", False),
            (HERE, "10.0.0.0/8", True),
            (HERE, "0.0.0.0/255.0.0.0", True),
            (HERE, "0.0.0.0", False),
            (HERE, "0.0.0.0:1", False),
            (HERE, "0.0.0.0:2", True),
            (HERE, "*", False),
            (HERE, "0.0.0.*", True),
            (NAMED, "cluster.invalid", False),
            (NAMED, ".cluster.invalid", False),
            (NAMED, "*.cluster.invalid", False),
            (NAMED, "api.cluster.invalid", False),
            (NAMED, ".api.cluster.invalid", True),
            (NAMED, "CLUSTER.Invalid", False),
            (NAMED, "uster.invalid", True),
            (NAMED, "cluster.invalid:6443", False),
            (NAMED, "cluster.invalid:443", True),
            (NAMED, " other , cluster.invalid ", False),
            (NAMED, "*", False),
            (NAMED, "**", True),
            (NAMED, ":6443", True),
            (NAMED, "0.0.0.0/0", True),
        )
    },
    "no_proxy in lower case": (NAMED, {"HTTPS_PROXY": "{proxy}", "no_proxy": "invalid"}, False),
    "NO_PROXY goes first": (NAMED, {"HTTPS_PROXY": "{proxy}", "NO_PROXY": "other", "no_proxy": "invalid"}, True),
}


def _asked(lines: list[str]) -> list[str]:
    """Method and target; kubectl puts its time limit into the query."""
    return lines[0].partition("?")[0].split()[:2]


@pytest.mark.parametrize("what", PROXIES)
def test_proxies(bench: Bench, what: str) -> None:
    url, environment, is_proxied = PROXIES[what]
    cluster = {"server": url, "certificate-authority-data": None}
    config = bench.write(Case(cluster=cluster, user={"token": "t"}))
    with refusing_proxy() as (address, asked):
        env = {name: value.replace("{proxy}", address) for name, value in environment.items()}
        kubectl = bench.kubectl("--kubeconfig", str(config), "--request-timeout=20s", env=env)
        by_kubectl = list(asked)
        asked.clear()
        ours = bench.ours("--once", "--kubeconfig", str(config), "--request-timeout=20s", env=env)
    assert kubectl.code != 0
    assert ours.code in (2, 5)
    assert (bool(by_kubectl), bool(asked)) == (is_proxied, is_proxied), (kubectl.words, ours.words)
    if is_proxied:
        assert _asked(by_kubectl) == _asked(asked)
