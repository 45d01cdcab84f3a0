"""Chat completions that are stored as interactions of a session."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from accounts.models import User
from chat.database import in_thread
from chat.models import ChatSession, Interaction
from config.asgi import drain
from tests.support.answers import make_answered, make_interaction, saved
from tests.support.site_server import SiteServer
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "Hi"}
NEW = {"X-Parley-Session": "new"}


async def post(
    client: aiohttp.ClientSession, *messages: dict[str, str], headers: dict[str, str] = NEW, **wish: Any
) -> tuple[int, dict[str, Any], Any]:
    """Status, JSON and headers."""
    body = {"messages": messages or [USER], **wish}
    async with client.post(CHAT, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None), response.headers


async def test_an_exchange_is_an_interaction_and_says_which(site: SiteServer, owner: User):
    async with site.program(owner) as client:
        status, body, headers = await post(client)
    made = await in_thread(Interaction.objects.select_related("session").get)
    assert (made.query_text, made.final_response_text, made.session.owner_id) == ("Hi", "Hello, world.", owner.pk)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello, world.")
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    assert body["id"] == f"chatcmpl-{made.pk}"
    assert body["metadata"] == {"session_id": str(made.session_id), "interaction_id": str(made.pk)}
    assert headers["X-Parley-Session"] == str(made.session_id)
    assert headers["X-Parley-Interaction"] == str(made.pk)


async def test_the_sessions_own_history_counts_whatever_the_request_repeats(
    site: SiteServer, owner: User, stub: StubTgi
):
    """Clients send all that was said each time; here it is known already."""
    before = await in_thread(make_answered, owner, "First")
    place = {"session_id": str(before.session_id)}
    earlier = [{"role": "user", "content": "Made up"}, {"role": "assistant", "content": "Made up, too"}]
    async with site.program(owner) as client:
        status, body, _ = await post(client, *earlier, USER, headers={}, metadata=place)
    assert (status, body["metadata"]["session_id"]) == (200, place["session_id"])
    said = [message["content"] for message in stub.requests[0]["messages"]]
    assert said == ["First", "answer to First", "Hi"]


async def test_a_new_session_begins_at_its_beginning(site: SiteServer, owner: User):
    earlier = [{"role": "user", "content": "Before"}, {"role": "assistant", "content": "Said"}]
    async with site.program(owner) as client:
        status, body, _ = await post(client, *earlier, USER)
    assert (status, body["error"]["param"]) == (400, "messages[2]")
    assert await in_thread(ChatSession.objects.count) == 0


async def test_a_system_message_is_the_sessions_prompt_from_then_on(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        _, first, _ = await post(client, {"role": "system", "content": "One"}, USER)
        place = {"X-Parley-Session": first["metadata"]["session_id"]}
        await post(client, USER, headers=place)
        await post(client, {"role": "developer", "content": "Two"}, USER, headers=place)
    assert [request["messages"][0] for request in stub.requests] == [
        {"role": "system", "content": prompt} for prompt in ("One", "One", "Two")
    ]
    assert (await in_thread(ChatSession.objects.get)).system_prompt == "Two"


async def test_without_one_a_new_session_has_its_owners_own(site: SiteServer, owner: User, stub: StubTgi):
    await in_thread(User.objects.update, system_prompt="Mine")
    async with site.program(owner) as client:
        await post(client)
    assert stub.requests[0]["messages"][0] == {"role": "system", "content": "Mine"}


async def test_parameters_are_those_of_this_answer(site: SiteServer, owner: User, stub: StubTgi):
    wish: dict[str, Any] = {"max_completion_tokens": 9, "temperature": 0, "top_p": 0.5, "seed": 3, "stop": "END"}
    async with site.program(owner) as client:
        await post(client, **wish)
    sent = {"max_tokens": 9, "temperature": 0, "top_p": 0.5, "seed": 3, "stop": ["END"]}
    assert stub.requests[0].items() >= sent.items()
    assert (await in_thread(Interaction.objects.get)).parameters == sent


async def test_a_stream_is_chunks_with_the_ids_in_each(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["a", "b", "END"], delay_s=0.1)
    body = {"messages": [USER], "stream": True, "stop": ["END"], "stream_options": {"include_usage": True}}
    async with site.program(owner) as client, client.post(CHAT, json=body, headers=NEW) as response:
        payloads = [line[6:] for line in (await response.text()).split("\n") if line.startswith("data: ")]
    made = await in_thread(Interaction.objects.get)
    assert payloads.pop() == "[DONE]"
    *chunks, end, usage = map(json.loads, payloads)
    assert response.headers["X-Parley-Interaction"] == str(made.pk)
    assert {chunk["metadata"]["interaction_id"] for chunk in chunks} == {str(made.pk)}
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "ab"
    assert end["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_does_not_end_the_answer(site: SiteServer, owner: User, stub: StubTgi, stream: bool):
    stub.behaviour = Behaviour(pieces=["x"] * 40, delay_s=0.01)
    async with site.program(owner) as client:
        asking = asyncio.create_task(post(client, stream=stream))
        await until(lambda: stub.sent > 2)
        asking.cancel()
        await asyncio.wait([asking])
    made = await in_thread(Interaction.objects.get)

    async def complete() -> bool:
        return (await saved(made)).final_response_text == "x" * 40

    await until(complete)


async def test_the_same_idempotency_key_asks_once(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        found = [await post(client, headers={**NEW, "Idempotency-Key": "one"}) for _ in range(3)]
        status, body, _ = await post(client, headers={**NEW, "Idempotency-Key": "k" * 201})
    assert {body["id"] for _, body, _ in found} == {found[0][1]["id"]}
    assert len(stub.requests) == 1
    assert (status, body["error"]["param"], "200" in body["error"]["message"]) == (400, "Idempotency-Key", True)


@pytest.mark.parametrize("where", ["header", "metadata"])
async def test_the_session_of_a_stranger_is_not_there(site: SiteServer, owner: User, stranger: User, where: str):
    theirs = await in_thread(make_interaction, stranger)
    found = []
    async with site.program(owner) as client:
        for session_id in (theirs.session_id, uuid4()):
            place: Any = (
                {"headers": {"X-Parley-Session": str(session_id)}}
                if where == "header"
                else {"headers": {}, "metadata": {"session_id": str(session_id)}}
            )
            system = {"role": "system", "content": "Obey me"}
            found.append(await post(client, system, USER, **place))
    assert [(status, body["error"]["code"]) for status, body, _ in found] == [(404, "session_not_found")] * 2
    assert found[0][1] == found[1][1]
    assert (await in_thread(ChatSession.objects.get)).system_prompt == ""
    assert await in_thread(Interaction.objects.count) == 1


TOOL = {"type": "function", "function": {"name": "now"}}
UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"tools": [TOOL]}, "tools"),
    ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"stop": ["x" * 201]}, "stop.0"),
    ({"max_tokens": 2_000_000}, "max_tokens"),
    ({"messages": [{"role": "assistant", "content": "Hi"}]}, "messages[0]"),
    ({"messages": [{"role": "user", "content": " "}]}, "messages[0]"),
    ({"messages": [{"role": "user", "content": "x" * 200_001}]}, "messages[0].content"),
    ({"metadata": {"session_id": "nonsense"}}, "metadata.session_id"),
    ({"metadata": {"session_id": ""}}, "metadata.session_id"),
    ({"headers": {"X-Parley-Session": ""}}, "X-Parley-Session"),
    ({"metadata": {"session_id": str(uuid4())}}, "metadata.session_id"),
]


@pytest.mark.parametrize(("wish", "param"), UNUSABLE)
async def test_what_cannot_be_stored_is_named(site: SiteServer, owner: User, wish: dict[str, Any], param: str):
    async with site.program(owner) as client:
        status, body, _ = await post(client, **{"headers": NEW, **wish})
    assert (status, body["error"]["param"], body["error"]["type"]) == (400, param, "invalid_request_error")
    assert await in_thread(Interaction.objects.count) == 0


async def test_a_plain_completion_is_stored_nowhere(site: SiteServer, owner: User, stub: StubTgi):
    async with (
        site.program(owner) as client,
        client.post("/v1/completions", json={"prompt": "x"}, headers=NEW) as response,
    ):
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (400, "X-Parley-Session")
    assert stub.requests == []


async def test_a_failed_answer_is_an_error_that_says_where_it_is_kept(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour.refuse_with = 429
    async with site.program(owner) as client:
        status, body, headers = await post(client)
        async with client.post(CHAT, json={"messages": [USER], "stream": True}, headers=NEW) as response:
            streamed = [line[6:] for line in (await response.text()).split("\n") if line.startswith("data: ")]
    assert (status, body["error"]["code"]) == (429, "overloaded")
    assert int(headers["Retry-After"]) > 0
    kept = await in_thread(Interaction.objects.get, pk=headers["X-Parley-Interaction"])
    assert kept.error_code == "overloaded"
    assert [json.loads(streamed[0])["error"]["code"], streamed[1]] == ["overloaded", "[DONE]"]


async def test_a_server_that_stops_says_where_the_answer_will_be(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["x"] * 400, delay_s=0.01)
    async with site.program(owner) as client:
        asking = asyncio.create_task(post(client))
        await until(lambda: stub.running)
        drain()
        status, body, headers = await asyncio.wait_for(asking, 3)
    assert (status, body["error"]["code"]) == (503, "interrupted")
    assert f"/api/interactions/{headers['X-Parley-Interaction']}/" in body["error"]["message"]
