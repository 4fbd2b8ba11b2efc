"""How near an address is, and whether a server may lead us there: never from outside into this machine or its network.

A redirect, a token server, the place of an upload: each is a URL that somebody else chose. A host that the user named may
be anywhere. What a name stands for counts, not only what is written as an address.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from enum import IntEnum
from functools import lru_cache
from urllib.parse import urlsplit

from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime import redact


class Zone(IntEnum):
    """How near an address is. A server may lead to its own zone and outwards, never further in."""

    PUBLIC = 0
    PRIVATE = 1
    MACHINE = 2
    LINK = 3
    """Link-local: where clouds keep credentials of the machine. Nobody is led there."""


_ZONES: tuple[tuple[Zone, tuple[str, ...]], ...] = (
    (Zone.LINK, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")),
    (Zone.MACHINE, ("127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128")),
    (Zone.PRIVATE, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15")),
    (Zone.PRIVATE, ("fc00::/7", "fec0::/10", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8")),
)
_TABLE = [(zone, ipaddress.ip_network(text)) for zone, texts in _ZONES for text in texts]

_CARRIERS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
"""IPv6 networks whose last 32 bits are an IPv4 address."""


def zone_of(text: str) -> Zone:
    """The zone of a literal address; ValueError where it is none."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and (inner := _carried(address)):
        return zone_of(inner)
    return next((zone for zone, network in _TABLE if network.version == address.version and address in network), Zone.PUBLIC)


def _carried(address: ipaddress.IPv6Address) -> str:
    """The IPv4 address in an IPv6 address; empty where there is none."""
    if address.ipv4_mapped or address.sixtofour:
        return str(address.ipv4_mapped or address.sixtofour)
    if int(address) > 1 and any(address in network for network in _CARRIERS):
        return str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return ""


def zones_of(host: str) -> frozenset[Zone]:
    """The zones of all addresses of a host; none where its name is not known."""
    try:
        return frozenset((zone_of(host),))
    except ValueError:
        return _looked_up(host)


@lru_cache(maxsize=1024)
def _looked_up(host: str) -> frozenset[Zone]:
    # inet_aton's forms (127.1, 0x7f000001, 2130706433) are addresses to the resolver, so that they are found here too.
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(zone_of(str(each[4][0])) for each in found)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host of a URL, in lower case and without brackets."""
    return (urlsplit(url).hostname or "").lower()


def inmost(first: str) -> Zone:
    """How far in a server with this URL may lead: where a name stands for several addresses, the outmost one counts."""
    return min(zones_of(host_of(first)), default=Zone.PUBLIC)


def require_led(first: str, url: str, named: Collection[str] = (), *, hint: str = "") -> None:
    """UnreachableError where a server that was asked by the URL `first` leads to `url`, and must not."""
    host = host_of(url)
    if host in (host_of(first), *named):
        return
    limit = inmost(first)
    found = max(zones_of(host), default=Zone.PUBLIC)
    if found is Zone.LINK or found > limit:
        raise led_inside(first, url, hint)


def led_inside(first: str, url: str, hint: str = "") -> UnreachableError:
    """The error for a server that leads into a network which it must not lead to."""
    return UnreachableError(
        f"{redact.origin(first)}: it leads to {redact.origin(url)}, which is inside of this machine or its network",
        hint=hint or "a server outside may not choose what is asked inside",
    )
