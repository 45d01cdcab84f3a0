"""What `/v1` says to a body that it cannot read, before it asks any model."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest

from accounts.models import User
from tests.support.site_server import SiteServer
from tests.support.stub_tgi import StubTgi

PATHS = ["/v1/chat/completions", "/v1/completions"]
JSON = {"Content-Type": "application/json"}


async def post(client: aiohttp.ClientSession, path: str, raw: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    async with client.post(path, data=io.BytesIO(raw), headers=headers) as response:
        assert response.headers["Content-Type"] == "application/json"
        return response.status, (await response.json())["error"]


@pytest.mark.parametrize("path", PATHS)
async def test_each_is_an_error_of_its_own(site: SiteServer, owner: User, stub: StubTgi, path: str):
    nul = b'{"messages": [{"role": "user", "content": "\\u0000"}], "prompt": "\\u0000"}'
    table: list[tuple[bytes, dict[str, str], int, str]] = [
        (b"", JSON, 400, "parse_error"),
        (b"{", JSON, 400, "parse_error"),
        (b"[" * 100_000, JSON, 400, "parse_error"),
        (b"[]", JSON, 400, "invalid_type"),
        (b"null", JSON, 400, "invalid_type"),
        (b"{}", JSON, 400, "missing_required_parameter"),
        (nul, JSON, 400, "invalid_value"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b" " * 3_000_001, JSON, 413, "too_large"),
    ]
    async with site.program(owner) as client:
        for raw, headers, status, code in table:
            found, error = await post(client, path, raw, headers)
            assert (found, error["code"], error["type"]) == (status, code, "invalid_request_error"), raw[:20]
            assert error["message"]
    assert stub.requests == []


async def test_a_body_that_does_not_say_its_length_is_refused(site: SiteServer, owner: User):
    async def pieces() -> Any:
        yield b"{}"

    async with site.program(owner) as client, client.post(PATHS[0], data=pieces(), headers=JSON) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (411, "length_required")
