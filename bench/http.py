"""The load generator's HTTP: requests over connections that are kept, as browsers and clients keep them, where another
follows. As lean as it can be, since it shares two cores with what it measures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


class Failed(Exception):
    """A response that is not the one expected; the text says which."""


@dataclass(slots=True)
class Response:
    """Status, headers (lower-case names) and the means to read the body."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    buffer: bytearray = field(default_factory=bytearray)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives; chunked encoding undone."""
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readline(), 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
        else:
            length = int(self.headers.get("content-length", "0"))
            if length:
                yield await self.reader.readexactly(length)

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    def close(self) -> None:
        self.writer.close()


async def request(
    port: int,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    after: Response | None = None,
) -> Response:
    """Send a request to a port of this machine, over the connection of a response that was read to its end, or over a
    new one. The response's head is read. Close the response."""
    if after is None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    else:
        reader, writer = after.reader, after.writer
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
    return Response(int(head[0].split(" ")[1]), {k.lower(): v for k, v in fields.items()}, reader, writer)
