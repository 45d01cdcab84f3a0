"""/healthz and /readyz"""

from __future__ import annotations

import pytest
from django.test import Client

from tests.support.site_server import SiteServer, site_server


async def test_with_database_and_model_it_is_ready(site: SiteServer):
    async with site.browser() as client:
        async with client.get("/healthz") as response:
            assert (response.status, await response.text()) == (200, "ok")
        async with client.get("/readyz") as response:
            assert (response.status, await response.json()) == (200, {"database": "ok", "model": "ok"})
            assert "no-store" in response.headers["Cache-Control"]


async def test_a_model_that_is_away_is_named(transactional_db: None, unused_tcp_port: int):
    async with site_server(f"http://127.0.0.1:{unused_tcp_port}") as site, site.browser() as client:
        async with client.get("/readyz") as response:
            assert (response.status, await response.json()) == (503, {"database": "ok", "model": "away"})
        async with client.get("/healthz") as response:
            assert response.status == 200


@pytest.mark.django_db(transaction=True)
def test_where_no_process_answers_the_model_counts_as_away(client: Client):
    assert client.get("/readyz").json() == {"database": "ok", "model": "away"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_they_can_only_be_read(client: Client, path: str, method: str):
    assert client.generic(method, path).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_head_request_is_answered_too(client: Client):
    assert client.head("/healthz").status_code == 200
    assert client.head("/readyz").status_code == 503
