"""How large a request may be, head and body, whatever it is and whoever sends it."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO

import aiohttp
import pytest
from django.conf import settings

from config.heads import MOST_BYTES
from tests.support.site_server import SiteServer

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
PIECES = 5000


async def sent(site: SiteServer, *, start: bytes, piece: bytes) -> tuple[bytes, int]:
    """What comes back of a request that goes on and on, and how many of its pieces were sent until then."""
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    reading = asyncio.create_task(reader.readuntil(b"}"))
    writer.write(start)
    count = 0
    while count < PIECES and not reading.done():
        writer.write(piece)
        await asyncio.sleep(0)
        count += 1
    async with asyncio.timeout(5):
        answer = await reading
    writer.transport.abort()
    return answer, count


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-One: ", b"x" * 4096),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X-Many: " + b"y" * 4000 + b"\r\n"),
        (b"GET /", b"z" * 4096),
    ],
    ids=["one header without an end", "headers without an end", "an address without an end"],
)
async def test_a_head_without_an_end_is_refused(site: SiteServer, start: bytes, piece: bytes):
    answer, count = await sent(site, start=start, piece=piece)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "head_too_large"
    assert count < PIECES, "it was said before all was sent"


async def test_a_long_head_that_fits_is_read_and_the_next_request_has_as_much(site: SiteServer):
    headers = {f"X-{number}": "x" * 7000 for number in range(6)}
    assert sum(map(len, headers.values())) * 2 > MOST_BYTES
    async with aiohttp.ClientSession(site.url) as client:
        for _ in range(3):
            async with client.get("/healthz", headers=headers) as answer:
                assert answer.status == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/api/generate/", "/api/account/"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b", "text/plain"])
async def test_a_body_that_is_too_large_is_refused_whatever_it_is(site: SiteServer, path: str, kind: str):
    async with (
        aiohttp.ClientSession(site.url, headers={"Content-Type": kind}) as client,
        client.post(path, data=BytesIO(b"x" * (LIMIT + 1))) as answer,
    ):
        content = await answer.json(content_type=None)
    assert answer.status == 413
    assert "3 MB" in (content["error"]["message"] if path.startswith("/v1/") else content["detail"])
