"""How large a request may be, over a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from urllib.parse import urlencode

import aiohttp
import pytest
from django.conf import settings

from accounts.models import User
from chat.database import in_thread
from chat.models import QUERY_MAX_LENGTH, Interaction
from tests.support.browsers import HTMX
from tests.support.site_server import SiteServer

LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def too_much() -> BytesIO:
    return BytesIO(b"x" * (LIMIT + 1))


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/api/chat/", "/api/sessions/", "/api/token/", "/api/nothing/"])
async def test_the_api_says_so_in_json(site: SiteServer, owner: User, path: str):
    async with site.program(owner) as client, client.post(path, data=too_much(), headers=JSON) as response:
        body = await response.json(content_type=None)
    assert (response.status, body["code"]) == (413, "too_large")
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_page_says_so_too(site: SiteServer, owner: User):
    async with site.browser(owner) as client:
        async with client.post("/chat/", data=too_much()) as response:
            assert response.status == 413
            assert "too much at once" in await response.text()
        async with client.post("/chat/", data=too_much(), headers=HTMX) as response:
            assert (response.status, response.headers["HX-Retarget"]) == (413, "#notice")


async def test_nothing_of_the_body_is_waited_for(site: SiteServer):
    """The answer is there before a byte of the body is."""
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /chat/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: {10**12}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(3):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(("more", "status"), [("", "302"), ("HX-Request: true\r\n", "401")])
async def test_a_visitor_is_sent_to_log_in_before_a_file_is_sent(site: SiteServer, owner: User, more: str, status: str):
    host, port = site.url.removeprefix("http://").split(":")
    for cookie in ("", f"Cookie: {settings.SESSION_COOKIE_NAME}=made-up\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /chat/import/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n{cookie}{more}\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(3):
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert answer.split()[1] == status
        assert "/login/?next=/chat/import/" in answer or "hx-retarget: #notice" in answer
        writer.close()
        await writer.wait_closed()


async def test_a_file_of_who_is_logged_in_is_taken_to_the_page(site: SiteServer, owner: User):
    """Which misses the form's own token here."""
    async with site.browser(owner) as client, client.post("/chat/import/", data={"file": "none"}) as response:
        assert response.status == 403
        assert "This form has expired" in await response.text()


async def test_a_body_of_unknown_length_is_not_read(site: SiteServer, owner: User):
    async def body() -> AsyncIterator[bytes]:
        yield b"{}"

    async with (
        site.program(owner) as client,
        client.post("/api/chat/", data=body(), headers=JSON) as response,
    ):
        assert response.status == 411
        assert "Content-Length" in (await response.json(content_type=None))["detail"]


@pytest.mark.parametrize("character", ["a", "\u00e9", "日", "🙂"])
async def test_the_longest_message_fits_whatever_it_is_made_of(site: SiteServer, owner: User, character: str):
    message = character * QUERY_MAX_LENGTH
    body = BytesIO(json.dumps({"message": message}).encode())
    async with site.program(owner) as client, client.post("/api/chat/", data=body, headers=JSON) as response:
        assert response.status == 200
    async with site.browser(owner) as client:
        token = await csrf_token(client)
        form = BytesIO(urlencode({"query": message, "csrfmiddlewaretoken": token}).encode())
        async with client.post("/chat/", data=form, headers=FORM, allow_redirects=False) as response:
            assert response.status == 303
    lengths = await in_thread(lambda: [len(one.query_text) for one in Interaction.objects.all()])
    assert lengths == [QUERY_MAX_LENGTH] * 2


async def csrf_token(client: aiohttp.ClientSession) -> str:
    async with client.get("/chat/") as page:
        return (await page.text()).split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
