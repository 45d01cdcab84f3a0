"""/interactions/<uuid>/edit/ and …/regenerate/: another question, or the same again, beside one that stays."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from chat import conversation
from chat.admission import TooManyRunning
from chat.database import in_thread
from chat.models import QUERY_MAX_LENGTH, Interaction, Status
from chat.process import ChatProcess
from tests.support.answers import finished, make_answered, make_interaction
from tests.support.browsers import Browser, is_page
from tests.support.stub_tgi import StubTgi

SCRIPT = "<script>alert(1)</script>"
KEY = re.compile(r'name="idempotency_key" value="([^"]+)"')


def url_of(interaction: Interaction, action: str = "edit") -> str:
    return f"/interactions/{interaction.pk}/{action}/"


def textarea_in(response: Any) -> str:
    """What stands in the field of the form for editing."""
    found: str = response.text.split('id="edit-')[1].split(">", 1)[1].split("</textarea>")[0]
    return found.removeprefix("\n")  # which HTML leaves out, too


@pytest.fixture
def path(owner: User) -> list[Interaction]:
    """Three answered turns."""
    first = make_answered(owner, "First?")
    second = make_answered(owner, "Second?", after=first)
    return [first, second, make_answered(owner, "Third?", after=second)]


both_ways = pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])


@both_ways
def test_the_form_has_the_old_text(browser: Browser, owner: User, htmx: bool):
    made = make_answered(owner, f"\n  Two\nlines {SCRIPT}")
    response = browser.get(url_of(made), htmx=htmx)
    assert (response.status_code, is_page(response)) == (200, not htmx)
    assert textarea_in(response) == "\n  Two\nlines &lt;script&gt;alert(1)&lt;/script&gt;"
    assert SCRIPT not in response.text
    if not htmx:
        assert made.get_absolute_url() in response.text, "the way back"
    assert Interaction.objects.count() == 1


@both_ways
def test_an_edited_question_stands_beside_the_old_one(browser: Browser, path: list[Interaction], htmx: bool):
    first, second, third = path
    response = browser.post(url_of(second), {"query": "Another?"}, htmx=htmx)
    edited = Interaction.objects.get(query_text="Another?")
    assert (edited.parent, edited.status) == (first, "queued")
    if htmx:
        assert response.status_code == 200
        assert not is_page(response)
        assert f'id="turn-{edited.pk}"' in response.text
        assert f"delete:#turn-{second.pk}, #turn-{second.pk} ~ *" in response.text, "what followed goes from the page"
        assert f'name="after" value="{edited.pk}"' in response.text
        assert response["HX-Replace-Url"] == first.session.get_absolute_url()
    else:
        assert (response.status_code, response["Location"]) == (303, edited.get_live_url())
    page = browser.get(first.session.get_absolute_url()).text
    assert "Another?" in page
    assert "Third?" not in page
    assert "2/2" in page
    assert "Third?" in browser.get(f"{first.session.get_absolute_url()}?at={second.pk}").text
    third.refresh_from_db()
    assert (third.parent, second.query_text) == (second, "Second?")


@both_ways
def test_the_first_question_can_be_edited(browser: Browser, path: list[Interaction], htmx: bool):
    browser.post(url_of(path[0]), {"query": "A new beginning?"}, htmx=htmx)
    edited = Interaction.objects.get(query_text="A new beginning?")
    assert (edited.parent, edited.session) == (None, path[0].session)
    page = browser.get(edited.session.get_absolute_url()).text
    assert "2/2" in page
    assert "Second?" not in page


@both_ways
def test_the_same_question_is_asked_again(browser: Browser, path: list[Interaction], htmx: bool):
    browser.post(url_of(path[1]), {"query": "Second?"}, htmx=htmx)
    assert Interaction.objects.filter(parent=path[0], query_text="Second?").count() == 2


@both_ways
def test_the_same_form_sent_twice_asks_once(browser: Browser, path: list[Interaction], htmx: bool):
    [key] = KEY.findall(browser.get(url_of(path[1]), htmx=htmx).text.split("edit-question")[1])
    sent = [
        browser.post(url_of(path[1]), {"query": "Once?", "idempotency_key": key}, htmx=htmx).status_code
        for _ in range(2)
    ]
    assert sent == ([200, 200] if htmx else [303, 303])
    assert Interaction.objects.filter(query_text="Once?").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_many_times_at_once_asks_once(browser: Browser, path: list[Interaction]):
    def send(_: int) -> tuple[int, str]:
        try:
            response = browser.post(url_of(path[1]), {"query": "Once?", "idempotency_key": "the form's own"})
            return response.status_code, response["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        answers = set(threads.map(send, range(12)))
    made = Interaction.objects.get(query_text="Once?")
    assert answers == {(303, made.get_live_url())}


@both_ways
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Write a message first."),
        (" \n", "Write a message first."),
        ("x" * (QUERY_MAX_LENGTH + 1), "200001 characters, of which 200000 fit"),
        (f"nul \x00 {SCRIPT}", "NUL character"),
    ],
    ids=["empty", "blank", "too long", "nul"],
)
def test_what_cannot_be_asked_is_told_and_what_was_typed_is_kept(
    browser: Browser, path: list[Interaction], query: str, says: str, htmx: bool
):
    response = browser.post(url_of(path[1]), {"query": query}, htmx=htmx)
    assert (response.status_code, is_page(response)) == (422, not htmx)
    assert says in response.text
    assert textarea_in(response) == query.replace("<", "&lt;").replace(">", "&gt;")
    if htmx:
        assert response["HX-Retarget"] == f"#turn-{path[1].pk} .edit-question"
    assert Interaction.objects.count() == 3


@both_ways
def test_with_as_many_answers_running_as_may_nothing_typed_is_lost(
    browser: Browser, owner: User, path: list[Interaction], monkeypatch: pytest.MonkeyPatch, htmx: bool
):
    monkeypatch.setattr("chat.admission.limit", lambda: 1)
    make_interaction(owner, status=Status.GENERATING)
    response = browser.post(url_of(path[1]), {"query": "Not yet?"}, htmx=htmx)
    assert (response.status_code, response["Retry-After"]) == (429, "5")
    assert textarea_in(response) == "Not yet?"
    with pytest.raises(TooManyRunning):
        conversation.edit(interaction=path[1], query="Not yet?")


async def test_an_edited_question_is_answered_from_the_turns_before_it_alone(
    process: ChatProcess, owner: User, stub: StubTgi
):
    first = await in_thread(make_answered, owner, "First?")
    second = await in_thread(lambda: make_answered(owner, "Second?", after=first))
    edited = await in_thread(lambda: conversation.edit(interaction=second, query="Another?"))
    assert (await finished(process, edited)).status == Status.COMPLETE
    assert [one["content"] for one in stub.requests[-1]["messages"]] == ["First?", "answer to First?", "Another?"]


@both_ways
def test_any_answer_of_the_path_can_be_asked_again(browser: Browser, path: list[Interaction], htmx: bool):
    page = browser.get(path[0].session.get_absolute_url()).text
    for one in path:
        assert url_of(one, "regenerate") in page
    response = browser.post(url_of(path[0], "regenerate"), htmx=htmx)
    again = Interaction.objects.exclude(pk__in=[one.pk for one in path]).get()
    assert (again.parent, again.query_text) == (None, "First?")
    if htmx:
        assert f"delete:#turn-{path[0].pk}, #turn-{path[0].pk} ~ *" in response.text
        assert "2/2" in response.text
    shown = browser.get(path[0].session.get_absolute_url()).text
    assert f'id="turn-{again.pk}"' in shown
    assert "Third?" not in shown


@both_ways
def test_the_same_button_pressed_twice_asks_again_once(browser: Browser, path: list[Interaction], htmx: bool):
    page = browser.get(path[0].session.get_absolute_url()).text
    [key] = KEY.findall(page.partition(f'action="{url_of(path[1], "regenerate")}"')[2].partition("</form>")[0])
    for _ in range(2):
        response = browser.post(url_of(path[1], "regenerate"), {"idempotency_key": key}, htmx=htmx)
        assert response.status_code == (200 if htmx else 303)
    assert Interaction.objects.filter(parent=path[0]).count() == 2
    browser.post(url_of(path[1], "regenerate"), {"idempotency_key": "nul \x00"}, htmx=htmx)
    assert Interaction.objects.filter(parent=path[0]).count() == 3, "what is no key is none"


def test_what_is_still_being_answered_can_be_edited_too(browser: Browser, owner: User):
    running = make_interaction(owner, "Slow?", status=Status.GENERATING)
    assert browser.post(url_of(running), {"query": "Quick?"}).status_code == 303
    running.refresh_from_db()
    assert (running.status, running.stop_requested) == ("generating", False)


@both_ways
def test_a_strangers_question_cannot_be_seen_in_a_form(strange_browser: Browser, path: list[Interaction], htmx: bool):
    response = strange_browser.get(url_of(path[1]), htmx=htmx)
    assert response.status_code == 404
    assert "Second?" not in response.text
