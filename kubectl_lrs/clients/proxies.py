"""Which requests go through a proxy: the one place for every client, by the rules of Go's httpproxy, as kubectl has them.

Source: golang.org/x/net/http/httpproxy. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, each in lower case where the upper one
is not set; this machine itself is never reached through a proxy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import redact

PORTS = {"http": 80, "https": 443}
SCHEMES = ("http", "https")

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"


@dataclass(frozen=True)
class _Exception:
    """One entry of NO_PROXY. A domain begins with a dot; `itself`: the name without what is before it counts too."""

    network: Network | None = None
    domain: str = ""
    itself: bool = False
    port: str = ""

    def fits(self, host: str, port: int, address: Address | None) -> bool:
        """Whether a host is meant."""
        if self.port and self.port != str(port):
            return False
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        return host.endswith(self.domain) or (self.itself and host == self.domain[1:])


class Proxies:
    """The proxies of an environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        def value(name: str) -> str:
            return environment.get(name.upper()) or environment.get(name.lower()) or ""

        self._proxies = {scheme: value(f"{scheme}_proxy") for scheme in SCHEMES}
        self._is_cgi = bool(environment.get("REQUEST_METHOD"))
        self._exceptions: list[_Exception] = []
        self._all_direct = False
        for entry in value("no_proxy").split(","):
            self._add(entry.strip().lower())

    def _add(self, entry: str) -> None:
        if entry == "*":
            self._all_direct = True
        elif (found := _exception(entry)) is not None:
            self._exceptions.append(found)

    def of(self, url: str) -> SplitResult | None:
        """The proxy for a URL; None: go there directly. UsageError where it is named in a way that nothing can be made of."""
        parts = urlsplit(url)
        text = self._proxies.get(parts.scheme, "")
        if not text or self._is_direct(parts):
            return None
        if parts.scheme == "http" and self._is_cgi:
            raise UsageError("HTTP_PROXY is not used where REQUEST_METHOD is set: whoever sends a request could set it")
        return parsed(text, what=f"{parts.scheme.upper()}_PROXY")

    def _is_direct(self, parts: SplitResult) -> bool:
        host = (parts.hostname or "").lower()
        address = _address(host)
        if self._all_direct or host == "localhost" or (address is not None and address.is_loopback):
            return True
        port = parts.port or PORTS[parts.scheme]
        return any(each.fits(host, port, address) for each in self._exceptions)


def parsed(text: str, *, what: str) -> SplitResult:
    """A proxy's URL; without a scheme it is `http`."""
    parts = urlsplit(text)
    if not (parts.scheme and parts.netloc):
        parts = urlsplit(f"http://{text}")
    try:
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = redact.url(f"{parts.scheme}://{parts.netloc}")
        raise UsageError(f"{what}: {shown}: only http:// and https:// proxies are spoken to")
    redact.remember_url(text if "://" in text else f"http://{text}")
    return parts


def _exception(entry: str) -> _Exception | None:
    """None for one that means nothing."""
    if "/" in entry and (network := _network(entry)) is not None:
        return _Exception(network=network)
    host, port = _split_port(entry)
    if (address := _address(host)) is not None:
        return _Exception(network=ipaddress.ip_network(address), port=port)
    host = host.removeprefix("*") if host.startswith("*.") else host
    if not host:
        return None
    return _Exception(domain=host if host.startswith(".") else f".{host}", itself=not host.startswith("."), port=port)


def _split_port(entry: str) -> tuple[str, str]:
    """As Go's net.SplitHostPort; what has no port is a host as it is."""
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        return (host, rest[1:]) if bracket and rest.startswith(":") else (entry, "")
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and ":" not in host else (entry, "")


def _network(text: str) -> Network | None:
    if not text.rpartition("/")[2].isdecimal():  # Python takes a netmask too, Go does not
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    """An IPv4 address in IPv6's clothes is that IPv4 address."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found
