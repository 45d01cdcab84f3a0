"""GET /api/interactions/<uuid>/stream/: an answer from an offset on."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import aiohttp
import pytest

from accounts.models import User
from chat.database import in_thread
from chat.models import Interaction, Status
from tests.support.answers import ask, make_interaction, make_running
from tests.support.site_server import SiteServer
from tests.support.sse import Event, events
from tests.support.stub_tgi import Behaviour, StubTgi

TEXT = "naïve 🙂 and a\u2028line separator"


def path(interaction: Interaction) -> str:
    return f"/api/interactions/{interaction.pk}/stream/"


async def read(client: aiohttp.ClientSession, interaction: Interaction, last_id: str = "") -> list[Event]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with client.get(path(interaction), headers=headers) as response:
        assert response.status == 200
        return [event async for event in events(response) if event.name]


def text_of(found: list[Event]) -> str:
    return "".join(event.json()["text"] for event in found if event.name == "delta")


async def test_a_client_that_comes_back_at_any_offset_misses_and_repeats_nothing(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text=TEXT)
    async with site.program(owner) as client:
        for offset in range(len(TEXT) + 1):
            found = await read(client, made, str(offset))
            assert text_of(found) == TEXT[offset:]
            assert [event.name for event in found][-1] == "done"


async def test_any_offset_of_a_running_answer_too(site: SiteServer, owner: User, stub: StubTgi):
    stub.behaviour = Behaviour(pieces=list(TEXT), delay_s=0.01)
    asked = await ask(owner)
    async with site.program(owner) as client:
        found = await asyncio.gather(*(read(client, asked, str(n)) for n in range(len(TEXT))))
    assert [text_of(one) for one in found] == [TEXT[n:] for n in range(len(TEXT))]


async def test_done_is_the_whole_interaction(site: SiteServer, owner: User):
    made = await in_thread(make_interaction, owner, status=Status.STOPPED, final_response_text="Hel")
    async with site.program(owner) as client:
        done = (await read(client, made))[-1].json()
        async with client.get(f"/api/interactions/{made.pk}/") as response:
            whole = await response.json()
    assert whole.pop("variants") == [
        str(made.pk)
    ]  # what stands beside it costs a look that the end of a stream has not
    assert done == whole


async def test_a_quiet_stream_is_kept_open_with_comments(
    site: SiteServer, owner: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chat.follow.HEARTBEAT_S", 0.05)
    made = await in_thread(make_running, owner, "another", text="x")
    comments = 0
    async with site.program(owner) as client, client.get(path(made)) as response:
        async for event in events(response):
            comments += event == Event("", "", None)
            if comments == 3:
                break
    assert comments == 3


async def test_a_deleted_answer_ends_the_stream_without_done(site: SiteServer, owner: User):
    made = await in_thread(make_running, owner, "another", text="x")
    async with site.program(owner) as client, client.get(path(made)) as response:
        await in_thread(Interaction.objects.all().delete)
        async with asyncio.timeout(3):
            assert "done" not in [event.name async for event in events(response)]


async def test_what_is_a_strangers_and_what_is_not_there_look_the_same(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_interaction, owner, status=Status.COMPLETE, final_response_text="secret")
    bodies = []
    async with site.program(stranger) as client:
        for interaction_id in (made.pk, uuid4()):
            async with client.get(f"/api/interactions/{interaction_id}/stream/") as response:
                assert response.status == 404
                bodies.append(await response.json(content_type=None))
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "not_found"
