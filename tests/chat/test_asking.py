"""POST /chat/ and POST /chat/<uuid>/: asking, in a new chat and in one that there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import User
from chat.models import QUERY_MAX_LENGTH, ChatSession, Interaction, ResponseChunk, Status
from tests.support.answers import make_interaction
from tests.support.browsers import Browser, is_page

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def earlier(owner: User) -> Interaction:
    """A finished interaction in a chat of the owner."""
    return make_interaction(owner, "Earlier", status=Status.COMPLETE, final_response_text="An answer")


def path_of(earlier: Interaction, *, new: bool) -> str:
    return "/chat/" if new else earlier.session.get_absolute_url()


both = pytest.mark.parametrize("new", [True, False], ids=["new chat", "same chat"])


@both
def test_a_plain_form_leads_to_the_chat_with_the_question(browser: Browser, earlier: Interaction, new: bool):
    response = browser.post(path_of(earlier, new=new), {"query": "What is new?"})
    made = Interaction.objects.get(query_text="What is new?")
    assert (response.status_code, response["Location"]) == (303, made.session.get_live_url())
    assert (made.session == earlier.session) is not new
    page = browser.get(made.session.get_absolute_url())
    assert "What is new?" in page.text
    assert f"/interactions/{made.pk}/stream/" in page.text


@both
def test_htmx_gets_the_new_turn_and_what_changes_with_it(browser: Browser, earlier: Interaction, new: bool):
    response = browser.post(path_of(earlier, new=new), {"query": "What is new?"}, htmx=True)
    made = Interaction.objects.get(query_text="What is new?")
    assert response.status_code == 200
    assert not is_page(response)
    assert f'id="turn-{made.pk}"' in response.text
    assert f"/interactions/{made.pk}/stream/" in response.text
    for part in ("composer", "notice", f"session-{made.session_id}"):
        assert f'id="{part}"' in response.text
    assert response.headers.get("HX-Push-Url") == (made.session.get_absolute_url() if new else None)
    assert "Earlier</div>" not in response.text, "other turns are not sent again"
    assert response.text.count('class="session-item"') == 1, "nor are other chats"


@both
def test_a_question_from_htmx_is_accepted_with_one_statement_after_the_log_in(
    browser: Browser, owner: User, earlier: Interaction, new: bool, django_assert_num_queries
):
    ChatSession.objects.bulk_create(ChatSession(owner=owner) for _ in range(10))
    with django_assert_num_queries(2):
        response = browser.post(path_of(earlier, new=new), {"query": "What is new?"}, htmx=True)
    assert response.status_code == 200


def test_the_same_form_sent_while_its_answer_runs_follows_it_from_the_beginning(browser: Browser):
    form = {"query": "Once", "idempotency_key": "the form's own"}
    browser.post("/chat/", form, htmx=True)
    made = Interaction.objects.get()
    ResponseChunk.objects.create(interaction=made, offset=0, text="# Title\n\nThe live end")
    assert f"/interactions/{made.pk}/stream/?from=0" in browser.post("/chat/", form, htmx=True).text
    Interaction.objects.update(status=Status.COMPLETE, final_response_text="The whole")
    assert "The whole" in browser.post("/chat/", form, htmx=True).text


def test_the_composer_that_comes_back_is_empty_and_has_a_key_of_its_own(browser: Browser):
    form = {"query": "What is new?", "idempotency_key": "one"}
    response = browser.post("/chat/", form, htmx=True)
    composer = response.text.split('id="composer"')[1].split("</form>")[0]
    assert "What is new?" not in composer
    assert 'name="idempotency_key" value="one"' not in composer
    assert 'name="idempotency_key" value="' in composer


def test_a_question_in_a_chat_follows_the_newest_one(browser: Browser, earlier: Interaction):
    browser.post(path_of(earlier, new=False), {"query": "Second"})
    browser.post(path_of(earlier, new=False), {"query": "Third"})
    third = Interaction.objects.get(query_text="Third")
    assert third.parent is not None
    assert (third.parent.query_text, third.parent.parent) == ("Second", earlier)


def test_a_question_moves_its_chat_to_the_top(browser: Browser, owner: User, earlier: Interaction):
    newer = ChatSession.objects.create(owner=owner, title="Newer")
    assert ChatSession.objects.first() == newer
    browser.post(path_of(earlier, new=False), {"query": "Second"})
    assert ChatSession.objects.first() == earlier.session


@both
@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
@pytest.mark.parametrize(
    "unusable",
    [
        ("", "Write a message first."),
        ("  \n ", "Write a message first."),
        ("x" * (QUERY_MAX_LENGTH + 1), "This message is too long: 200001 characters, of which 200000 fit."),
        (f"nul \x00 {SCRIPT}", "NUL character"),
    ],
    ids=["empty", "blank", "too long", "nul"],
)
def test_what_cannot_be_asked_is_told_and_what_was_typed_is_kept(
    browser: Browser, earlier: Interaction, new: bool, htmx: bool, unusable: tuple[str, str]
):
    query, says = unusable
    response = browser.post(path_of(earlier, new=new), {"query": query}, htmx=htmx)
    assert response.status_code == 422
    assert says in response.text
    assert 'aria-invalid="true"' in response.text
    kept = response.text.split("<textarea")[1].split(">", 1)[1].split("</textarea>")[0]
    assert query.strip().replace("<", "&lt;").replace(">", "&gt;") in kept
    assert SCRIPT not in response.text
    assert is_page(response) is not htmx
    if htmx:
        assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#composer", "outerHTML")
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_question_title_and_answer_are_escaped(browser: Browser, owner: User, htmx: bool):
    response = browser.post("/chat/", {"query": SCRIPT}, htmx=htmx)
    made = Interaction.objects.get()
    Interaction.objects.update(status=Status.COMPLETE, final_response_text=SCRIPT)
    for text in (response.text, browser.get(made.session.get_absolute_url()).text):
        assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.get(made.session.get_absolute_url()).text


@both
@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_the_same_form_sent_twice_asks_once(browser: Browser, earlier: Interaction, new: bool, htmx: bool):
    form = {"query": "Once", "idempotency_key": "the form's own"}
    first, second = (browser.post(path_of(earlier, new=new), form, htmx=htmx) for _ in range(2))
    made = Interaction.objects.get(query_text="Once")
    assert ChatSession.objects.count() == (2 if new else 1)
    assert first.status_code == second.status_code
    if htmx:
        assert f'id="turn-{made.pk}"' in second.text
    else:
        assert first["Location"] == second["Location"]


@pytest.mark.django_db(transaction=True)
@both
def test_the_same_form_sent_many_times_at_once_asks_once(browser: Browser, earlier: Interaction, new: bool):
    form = {"query": "Once", "idempotency_key": "the form's own"}
    path = path_of(earlier, new=new)

    def send(_: int) -> tuple[int, str]:
        try:
            response = browser.post(path, form)
            return response.status_code, response["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(send, range(6)))
    made = Interaction.objects.get(query_text="Once")
    assert answers == [(303, made.session.get_live_url())] * 6
    assert ChatSession.objects.count() == (2 if new else 1)


@pytest.mark.django_db(transaction=True)
def test_questions_asked_at_once_follow_one_another(browser: Browser, earlier: Interaction):
    def send(number: int) -> int:
        try:
            status: int = browser.post(path_of(earlier, new=False), {"query": f"Question {number}"}).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(send, range(6))) == {303}
    parents = list(Interaction.objects.exclude(pk=earlier.pk).values_list("parent_id", flat=True))
    assert len(set(parents)) == len(parents) == 6
    assert None not in parents


@both
def test_nobody_is_sent_to_log_in(visitor: Browser, earlier: Interaction, new: bool):
    path = path_of(earlier, new=new)
    response = visitor.post(path, {"query": "x"})
    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={path}")
    assert Interaction.objects.count() == 1


@both
def test_a_page_whose_log_in_has_ended_says_so_in_place(visitor: Browser, earlier: Interaction, new: bool):
    response = visitor.post(path_of(earlier, new=new), {"query": "x"}, htmx=True)
    assert response.status_code == 401
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#notice", "innerHTML")
    assert "Log in again" in response.text
    assert not is_page(response)


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_a_stranger_cannot_ask_in_the_chat(strange_browser: Browser, earlier: Interaction, htmx: bool):
    response = strange_browser.post(path_of(earlier, new=False), {"query": "x"}, htmx=htmx)
    assert response.status_code == 404
    assert Interaction.objects.count() == 1
