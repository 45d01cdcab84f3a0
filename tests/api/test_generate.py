"""POST /api/generate/: TGI's own generation of a prompt."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
import requests
from django.conf import settings

from accounts.models import User
from tests.support.site_server import SiteServer, site_server
from tests.support.stack import Stack
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

URL = "/api/generate/"


async def post(client: aiohttp.ClientSession, body: Any) -> tuple[int, dict[str, Any], Any]:
    """Status, JSON and headers."""
    async with client.post(URL, json=body) as response:
        return response.status, await response.json(content_type=None), response.headers


def test_it_is_what_the_model_server_itself_says(stack: Stack):
    person = {"username": "generator", "password": "correct horse battery"}
    requests.post(f"{stack.url}/api/register/", json=person, timeout=30).raise_for_status()
    key = requests.post(f"{stack.url}/api/token/", json=person, timeout=30).json()["access"]
    parameters = {
        "max_new_tokens": 5,
        "temperature": 0.8,
        "top_k": 20,
        "top_p": 0.9,
        "seed": 3,
        "repetition_penalty": 1.1,
        "stop": ["\n"],
        "details": True,
        "decoder_input_details": True,
        "top_n_tokens": 2,
        "return_full_text": True,
    }
    body = {"inputs": "One, two, three,", "parameters": parameters}
    headers = {"Authorization": f"Bearer {key}"}
    ours = requests.post(f"{stack.url}{URL}", json=body, headers=headers, timeout=60)
    theirs = requests.post(f"{stack.tgi_url}/generate", json=body, timeout=60)
    assert ours.status_code == 200
    assert ours.json()["generated_text"] == theirs.json()["generated_text"]
    assert ours.json()["details"]["tokens"] == theirs.json()["details"]["tokens"]
    assert ours.json()["details"]["prefill"] == theirs.json()["details"]["prefill"]
    too_long = {"inputs": "x", "parameters": {"max_new_tokens": 1_000_000}}
    refused = requests.post(f"{stack.url}{URL}", json=too_long, headers=headers, timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (400, "rejected")
    assert "max_new_tokens" in refused.json()["detail"]


@pytest.mark.parametrize("parameters", [None, {}, {"seed": 2**64 - 1, "grammar": {"type": "regex", "value": "a+"}}])
async def test_what_is_given_is_sent_and_nothing_else(
    site: SiteServer, owner: User, stub: StubTgi, parameters: dict[str, Any] | None
):
    """Without `parameters` TGI samples; with empty ones it does not."""
    body = {"inputs": "Once"} if parameters is None else {"inputs": "Once", "parameters": parameters}
    async with site.program(owner) as client:
        status, found, _ = await post(client, body)
    assert (status, found) == (200, {"generated_text": "Hello, world."})
    assert stub.requests == [body]


UNUSABLE: list[tuple[Any, str]] = [
    ({}, "inputs"),
    ({"inputs": ""}, "inputs"),
    ({"inputs": 1}, "inputs"),
    ({"inputs": "a\x00b"}, "inputs"),
    ({"inputs": "x", "parameters": []}, "parameters"),
    ({"inputs": "x", "stream": True}, "stream"),
    ([], "non_field_errors"),
    *(
        ({"inputs": "x", "parameters": {name: value}}, f"parameters.{name}")
        for name, value in (
            ("temperature", 0),
            ("top_p", 1.0),
            ("top_p", 0),
            ("typical_p", 1),
            ("top_k", 0),
            ("repetition_penalty", 0),
            ("frequency_penalty", 3),
            ("max_new_tokens", 0),
            ("truncate", 0),
            ("stop", ["a"] * 5),
            ("seed", -1),
            ("seed", 2**64),
            ("top_n_tokens", 6),
            ("best_of", 0),
            ("temprature", 1),
            ("adapter_id", "a\x00b"),
        )
    ),
]


async def test_what_tgi_would_refuse_is_named(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        for body, field in UNUSABLE:
            status, found, _ = await post(client, body)
            assert (status, found["code"], list(found["errors"])) == (400, "invalid", [field]), body
    assert stub.requests == []


async def test_another_content_type_and_what_is_no_json_are_refused(site: SiteServer, owner: User):
    async with site.program(owner) as client:
        for raw, kind, status, code in (
            (b"{", "application/json", 400, "parse_error"),
            (b"{}", "text/plain", 415, "unsupported_media_type"),
        ):
            async with client.post(URL, data=raw, headers={"Content-Type": kind}) as response:
                assert response.headers["Content-Type"] == "application/problem+json"
                assert (response.status, (await response.json(content_type=None))["code"]) == (status, code)


@pytest.mark.parametrize(("status", "code"), [(429, "overloaded"), (400, "rejected")])
async def test_what_the_model_server_cannot_do_is_a_problem(
    site: SiteServer, owner: User, stub: StubTgi, status: int, code: str
):
    stub.behaviour.refuse_with = 422 if status == 400 else status
    async with site.program(owner) as client:
        found, body, headers = await post(client, {"inputs": "x"})
    assert (found, body["code"], body["status"]) == (status, code, status)
    assert ("Retry-After" in headers) == (status == 429)
    assert (len(stub.requests) > 1) == (status == 429)


async def test_one_that_is_away_is_a_503(transactional_db: None, owner: User):
    async with site_server("http://127.0.0.1:1") as site, site.program(owner) as client:
        status, body, headers = await post(client, {"inputs": "x"})
    assert (status, body["code"]) == (503, "unreachable")
    assert int(headers["Retry-After"]) > 0


async def test_a_client_that_leaves_ends_the_generation(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(first_delay_s=60)
    async with site.program(owner) as client:
        asking = asyncio.create_task(post(client, {"inputs": "x"}))
        await until(lambda: stub.running)
        asking.cancel()
        await until(lambda: stub.cancelled == 1)


async def test_as_many_as_one_may_have_run_at_once(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(first_delay_s=60)
    allowed = settings.ENV.answers_per_user
    async with site.program(owner) as client:
        asking = [asyncio.create_task(post(client, {"inputs": "x"})) for _ in range(allowed)]
        await until(lambda: stub.running == allowed)
        status, body, headers = await post(client, {"inputs": "x"})
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
    assert (status, body["code"]) == (429, "too_many_running")
    assert int(headers["Retry-After"]) > 0


async def test_what_it_came_to_is_reported(
    site: SiteServer, owner: User, monkeypatch: pytest.MonkeyPatch, stub: StubTgi
):
    told: list[dict[str, int]] = []
    monkeypatch.setattr("api.views.generate.finished", lambda **counts: told.append(counts))
    async with site.program(owner) as client:
        await post(client, {"inputs": "x"})
    assert told == [{"owner_id": owner.pk, "prompt_tokens": 7, "generated_tokens": 4}]
