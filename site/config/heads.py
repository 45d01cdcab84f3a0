"""How large the head of a request may be. Uvicorn and its parser gather it for as long as there is more of it: without
a bound one client could fill the memory with a single header."""

from __future__ import annotations

import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import body

MOST_BYTES = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's, which answers 431 and closes the connection where the head does not end in time. What it has read
    then is the bound and one read more."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._is_in_head = False
        self._head_bytes = 0

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # refused already
            return
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_BYTES:
                self._refuse()

    def _refuse(self) -> None:
        content = PROBLEM.encode()
        head = (
            "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


PROBLEM = json.dumps(body(431, "head_too_large", f"Send headers of {MOST_BYTES // 1024} KB at most, in all."))
