"""Where a request comes from: what is believed of X-Forwarded-For, and what is not."""

from __future__ import annotations

import pytest

from limits.addresses import client_address

LOOPBACK = ("127.0.0.0/8", "::1/128")
PROXIES = ("127.0.0.0/8", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        # Nobody in between: whatever the client says of itself counts for nothing.
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        # One proxy, which added what it saw; what was there before is the client's own word.
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1, 203.0.113.7", "203.0.113.7"),
        # Nothing to be believed.
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7, nonsense", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7,", "127.0.0.1"),
        # With a port, in brackets, as version 4 inside of version 6.
        ("127.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("127.0.0.1", "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        ("::ffff:127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("::1", "203.0.113.7", "203.0.113.7"),
        # Of version 6 the network that one customer has.
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "", "2001:db8:1:3::/64"),
        # A Unix socket: only this machine reaches it.
        (None, "203.0.113.7", "203.0.113.7"),
        (None, "", "unknown"),
    ],
)
def test_the_rightmost_address_that_no_trusted_proxy_has_is_the_clients(
    peer: str | None, forwarded_for: str, expected: str
):
    assert client_address(peer, forwarded_for, LOOPBACK) == expected


def test_several_trusted_proxies_are_seen_through():
    assert client_address("10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.9", PROXIES) == "203.0.113.7"
    assert client_address("10.0.0.1", "10.0.0.7, 10.0.0.9", PROXIES) == "10.0.0.7", "a client inside, seen by the first"


def test_a_chain_without_an_end_is_not_followed():
    chain = ", ".join(["203.0.113.7"] + ["10.0.0.9"] * 1000)
    assert client_address("10.0.0.1", chain, PROXIES) == "10.0.0.9"
