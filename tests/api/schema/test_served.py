"""The API's description, and the pages that show it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import yaml
from django.test import AsyncClient

from api.schema import views


@pytest.fixture
def anybody() -> AsyncClient:
    return AsyncClient()


async def test_the_schema_is_read_without_a_token_as_json_and_as_yaml(anybody: AsyncClient):
    as_json = await anybody.get("/api/schema/")
    as_yaml = await anybody.get("/api/schema/?format=yaml")
    assert as_json["Content-Type"] == "application/json"
    assert as_yaml["Content-Type"] == "application/yaml"
    described: dict[str, Any] = json.loads(as_json.content)
    assert described["openapi"].startswith("3.1")
    assert yaml.safe_load(as_yaml.content) == described


async def test_a_schema_that_is_known_is_not_sent_again(anybody: AsyncClient):
    first = await anybody.get("/api/schema/")
    again = await anybody.get("/api/schema/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_all_who_ask_first_at_once_are_answered():
    views._document.cache_clear()
    made = await asyncio.gather(*(asyncio.to_thread(views.document, number % 2 == 0) for number in range(8)))
    assert len(set(made)) == 2


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
async def test_the_pages_are_for_everybody(path: str, anybody: AsyncClient):
    page = await anybody.get(path)
    assert page.status_code == 200
    assert 'data-schema="/api/schema/"' in page.content.decode()
