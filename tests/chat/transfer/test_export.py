"""Downloading chats: Markdown for people, JSON that loses nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from chat.database import in_thread
from chat.models import ChatSession, Interaction
from chat.transfer import export
from chat.transfer.markdown import file_name
from tests.support.answers import make_answered, make_chain, make_interaction, make_running
from tests.support.site_server import SiteServer

pytestmark = pytest.mark.django_db(transaction=True)


async def json_of(owner: User, **more: Any) -> Any:
    return json.loads(b"".join([piece async for piece in export.json_of(owner_id=owner.pk, **more)]))


async def markdown_of(owner: User, **more: Any) -> str:
    pieces = export.markdown_of(owner_id=owner.pk, language="en", **more)
    return b"".join([piece async for piece in pieces]).decode()


def make_tree(owner: User) -> list[Interaction]:
    """A question asked twice, and one more after the first of them."""
    session = ChatSession.objects.create(
        owner=owner, title="Bäume", system_prompt="Be short.", parameters={"temperature": 0.5}, pinned=True
    )
    first = make_answered(owner, "Trees?", session=session, rating=-1, rating_comment="No.", seed=7)
    again = make_answered(owner, "Trees?", session=session, prompt_tokens=3, model_id="a/b", finish_reason="length")
    return [first, again, make_answered(owner, "More?", after=first)]


# What is in it


async def test_json_has_the_whole_tree_with_all_that_is_known_of_it(owner: User):
    first, again, more = [str(one.pk) for one in await in_thread(make_tree, owner)]
    found = await json_of(owner)
    assert (found["format"], found["version"]) == ("parley", 1)
    [chat] = found["sessions"]
    assert (chat["title"], chat["system_prompt"], chat["pinned"]) == ("Bäume", "Be short.", True)
    assert chat["parameters"] == {"temperature": 0.5}
    interactions = chat["interactions"]
    assert [(one["id"], one["parent"]) for one in interactions] == [(first, None), (again, None), (more, first)]
    assert (interactions[0]["rating"], interactions[0]["rating_comment"], interactions[0]["seed"]) == (-1, "No.", 7)
    assert (interactions[1]["prompt_tokens"], interactions[1]["model_id"]) == (3, "a/b")
    assert interactions[2]["final_response_text"] == "answer to More?"


async def test_every_field_of_the_rows_is_in_it_but_for_what_a_run_needs(owner: User):
    await in_thread(make_tree, owner)
    [chat] = (await json_of(owner))["sessions"]
    kept = {field.attname for field in ChatSession._meta.concrete_fields} - {"owner_id", "deleted"}
    assert set(chat) - {"interactions"} == kept
    counted = {"charged_tokens"}  # towards a daily quota of this site
    running = {"session_id", "idempotency_key", "lease_owner", "lease_expires_at", "attempts", "stop_requested"}
    kept = {field.name for field in Interaction._meta.concrete_fields} - running - counted - {"session"}
    assert set(chat["interactions"][0]) == kept


async def test_a_long_chat_and_many_chats_come_whole_and_in_order(owner: User, monkeypatch: pytest.MonkeyPatch):
    """In portions, also where several rows have the same time."""
    monkeypatch.setattr(export, "PORTION", 3)
    made = await in_thread(make_chain, owner, 10)
    await in_thread(Interaction.objects.update, created=timezone.now())
    for _ in range(6):
        await in_thread(make_interaction, owner)
    sessions = (await json_of(owner))["sessions"]
    assert len(sessions) == 7
    assert [one["id"] for one in sessions[0]["interactions"]] == [str(one.pk) for one in made]
    text = await markdown_of(owner, session_ids=[made[0].session_id])
    assert [line for line in text.splitlines() if line.startswith("question")] == [f"question {n}." for n in range(10)]


async def test_an_answer_that_is_being_written_comes_as_far_as_it_is(owner: User):
    await in_thread(make_running, owner, "somebody", text="Once upon")
    [chat] = (await json_of(owner))["sessions"]
    [found] = chat["interactions"]
    assert (found["status"], found["final_response_text"]) == ("generating", "Once upon")
    assert "Once upon\n\n*This answer was still being written.*" in await markdown_of(owner)


async def test_archived_chats_are_in_it_and_deleted_ones_and_strangers_are_not(owner: User, stranger: User):
    def make() -> None:
        ChatSession.objects.create(owner=owner, title="kept", archived=True)
        ChatSession.objects.create(owner=owner, title="deleted", deleted=timezone.now())
        ChatSession.objects.create(owner=stranger, title="strange")

    await in_thread(make)
    every = await in_thread(lambda: [one.pk for one in ChatSession.objects.all()])
    for ids in (None, every):
        assert [one["title"] for one in (await json_of(owner, session_ids=ids))["sessions"]] == ["kept"]
    assert await json_of(owner, session_ids=[]) == {"format": "parley", "version": 1, "sessions": []}


async def test_markdown_has_the_path_that_is_shown_or_the_one_that_is_asked_for(owner: User):
    def make() -> list[Interaction]:
        made = make_tree(owner)
        Interaction.objects.filter(pk=made[1].pk).update(created=timezone.now() + timedelta(seconds=1))
        return made

    first, _again, _ = await in_thread(make)
    text = await markdown_of(owner)
    assert text.startswith("# Bäume\n\n")
    assert "> Be short." in text
    assert "More?" not in text
    assert "## a/b\n\nanswer to Trees?\n\n*It reached its length limit.*" in text
    through = await markdown_of(owner, session_ids=[first.session_id], at=first.pk)
    assert through.index("Trees?") < through.index("More?") < through.index("answer to More?")
    assert "length limit" not in through


# Downloading it


async def download(site: SiteServer, owner: User, path: str, **form: Any) -> tuple[str, str, str]:
    """Content type, file name, text."""
    async with site.browser(owner) as client, client.get(path) as response:
        assert response.status == 200, await response.text()
        name = response.headers["Content-Disposition"]
        return response.headers["Content-Type"], name, await response.text()


async def test_a_chat_is_a_file_named_after_it_in_any_script(site: SiteServer, owner: User):
    made = await in_thread(make_answered, owner, "Hi")
    for title, name in [("梅子: a/b", "梅子 a b"), ("A chat", "A chat"), ('"…" .', "…"), ("\u202e", "chat")]:
        await in_thread(ChatSession.objects.update, title=title)
        kind, given, text = await download(site, owner, f"/chat/{made.session_id}/export/?format=md")
        assert kind == "text/markdown; charset=utf-8"
        assert given.startswith("attachment; ")
        assert unquote(given.partition("filename")[2].lstrip("*=").removeprefix("utf-8''").strip('"')) == f"{name}.md"
        assert "answer to Hi" in text
    kind, given, text = await download(site, owner, f"/chat/{made.session_id}/export/?format=json")
    assert (kind, given.endswith('.json"')) == ("application/json", True)
    assert json.loads(text)["sessions"][0]["id"] == str(made.session_id)


@pytest.mark.parametrize("title", ["x" * 1000, "日" * 200, "\0/..\\", "...", "con\x85\u2028x", ""])
def test_a_file_name_suits_every_file_system(title: str):
    name = file_name(title, "json")
    assert 6 <= len(name.encode()) <= 160
    assert not set(name) & set('/\\\0:*?"<>|\n\u2028')
    assert not name.startswith(".")


async def test_several_chats_or_all_of_them(site: SiteServer, owner: User):
    first, second, third = [await in_thread(make_answered, owner, query) for query in ("one", "two", "three")]
    _, _, text = await download(site, owner, "/chat/export/")
    assert len(json.loads(text)["sessions"]) == 3
    _, _, text = await download(
        site, owner, f"/chat/export/?format=md&session={first.session_id}&session={third.session_id}"
    )
    assert "one" in text
    assert "three" in text
    assert "two" not in text
    assert "\n---\n" in text
    _, _, text = await download(site, owner, "/chat/export/?session=nonsense")
    assert json.loads(text)["sessions"] == []
    token = "x" * 32
    async with site.browser(owner) as client:
        form = {"session": str(second.session_id), "csrfmiddlewaretoken": token}
        async with client.post("/chat/export/", data=form, headers={"Cookie": f"csrftoken={token}"}) as response:
            found = (await response.json())["sessions"]
    assert [one["id"] for one in found] == [str(second.session_id)]


async def test_no_such_format_and_no_such_chat(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_answered, owner, "Hi")
    path = f"/chat/{made.session_id}/export/"
    async with site.browser(owner) as client:
        async with client.get(f"{path}?format=pdf") as response:
            assert (response.status, "format=md" in await response.text()) == (400, True)
        async with client.get(f"/chat/{uuid4()}/export/") as response:
            assert response.status == 404
    async with site.browser(stranger) as client, client.get(path) as response:
        assert response.status == 404


async def test_a_visitor_is_sent_to_the_log_in_page(site: SiteServer, owner: User):
    made = await in_thread(make_answered, owner, "Hi")
    async with site.browser() as client:
        for path in ("/chat/export/", f"/chat/{made.session_id}/export/"):
            async with client.get(path) as response:
                assert response.url.path == "/accounts/login/"
