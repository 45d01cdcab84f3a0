"""Taking chats in: what was exported comes back as it was; and the page for it, with HTMX and without."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from django.conf import settings as site_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from chat import models, shelf
from chat.parameters import checked
from chat.transfer import export, importing
from chat.transfer.importing import import_chats
from tests.chat.transfer.samples import chatgpt, file_of, openwebui, parley
from tests.support.answers import make_running
from tests.support.browsers import HTMX, Browser, is_page
from tests.support.site_server import SiteServer

PAGE = "/chat/import/"

# The round trip

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
COUNTS = st.none() | st.integers(0, 2**31 - 1)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 1_000_000),
        "seed": st.integers(0, 2**63 - 1),
        "stop": st.lists(TEXT.filter(bool), max_size=4),
    },
).map(checked)
INTERACTIONS = st.fixed_dictionaries(
    {
        "query_text": TEXT,
        "final_response_text": TEXT,
        "status": st.sampled_from(["complete", "stopped", "failed"]),
        "finish_reason": st.sampled_from(["", "length", "eos_token"]),
        "error_code": st.sampled_from(["", "overloaded"]),
        "error_message": TEXT,
        "parameters": PARAMETERS,
        "model_id": TEXT,
        "seed": st.none() | st.integers(0, 2**63 - 1),
        "prompt_tokens": COUNTS,
        "generated_tokens": COUNTS,
        "first_token_ms": COUNTS,
        "duration_ms": COUNTS,
        "dropped_turns": st.integers(0, 9),
        "rating": st.sampled_from([None, -1, 1]),
        "rating_comment": TEXT,
        "created": TIMES,
        "finished": st.none() | TIMES,
    }
)
SESSIONS = st.fixed_dictionaries(
    {
        "title": TEXT,
        "system_prompt": TEXT,
        "parameters": PARAMETERS,
        "pinned": st.booleans(),
        "archived": st.booleans(),
        "created": TIMES,
        "updated": TIMES,
    }
)
# Each follows one of those before it, or none.
TREES = st.lists(st.tuples(INTERACTIONS, st.integers(0, 5)), max_size=6)


def exported_now(owner: User) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in export.json_of(owner_id=owner.pk)])

    return asyncio.run(read())


def without_ids(file: bytes) -> Any:
    """The file with places in the list instead of ids."""
    found = json.loads(file)
    for chat in found["sessions"]:
        del chat["id"]
        places = {one["id"]: place for place, one in enumerate(chat["interactions"])}
        for one in chat["interactions"]:
            one["id"], one["parent"] = places[one["id"]], places.get(one["parent"])
    found["sessions"].sort(key=lambda chat: json.dumps(chat, sort_keys=True))
    return found


@pytest.mark.django_db(transaction=True)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chats=st.lists(st.tuples(SESSIONS, TREES), min_size=1, max_size=3))
def test_what_is_exported_and_imported_is_exported_the_same(chats: list[Any], owner: User, stranger: User):
    models.ChatSession.objects.all().delete()
    for place, (fields, tree) in enumerate(chats):
        title = f"{place} {fields['title']}".strip()  # two of the same title and time are the same chat
        session = models.ChatSession.objects.create(owner=owner, **{**fields, "title": title})
        made: list[models.Interaction] = []
        for own, above in tree:
            parent = made[-above] if 0 < above <= len(made) else None
            made.append(models.Interaction.objects.create(session=session, parent=parent, **own))
    file = exported_now(owner)
    report = import_chats(owner_id=stranger.pk, data=file)
    assert (report.chats, report.left_out) == (len(chats), {})
    assert without_ids(exported_now(stranger)) == without_ids(file)


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_was_being_written_comes_in_as_stopped_with_its_text(owner: User, stranger: User):
    make_running(owner, "somebody", text="Once upon")
    assert import_chats(owner_id=stranger.pk, data=exported_now(owner)).messages == 1
    found = models.Interaction.objects.get(session__owner=stranger)
    assert (found.status, found.final_response_text, found.lease_owner) == ("stopped", "Once upon", "")


# What comes in

pytestmark = pytest.mark.django_db


def taken(owner: User, *sessions: Any) -> importing.Report:
    return import_chats(owner_id=owner.pk, data=file_of(*sessions))


def test_the_same_file_again_adds_nothing_unless_its_chats_were_deleted(owner: User):
    data = json.dumps([chatgpt(), chatgpt(title="Other")]).encode()
    assert import_chats(owner_id=owner.pk, data=data).chats == 2
    again = import_chats(owner_id=owner.pk, data=data)
    assert (again.chats, again.left_out) == (0, {importing.THERE_ALREADY: ["Apples", "Other"]})
    shelf.delete(owner_id=owner.pk, session_ids=models.ChatSession.objects.values_list("pk", flat=True))
    assert import_chats(owner_id=owner.pk, data=data).chats == 2
    assert taken(owner, parley(), parley()).chats == 2, "without times nobody knows"


def test_a_chat_without_a_title_is_called_after_its_first_question(owner: User):
    taken(owner, parley(title=""))
    assert models.ChatSession.objects.get().title == "Plums?"


def test_what_was_made_in_the_future_was_made_now(owner: User):
    taken(owner, parley(created="9999-12-31T23:59:59Z", updated="9999-01-01T00:00:00+01:00"))
    found = models.ChatSession.objects.get()
    assert abs(found.updated - datetime.now(UTC)) < timedelta(minutes=1)
    assert abs(found.created - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_chat_comes_in_wholly_or_not_at_all_and_in_portions(owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importing, "MOST_ROWS", 3)
    chain = [{"id": str(n), "parent": str(n - 1) if n else None, "query_text": f"{n}"} for n in range(10)]
    taken(owner, {"title": "Long", "interactions": chain})
    found = models.ChatSession.objects.get().interactions.order_by("created", "id")
    assert [one.query_text for one in found] == [str(n) for n in range(10)]
    assert [one.parent_id for one in found] == [None, *[one.pk for one in found][:-1]]
    rows = models.Interaction.objects.bulk_create
    monkeypatch.setattr(importing, "MOST_ROWS", 7)

    def fail(portion: list[models.Interaction]) -> Any:
        if len(portion) < 7:
            raise RuntimeError("the second portion")
        return rows(portion)

    monkeypatch.setattr(models.Interaction.objects, "bulk_create", fail)
    with pytest.raises(RuntimeError):
        taken(owner, {"title": "Another", "interactions": chain})
    assert models.ChatSession.objects.count() == 1


# The page


def upload(browser: Browser, data: bytes, *, htmx: bool = False) -> Any:
    file = SimpleUploadedFile("chats.json", data)
    return browser.client.post(PAGE, {"file": file}, headers=HTMX if htmx else {})


MIXED = json.dumps([chatgpt(), openwebui(title="bad\0"), 5]).encode()
TOLD = [
    "Imported: 1 chat with 3 questions.",
    "3 messages of tools and programs were left out.",
    "1 chat was left out: it contains a NUL character. “bad\0”",
    "1 chat was left out: it is damaged, or not as it should be.",
]


def test_the_page_tells_in_numbers_what_came_in_and_what_did_not(browser: Browser):
    assert "50 MB at most" in browser.get(PAGE).text
    response = upload(browser, MIXED)
    assert (response.status_code, response["Location"]) == (303, PAGE)
    page = browser.get(PAGE).text
    assert all(f"<p>{sentence}</p>" in page for sentence in TOLD), page
    assert "Apples</a>" in page
    assert "Imported" not in browser.get(PAGE).text


def test_htmx_gets_the_form_anew_with_the_list_and_what_came_of_it(browser: Browser):
    response = upload(browser, MIXED, htmx=True)
    assert (response.status_code, is_page(response)) == (200, False)
    assert all(f"<p>{sentence}</p>" in response.text for sentence in TOLD)
    assert 'hx-swap-oob="innerHTML:#messages"' in response.text
    assert "Apples</a>" in response.text


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "This file is empty."),
        (b"hello", "This file is not JSON"),
        (b"[]", "There are no chats in this file"),
        (file_of(version=9), "This file was written by a newer Parley."),
        (b"PK\x03\x04", "This archive is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_beside_the_field(browser: Browser, htmx: bool, data: bytes, sentence: str):
    response = upload(browser, data, htmx=htmx)
    assert (response.status_code, is_page(response)) == (422, not htmx)
    assert response.headers.get("HX-Retarget") == ("#import" if htmx else None)
    assert f'role="alert"><p>{sentence}' in response.text
    assert 'aria-invalid="true"' in response.text


def test_no_file_at_all(browser: Browser):
    assert "Choose a file first." in browser.post(PAGE).text


def test_imported_chats_are_the_importers_alone(browser: Browser, strange_browser: Browser):
    upload(browser, file_of(parley()))
    session = models.ChatSession.objects.get()
    assert "Plums?" in browser.get(session.get_absolute_url()).text
    assert strange_browser.get(session.get_absolute_url()).status_code == 404


async def post_file(site: SiteServer, owner: User | None, size: int, path: str = PAGE) -> tuple[int, str]:
    form = aiohttp.FormData({"csrfmiddlewaretoken": "x" * 32})
    form.add_field("file", BytesIO(b" " * size), filename="chats.json")
    async with (
        site.browser(owner) as client,
        client.post(path, data=form, headers={"Cookie": f"csrftoken={'x' * 32}"}) as response,
    ):
        return response.status, await response.text()


@pytest.mark.django_db(transaction=True)
async def test_this_route_alone_takes_large_files(site: SiteServer, owner: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(site_settings, "IMPORT_MAX_BYTES", 5_000_000)
    status, page = await post_file(site, owner, 4_900_000)
    assert (status, "This file is not JSON" in page) == (422, True)
    status, page = await post_file(site, owner, 5_100_000)
    assert (status, "It may have 5 MB at most." in page) == (413, True)
    for path in ("/chat/", "/chat/all/", "/chat/import", "/chat/export/"):
        assert (await post_file(site, owner, 3_100_000, path))[0] == 413


def test_ids_are_new(owner: User):
    key = "019a0000-0000-7000-8000-00000000a5ed"
    taken(owner, parley(id=key, interactions=[{"id": key, "query_text": "x"}]))
    assert UUID(key) not in {models.ChatSession.objects.get().pk, models.Interaction.objects.get().pk}
