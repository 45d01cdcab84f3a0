"""The sockets: bound before anything is started, so that a port in use is said at once."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any

from launcher.errors import USAGE, CannotStart

BACKLOG = 2048  # connections that wait while a web process restarts
# An entry of `socket.getaddrinfo`: family, kind, protocol, canonical name, address.
Resolved = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only translated here


def listen(host: str, port: int, variable: str = "PORT") -> socket.socket:
    """A listening TCP socket, inheritable by nobody until it is passed on. `variable` is named in errors.

    Raises:
        CannotStart: the address is in use, not permitted, or not this machine's.
    """
    family, address = _resolve(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotStart(_explain(error, host, port, variable), USAGE) from None
    return listener


def require_free(host: str, port: int, variable: str) -> None:
    """Check that a program started later can listen there.

    Raises:
        CannotStart: it could not.
    """
    listen(host, port, variable).close()


def site_url(host: str, port: int) -> str:
    """A URL that reaches the site from this machine."""
    reachable = ANY_ADDRESS.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def choose(found: Sequence[Resolved]) -> Resolved:
    """Of the addresses a name has, the IPv4 one: browsers try both, and older tools only that."""
    return min(found, key=lambda entry: entry[0] != socket.AF_INET)


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise CannotStart(f"HOST: {host} is not a name or address of this machine.", USAGE) from None
    family, _, _, _, address = choose(found)
    return family, address


def _explain(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{variable}: port {port} on {host} is already in use: stop what uses it, or set {variable}."
    if error.errno == errno.EACCES:
        return f"{variable}: you may not listen on port {port}: set {variable} to one above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST: {host} is not an address of this machine."
    return f"{variable}: cannot listen on port {port} of {host}: {error.strerror}."
