"""How near an address is, and whether one server may lead to another. Names are looked up in a table of the test's."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kubectl_lrs.clients import addresses
from kubectl_lrs.clients.addresses import Zone, is_loopback, require_led, zone_of
from kubectl_lrs.model.errors import UnreachableError

ZONES = {
    Zone.MACHINE: ("127.0.0.1", "127.255.0.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    Zone.LINK: ("169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"),
    Zone.PRIVATE: (
        *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1", "fc00::1", "::ffff:10.0.0.1"),
        *("224.0.0.1", "255.255.255.255", "ff02::1", "198.18.0.1"),
    ),
    Zone.PUBLIC: ("1.1.1.1", "172.32.0.1", "11.0.0.1", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8", "169.253.0.1"),
}


@pytest.mark.parametrize(("text", "zone"), [(text, zone) for zone, texts in ZONES.items() for text in texts])
def test_zones(text: str, zone: Zone) -> None:
    assert zone_of(text) is zone


NAMES = {
    "public.example": ["93.184.216.34"],
    "other.example": ["93.184.216.35"],
    "corp.example": ["10.0.0.7"],
    "minio.corp.example": ["10.0.0.8"],
    "rebound.example": ["127.0.0.1"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "localhost": ["127.0.0.1"],
    "0x7f000001": ["127.0.0.1"],
    "2130706433": ["127.0.0.1"],
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host not in NAMES:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in NAMES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    addresses._looked_up.cache_clear()
    yield
    addresses._looked_up.cache_clear()


ALLOWED = [
    ("https://public.example/v2/", "https://other.example/blob"),
    ("https://public.example/v2/", "https://public.example:8443/blob"),
    ("https://public.example/v2/", "https://unknown.example/blob"),  # a proxy knows it, or nobody does
    ("https://corp.example/v2/", "https://minio.corp.example/blob"),
    ("https://corp.example/v2/", "https://public.example/blob"),
    ("http://127.0.0.1:5000/v2/", "http://127.0.0.1:9000/blob"),
    ("http://127.0.0.1:5000/v2/", "https://minio.corp.example/blob"),
    ("http://localhost:5000/v2/", "http://127.0.0.1:5000/blob"),
]
REFUSED = [
    ("https://public.example/v2/", "http://127.0.0.1:8080/admin"),
    ("https://public.example/v2/", "http://localhost/admin"),
    ("https://public.example/v2/", "http://[::1]/admin"),
    ("https://public.example/v2/", "http://0.0.0.0/admin"),
    ("https://public.example/v2/", "http://0x7f000001/admin"),
    ("https://public.example/v2/", "http://2130706433/admin"),
    ("https://public.example/v2/", "http://[::ffff:127.0.0.1]/admin"),
    ("https://public.example/v2/", "https://10.0.0.7/admin"),
    ("https://public.example/v2/", "https://minio.corp.example/blob"),
    ("https://public.example/v2/", "https://rebound.example/blob"),
    ("https://public.example/v2/", "https://both.example/blob"),
    ("https://both.example/v2/", "http://127.0.0.1/admin"),
    ("https://corp.example/v2/", "http://127.0.0.1/admin"),
    ("https://corp.example/v2/", "http://169.254.169.254/latest/meta-data"),
    ("http://127.0.0.1:5000/v2/", "http://metadata.example/latest"),
    ("https://public.example/v2/", "https://metadata.example/latest"),
    ("https://unknown.example/v2/", "http://127.0.0.1/admin"),
]


@pytest.mark.parametrize(("first", "url"), ALLOWED)
def test_may_be_led(first: str, url: str) -> None:
    require_led(first, url)


@pytest.mark.parametrize(("first", "url"), REFUSED)
def test_must_not_be_led(first: str, url: str) -> None:
    with pytest.raises(UnreachableError, match="inside of this machine or its network") as caught:
        require_led(first, url)
    assert "admin" not in str(caught.value)
    assert "latest" not in str(caught.value), "what it wanted asked is not said"


def test_a_host_that_the_user_named_may_be_anywhere() -> None:
    require_led("https://public.example/v2/", "http://127.0.0.1:8080/blob", named={"127.0.0.1"})
    require_led("https://public.example/v2/", "https://minio.corp.example/blob", named={"minio.corp.example"})


@pytest.mark.parametrize(
    ("host", "is_it"), [("localhost", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("x", False)]
)
def test_loopback(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
