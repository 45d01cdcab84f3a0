"""Sessions as files over REST: exported, and imported from whoever may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts import tokens
from accounts.models import User
from chat.database import in_thread
from chat.models import ChatSession, Interaction
from tests.chat.transfer.samples import archive, chatgpt, file_of, openwebui, parley
from tests.support.answers import make_answered
from tests.support.site_server import SiteServer

IMPORT = "/api/import/"
JSON = {"Content-Type": "application/json"}


def others(*chats: Any) -> bytes:
    """A file of another program's."""
    return json.dumps(chats).encode()


def post(client: APIClient, content: bytes, *, content_type: str, **more: Any) -> Any:
    return client.generic("POST", IMPORT, content, content_type=content_type, **more)  # type: ignore[arg-type]  # bytes


class Got(NamedTuple):
    """A response that was read."""

    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.content)


async def fetched(client: aiohttp.ClientSession, url: str, status: int = 200) -> Got:
    async with client.get(url) as response:
        content = await response.read()
        assert response.status == status, content
        return Got(response.headers, content)


# Export --------------------------------------------------------------------------------------------------------------


async def test_a_session_is_exported_as_json_and_comes_back_as_it_was(site: SiteServer, owner: User):
    first = await in_thread(make_answered, owner, "Why?", rating=1, rating_comment="Good.")
    await in_thread(make_answered, owner, "variant", session=first.session)
    await in_thread(make_answered, owner, "elsewhere")
    async with site.program(owner) as client:
        exported = await fetched(client, f"/api/sessions/{first.session_id}/export/")
        assert exported.headers["Content-Type"] == "application/json"
        assert 'filename="A chat.json"' in exported.headers["Content-Disposition"]
        await in_thread(ChatSession.objects.all().delete)
        async with client.post(IMPORT, data=exported.content, headers=JSON) as response:
            report = await response.json()
    assert (response.status, report["sessions"], report["interactions"], report["left_out"]) == (200, 1, 2, [])
    kept = await in_thread(list, Interaction.objects.order_by("created").values_list("query_text", "rating_comment"))
    assert kept == [("Why?", "Good."), ("variant", "")]
    [session_id] = await in_thread(list, ChatSession.objects.values_list("pk", flat=True))
    assert report["session_ids"] == [str(session_id)]


async def test_markdown_has_the_path_that_is_asked_for(site: SiteServer, owner: User):
    first = await in_thread(make_answered, owner, "The first question")
    second = await in_thread(make_answered, owner, "The other question", session=first.session)
    url = f"/api/sessions/{first.session_id}/export/?format=markdown"
    async with site.program(owner) as client:
        newest = await fetched(client, url)
        other = await fetched(client, f"{url}&at={first.pk}")
    assert newest.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert 'filename="A chat.md"' in newest.headers["Content-Disposition"]
    assert second.query_text in newest.text
    assert second.query_text not in other.text
    assert first.query_text in other.text


async def test_all_sessions_are_exported_or_those_that_are_named(site: SiteServer, owner: User, stranger: User):
    mine = [await in_thread(make_answered, owner, f"mine {number}") for number in range(3)]
    theirs = await in_thread(make_answered, stranger, "theirs")

    def questions(body: dict[str, Any]) -> list[str]:
        return [one["query_text"] for session in body["sessions"] for one in session["interactions"]]

    chosen = "&".join(f"session_id={one.session_id}" for one in (*mine[:2], theirs))
    async with site.program(owner) as client:
        everything = (await fetched(client, "/api/export/")).json
        some = (await fetched(client, f"/api/export/?{chosen}")).json
        none = (await fetched(client, f"/api/export/?session_id={theirs.session_id}")).json
        text = (await fetched(client, "/api/export/?format=markdown")).text
    assert questions(everything) == ["mine 0", "mine 1", "mine 2"]
    assert questions(some) == ["mine 0", "mine 1"]
    assert none["sessions"] == []
    assert "mine 2" in text


async def test_a_strangers_export_looks_like_none(site: SiteServer, owner: User, stranger: User):
    made = await in_thread(make_answered, owner, "secret")
    async with site.program(stranger) as client:
        answers = [
            (await fetched(client, f"/api/sessions/{session_id}/export/", 404)).json
            for session_id in (made.session_id, uuid4())
        ]
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_found"


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [("format=pdf", "format", "json, markdown"), ("at=x", "at", "UUID"), ("session_id=x", "session_id", "UUID")],
)
async def test_an_export_that_there_is_not_is_named(site: SiteServer, owner: User, query: str, field: str, says: str):
    made = await in_thread(make_answered, owner, "x")
    url = "/api/export/" if field == "session_id" else f"/api/sessions/{made.session_id}/export/"
    async with site.program(owner) as client:
        body = (await fetched(client, f"{url}?{query}", 400)).json
    assert says in str(body["errors"][field])


async def test_a_token_that_may_read_exports_and_does_not_import(site: SiteServer, owner: User):
    made = await in_thread(make_answered, owner, "mine")
    _, token = await in_thread(tokens.create, owner=owner, name="reader", scopes=["read"])
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(site.url, headers=headers) as client:
        for url in ("/api/export/", f"/api/sessions/{made.session_id}/export/"):
            await fetched(client, url)
        async with client.post(IMPORT, data=file_of(parley())) as response:
            body = await response.json(content_type=None)
    assert (response.status, body["code"]) == (403, "wrong_scope")


