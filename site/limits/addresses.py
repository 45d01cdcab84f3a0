"""Where a request comes from, also behind proxies. Pure.

`X-Forwarded-For` is believed as far as trusted proxies wrote it: each of them adds on the right the address that it
saw, so the rightmost address that is no trusted proxy's is the client's, and whatever stands left of it was claimed by
somebody else. Where all of them are trusted, the leftmost is the client's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# A provider gives each customer at least as much: one machine may take any address in it.
V6_PREFIX = 64
# Longer chains than this are nobody's.
MOST_HOPS = 20
UNKNOWN = "unknown"


@lru_cache(maxsize=10_000)
def client_address(peer: str | None, forwarded_for: str, trusted: tuple[str, ...]) -> str:
    """Who asks, as a key for counting: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        peer: the other end of the connection; None where that is a Unix socket, which only this machine can reach.
        forwarded_for: the values of X-Forwarded-For, with commas between.
        trusted: networks of proxies that are believed.
    """
    seen = _parsed(peer) if peer else None
    if peer and (seen is None or not _is_in(seen, trusted)):
        return _key(seen)
    for text in reversed(forwarded_for.split(",")[-MOST_HOPS:]):
        claimed = _parsed(text)
        if claimed is None:
            break
        seen = claimed
        if not _is_in(seen, trusted):
            break
    return _key(seen)


def _parsed(text: str) -> Address | None:
    """An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: Iterable[str]) -> bool:
    return any(address in network for network in _networks(tuple(networks)))


@lru_cache(maxsize=10)
def _networks(names: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(name) for name in names]


def _key(address: Address | None) -> str:
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return str(ip_network((address, V6_PREFIX), strict=False))
    return str(address)
