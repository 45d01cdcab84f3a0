"""Whether a service answers; plain HTTP without proxies, since every import counts at start-up."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

OK = 200


def answers(url: str, *, seconds: float = 1.0, host: str | None = None) -> bool:
    """Whether `GET url` is answered with 200 within the time. `host` is the Host header, if not the URL's."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path or "/", headers={"Host": host or parts.netloc})
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
