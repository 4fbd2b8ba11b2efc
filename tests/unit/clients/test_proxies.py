"""The rules for proxies by themselves; `tests/commands/test_citizen_trust.py` holds them against the real kubectl."""

from __future__ import annotations

import pytest

from kubectl_lrs.clients.proxies import Proxies, parsed
from kubectl_lrs.model.errors import UsageError

DIRECT = [
    ("https://10.1.2.3:6443", "10.0.0.0/8"),
    ("https://[fd00::7]:6443", "fd00::/8"),
    ("https://[fd00::7]:6443", "[fd00::7]:6443"),
    ("https://[fd00::7]:6443", "fd00::7"),
    ("https://[::ffff:10.1.2.3]", "10.0.0.0/8"),
    ("https://host.example", "host.example:443"),
    ("https://host.example", "HOST.example"),
    ("https://a.b.example", "example"),
    ("https://host.example", "other,*,10.0.0.0/8"),
    ("https://[::1]:1", ""),
    ("https://127.3.2.1", ""),
    ("https://localhost", ""),
    ("https://[::ffff:127.0.0.1]", ""),
]
PROXIED = [
    ("https://10.1.2.3:6443", "11.0.0.0/8"),
    ("https://10.1.2.3:6443", "10.1.2.3:443"),
    ("https://10.1.2.3", "fd00::/8"),
    ("https://host.example:8443", "host.example:443"),
    ("https://ahost.example", "host.example"),
    ("https://host.example", ".host.example"),
    ("https://host.example", ":443, ,[,]"),
    ("https://[fd00::7]:6443", "[fd00::7]"),
    ("https://host.example", "10.0.0.0/33"),
]


@pytest.mark.parametrize(("url", "no_proxy"), DIRECT)
def test_direct(url: str, no_proxy: str) -> None:
    assert Proxies({"HTTPS_PROXY": "proxy:3128", "NO_PROXY": no_proxy}).of(url) is None


@pytest.mark.parametrize(("url", "no_proxy"), PROXIED)
def test_proxied(url: str, no_proxy: str) -> None:
    found = Proxies({"HTTPS_PROXY": "proxy:3128", "NO_PROXY": no_proxy}).of(url)
    assert found is not None
    assert found.geturl() == "http://proxy:3128"


def test_nothing_is_set() -> None:
    assert Proxies({}).of("https://host.example") is None
    assert Proxies({"HTTPS_PROXY": ""}).of("https://host.example") is None


@pytest.mark.parametrize("text", ["socks5://me:s3cr3t-word@proxy:1080", "http://me:s3cr3t-word@:80", "http://p:99999", "ftp://p"])
def test_proxies_that_are_not_spoken_to(text: str) -> None:
    with pytest.raises(UsageError, match="only http:// and https:// proxies") as caught:
        parsed(text, what="HTTPS_PROXY")
    assert "s3cr3t-word" not in str(caught.value)