# Import --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/octet-stream"]
)
def test_a_file_is_the_body_itself(program: APIClient, content_type: str):
    response = post(program, others(chatgpt(), openwebui()), content_type=content_type)
    assert (response.status_code, response.json()["sessions"]) == (200, 2)
    assert response.json()["skipped_messages"] > 0


def test_an_archive_is_the_body_itself(program: APIClient):
    packed = archive({"conversations.json": others(chatgpt())})
    response = post(program, packed, content_type="application/zip")
    assert (response.status_code, response.json()["sessions"]) == (200, 1)


def test_a_file_is_a_field_of_a_form(program: APIClient):
    file = SimpleUploadedFile("chats.json", file_of(parley()))
    response = program.post(IMPORT, {"file": file}, format="multipart")
    assert (response.status_code, response.json()["sessions"]) == (200, 1)


def test_what_is_left_out_is_named_with_the_reason(program: APIClient):
    file = others(chatgpt(), chatgpt(title="Broken", mapping={}))
    first = post(program, file, content_type="application/json").json()
    again = post(program, file, content_type="application/json").json()
    empty = {"reason": "there is no message in it", "count": 1, "titles": ["Broken"]}
    there = {"reason": "it is there already", "count": 1, "titles": ["Apples"]}
    assert (first["sessions"], first["left_out"]) == (1, [empty])
    assert (again["sessions"], again["session_ids"], again["left_out"]) == (0, [], [there, empty])


@pytest.mark.parametrize("accepted", ["de", "ar"])
def test_reasons_are_english_whatever_the_program_asks_for(program: APIClient, accepted: str):
    headers = {"Accept-Language": accepted}
    response = post(program, b"{", content_type="application/json", headers=headers)
    assert response.json()["detail"] == "This file is not JSON, or is damaged. Choose the file as it was exported."


@pytest.mark.parametrize("content", [b"{", b"[]", b'"text"', b"\xff\x00", b"PK\x03\x04nonsense", b"[" * 100_000])
def test_what_is_no_export_is_refused_and_nothing_is_kept(program: APIClient, content: bytes):
    for content_type in ("application/json", "application/zip", "application/octet-stream"):
        response = post(program, content, content_type=content_type)
        assert (response.status_code, response.json()["code"]) == (400, "not_an_export")
    assert ChatSession.objects.count() == 0


def test_a_form_without_a_file_and_no_body_at_all_are_told_so(program: APIClient):
    for response in (
        program.post(IMPORT, {"file": "text"}, format="multipart"),
        program.post(IMPORT, {"other": "x"}, format="multipart"),
        post(program, b"", content_type="application/json"),
    ):
        assert (response.status_code, list(response.json()["errors"])) == (400, ["file"])


def test_another_content_type_is_refused(program: APIClient):
    response = post(program, b"x", content_type="text/plain")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


# How much of it is read, and from whom -------------------------------------------------------------------------------


async def test_a_file_may_be_larger_than_any_other_body(site: SiteServer, owner: User):
    file = file_of(parley()) + b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    async with site.program(owner) as client:
        async with client.post(IMPORT, data=BytesIO(file), headers=JSON) as response:
            assert (response.status, (await response.json())["sessions"]) == (200, 1)
        form = aiohttp.FormData()
        form.add_field("file", BytesIO(file), filename="chats.json")
        async with client.post(IMPORT, data=form) as response:
            assert (response.status, (await response.json())["sessions"]) == (200, 1)


async def answer_before_the_body(site: SiteServer, length: int, token: str) -> tuple[str, dict[str, Any]]:
    """The status line and the JSON that come while nothing of the body is sent."""
    host, port = site.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {IMPORT} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode())
    try:
        async with asyncio.timeout(3):
            status = (await reader.readline()).decode()
            rest = (await reader.readuntil(b"}")).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    return status, json.loads(rest[rest.index("{") :])


async def test_of_a_stranger_nothing_is_read(site: SiteServer, owner: User):
    _, reader = await in_thread(tokens.create, owner=owner, name="reader", scopes=["read"])
    revoked = str(AccessToken.for_user(owner))
    gone = await in_thread(User.objects.create_user, "gone")
    deactivated = str(AccessToken.for_user(gone))
    await in_thread(User.objects.filter(pk=gone.pk).update, is_active=False)
    for token, status, code in (
        ("nonsense", 401, "token_not_valid"),
        ("parley_nonsense", 401, "token_not_valid"),
        (reader, 403, "wrong_scope"),
        (deactivated, 401, "authentication_failed"),
        (revoked[:-3] + "abc", 401, "token_not_valid"),
    ):
        line, body = await answer_before_the_body(site, 1_000_000, token)
        assert (line.split()[1], body["code"]) == (str(status), code)


async def test_more_than_a_file_may_have_is_not_read_from_anybody(site: SiteServer, owner: User):
    token = str(AccessToken.for_user(owner))
    line, body = await answer_before_the_body(site, settings.IMPORT_MAX_BYTES + 1_000_000, token)
    assert (line.split()[1], body["code"]) == ("413", "too_large")
    assert str(settings.IMPORT_MAX_BYTES // 1_000_000) in body["detail"]
