"""POST /api/chat/: asking, and waiting for the answer or following it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import aiohttp

from accounts.models import User
from chat.database import in_thread
from chat.models import QUERY_MAX_LENGTH, ChatSession, Interaction
from tests.support.answers import log_of, make_interaction, saved
from tests.support.site_server import SiteServer
from tests.support.sse import events
from tests.support.stub_tgi import Behaviour, StubTgi
from tests.support.waiting import until

TEXT = "naïve 🙂 line\n\u2028separator\u2028\r\nend. "


async def post(client: aiohttp.ClientSession, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    async with client.post("/api/chat/", json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_question_is_answered(site: SiteServer, owner: User):
    async with site.program(owner) as client:
        status, body = await post(client, {"message": "Hi"})
    made = await in_thread(Interaction.objects.get)
    assert status == 200
    assert body == {
        "session_id": str(made.session_id),
        "interaction_id": str(made.pk),
        "status": "complete",
        "response": "Hello, world.",
        "usage": {"prompt_tokens": 7, "generated_tokens": 4},
        "finish_reason": "stop",
        "error": None,
    }
    assert (made.query_text, made.final_response_text) == ("Hi", "Hello, world.")


async def test_a_second_question_goes_on_in_the_session(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        _, first = await post(client, {"message": "First"})
        _, second = await post(client, {"message": "Second", "session_id": first["session_id"]})
    assert second["session_id"] == first["session_id"]
    assert [message["content"] for message in stub.requests[1]["messages"]] == [
        "First",
        "Hello, world.",
        "Second",
    ]


async def test_parameters_reach_the_model(site: SiteServer, owner: User, stub: StubTgi):
    parameters = {"max_tokens": 9, "temperature": 0.0, "seed": 3, "stop": ["END"], "frequency_penalty": -1.5}
    async with site.program(owner) as client:
        await post(client, {"message": "Hi", "parameters": parameters})
    assert {name: stub.requests[0][name] for name in parameters} == parameters


async def test_a_failed_answer_says_why(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour.refuse_with = 422
    async with site.program(owner) as client:
        status, body = await post(client, {"message": "Hi"})
    assert (status, body["status"], body["error"]["code"]) == (200, "failed", "rejected")
    assert body["error"]["message"]


async def test_the_same_idempotency_key_asks_once(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        send = {"Idempotency-Key": "one"}
        first = await post(client, {"message": "Hi"}, **send)
        again = await asyncio.gather(*(post(client, {"message": "Hi"}, **send) for _ in range(5)))
        other = await post(client, {"message": "Hi"}, **{"Idempotency-Key": "two"})
    assert again == [first] * 5
    assert other[1]["interaction_id"] != first[1]["interaction_id"]
    assert len(stub.requests) == 2


async def test_two_people_may_use_the_same_idempotency_key(site: SiteServer, owner: User, stranger: User):
    async with site.program(owner) as mine, site.program(stranger) as theirs:
        _, first = await post(mine, {"message": "Hi"}, **{"Idempotency-Key": "one"})
        _, second = await post(theirs, {"message": "Hi"}, **{"Idempotency-Key": "one"})
    assert first["interaction_id"] != second["interaction_id"]


async def test_an_idempotency_key_that_is_too_long_is_refused_not_cut(site: SiteServer, owner: User):
    async with site.program(owner) as client:
        status, body = await post(client, {"message": "Hi"}, **{"Idempotency-Key": "k" * 201})
    assert (status, body["code"]) == (400, "invalid")
    assert "200" in body["errors"]["Idempotency-Key"][0]


UNUSABLE: list[tuple[Any, str, str]] = [
    ({}, "message", "required"),
    ({"message": ""}, "message", "blank"),
    ({"message": " \n\t"}, "message", "blank"),
    ({"message": None}, "message", "null"),
    ({"message": ["x"]}, "message", "string"),
    ({"message": "a\x00b"}, "message", "Null characters"),
    ({"message": "a\ud800b"}, "message", "Surrogate"),
    ({"message": "x" * (QUERY_MAX_LENGTH + 1)}, "message", "200000"),
    ({"message": "x", "session_id": "nonsense"}, "session_id", "UUID"),
    ({"message": "x", "stream": "perhaps"}, "stream", "boolean"),
    ({"message": "x", "parameters": [1]}, "parameters", "object"),
    ({"message": "x", "parameters": {"temprature": 1}}, "parameters", "temprature"),
    ({"message": "x", "parameters": {"temperature": -1}}, "parameters", "temperature"),
    ({"message": "x", "parameters": {"temperature": "hot"}}, "parameters", "temperature"),
    ({"message": "x", "parameters": {"top_p": 0}}, "parameters", "top_p"),
    ({"message": "x", "parameters": {"max_tokens": 0}}, "parameters", "max_tokens"),
    ({"message": "x", "parameters": {"seed": 2**63}}, "parameters", "seed"),
    ({"message": "x", "parameters": {"stop": ["a"] * 5}}, "parameters", "stop"),
    ({"message": "x", "parameters": {"stop": ["a\x00"]}}, "parameters", "stop"),
    ({"message": "x", "parameters": {"stop": ["\ud800"]}}, "parameters", "stop"),
    (["message"], "non_field_errors", "dictionary"),
]
NO_JSON = [b"", b"{", b"\xff", b"[" * 100_000, b'{"message": 1' + b"0" * 5000 + b"}"]


async def test_what_cannot_be_used_is_named(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        for body, field, says in UNUSABLE:
            status, found = await post(client, body)
            assert (status, found["status"], found["code"]) == (400, 400, "invalid"), body
            assert list(found["errors"]) == [field]
            assert says in str(found["errors"][field])
    assert stub.requests == []


async def test_a_body_that_is_no_json_is_a_clear_error(site: SiteServer, owner: User):
    headers = {"Content-Type": "application/json"}
    async with site.program(owner) as client:
        for raw in NO_JSON:
            async with client.post("/api/chat/", data=raw, headers=headers) as response:
                body = await response.json(content_type=None)
            assert (response.status, body["code"]) == (400, "parse_error"), raw[:20]
            assert response.headers["Content-Type"] == "application/problem+json"


async def test_another_content_type_is_refused(site: SiteServer, owner: User):
    async with site.program(owner) as client, client.post("/api/chat/", data={"message": "x"}) as response:
        assert response.status == 415
        assert "application/json" in (await response.json(content_type=None))["detail"]


async def test_the_session_of_a_stranger_is_not_there(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_interaction, stranger)
    async with site.program(owner) as client:
        for session_id in (made.session_id, uuid4()):
            status, body = await post(client, {"message": "x", "session_id": str(session_id)})
            assert (status, body["code"]) == (404, "not_found")
    assert await in_thread(Interaction.objects.count) == 1


async def test_a_session_cookie_is_not_enough(site: SiteServer, owner: User):
    """Or another site's form could ask in the owner's name: no CSRF token is looked at here."""
    async with site.browser(owner) as client:
        status, body = await post(client, {"message": "x"})
    assert (status, body["code"]) == (401, "not_authenticated")
    assert await in_thread(ChatSession.objects.count) == 0


async def test_a_client_that_leaves_does_not_end_the_answer(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=["x"] * 40, delay_s=0.01)
    async with site.program(owner) as client:
        asking = asyncio.create_task(post(client, {"message": "Hi"}))
        await until(lambda: stub.running)
        asking.cancel()
        await asyncio.wait([asking])
    made = await in_thread(Interaction.objects.get)

    async def complete() -> bool:
        return (await saved(made)).final_response_text == "x" * 40

    await until(complete)


async def test_a_server_that_stops_tells_the_waiting_where_the_answer_will_be(
    site: SiteServer, owner: User, stub: StubTgi
):
    from config.asgi import drain

    stub.behaviour = Behaviour(pieces=["x"] * 400, delay_s=0.01)
    async with site.program(owner) as client:
        asking = asyncio.create_task(post(client, {"message": "Hi"}))
        await until(lambda: stub.running)
        drain()
        status, body = await asyncio.wait_for(asking, 3)
        refused, why = await post(client, {"message": "Hi"})
    made = await in_thread(Interaction.objects.get)
    assert (status, body["code"]) == (503, "interrupted")
    assert f"/api/interactions/{made.pk}/" in body["detail"]
    assert (refused, why["code"]) == (503, "restarting")


# Streams


async def test_a_streamed_answer_is_status_deltas_and_done(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=list(TEXT), delay_s=0.005)
    body = {"message": "Hi", "stream": True}
    async with site.program(owner) as client, client.post("/api/chat/", json=body) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["X-Accel-Buffering"] == "no"
        found = [event async for event in events(response) if event.name]
    made = await in_thread(Interaction.objects.get)
    assert found[0].name == "status"
    assert found[0].json() == {
        "status": "queued",
        "interaction_id": str(made.pk),
        "session_id": str(made.session_id),
    }
    deltas = [event for event in found if event.name == "delta"]
    at = 0
    for event in deltas:
        assert event.json()["offset"] == at
        at += len(event.json()["text"])
        assert event.id == at
    assert "".join(event.json()["text"] for event in deltas) == TEXT
    assert found[-1].name == "done"
    assert found[-1].json()["final_response_text"] == TEXT
    assert found[-1].json()["status"] == "complete"
    assert found[-1].json()["id"] == str(made.pk)


async def test_a_stream_tells_of_every_change_of_status(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour.refuse_with = 429
    body = {"message": "Hi", "stream": True}
    told = []
    async with site.program(owner) as client, client.post("/api/chat/", json=body) as response:
        async for event in events(response):
            if event.name == "status":
                told.append((event.json()["status"], event.json().get("waiting_for")))
                if told[-1][1]:
                    stub.behaviour.refuse_with = None
    assert told[:2] == [("queued", None), ("queued", "overloaded")]
    assert told[-1] in {("generating", None), ("queued", "overloaded")}


async def test_a_stream_that_nobody_reads_leaves_no_log(site: SiteServer, owner: User, stub: StubTgi):
    body = {"message": "Hi", "stream": True}
    async with site.program(owner) as client, client.post("/api/chat/", json=body) as response:
        await response.content.readuntil(b"\n\n")
    made = await in_thread(Interaction.objects.get)

    async def complete() -> bool:
        return (await saved(made)).is_finished

    await until(complete)
    assert await log_of(made) == []


async def test_the_token_of_a_deactivated_user_asks_nothing(site: SiteServer, owner: User, stub: StubTgi):
    async with site.program(owner) as client:
        await in_thread(User.objects.update, is_active=False)
        status, body = await post(client, {"message": "Hi"})
    assert (status, body["code"], stub.requests) == (401, "user_not_found", [])
