"""Addresses: what is printed, and what is listened on."""

from __future__ import annotations

import socket

import pytest

from launcher.errors import CannotStart
from launcher.ports import choose, listen, require_free, site_url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("chat.example", "http://chat.example:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - only translated
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_printed_address_can_be_opened_here(host: str, url: str) -> None:
    assert site_url(host, 8000) == url


def test_name_with_both_kinds_of_address_means_the_ipv4_one() -> None:
    kind = socket.SocketKind.SOCK_STREAM
    six = (socket.AddressFamily.AF_INET6, kind, 6, "", ("::1", 8000, 0, 0))
    four = (socket.AddressFamily.AF_INET, kind, 6, "", ("127.0.0.1", 8000))
    assert choose([six, four]) == choose([four, six]) == four
    assert choose([six]) == six


def test_port_just_given_back_is_free_again() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotStart, match=f"TGI_PORT: port {port}"):
            require_free("127.0.0.1", port, "TGI_PORT")
        with socket.create_connection(("127.0.0.1", port)):
            connection, _ = listener.accept()
            connection.close()
    require_free("127.0.0.1", port, "TGI_PORT")
