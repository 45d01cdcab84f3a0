"""/interactions/<uuid>/rate/: what a reader thinks of an answer; and the answer's details and Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User
from chat import conversation
from chat.models import COMMENT_MAX_LENGTH, Interaction, Rating, ResponseChunk, Status
from tests.support.answers import make_answered, make_interaction, make_running
from tests.support.browsers import Browser, is_page

SCRIPT = "<script>alert(1)</script>"
PRESSED = re.compile(r'name="rating" value="(\w+)" aria-pressed="(\w+)"')


def url_of(interaction: Interaction) -> str:
    return f"/interactions/{interaction.pk}/rate/"


@pytest.fixture
def made(owner: User) -> Interaction:
    return make_answered(owner, "Hi")


def opinion(interaction: Interaction) -> tuple[int | None, str]:
    interaction.refresh_from_db()
    return interaction.rating, interaction.rating_comment


both_ways = pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])


@both_ways
@pytest.mark.parametrize(("sent", "kept"), [("up", Rating.UP), ("down", Rating.DOWN), ("none", None)])
def test_an_answer_is_rated(browser: Browser, made: Interaction, sent: str, kept: int | None, htmx: bool):
    Interaction.objects.update(rating=Rating.DOWN)
    response = browser.post(url_of(made), {"rating": sent}, htmx=htmx)
    assert opinion(made) == (kept, "")
    if htmx:
        assert response.status_code == 200
        assert not is_page(response)
        assert f'id="rating-{made.pk}"' in response.text
        assert "data-announce" in response.text
    else:
        assert (response.status_code, response["Location"]) == (303, made.get_absolute_url())


@pytest.mark.parametrize(
    ("rating", "buttons"),
    [
        (None, [("up", "false"), ("down", "false")]),
        (Rating.UP, [("none", "true"), ("down", "false")]),
        (Rating.DOWN, [("up", "false"), ("none", "true")]),
    ],
)
def test_the_page_shows_the_rating_and_the_same_button_takes_it_back(
    browser: Browser, made: Interaction, rating: int | None, buttons: list[tuple[str, str]]
):
    Interaction.objects.update(rating=rating)
    text = browser.get(made.session.get_absolute_url()).text
    assert PRESSED.findall(text) == buttons
    assert ('name="comment"' in text) is (rating is not None), "a comment is asked for once there is a rating"


@both_ways
def test_a_comment_is_kept_with_the_rating_and_without_it(browser: Browser, made: Interaction, htmx: bool):
    browser.post(url_of(made), {"rating": "down", "comment": f"Wrong. {SCRIPT}"}, htmx=htmx)
    assert opinion(made) == (Rating.DOWN, f"Wrong. {SCRIPT}")
    text = browser.get(made.session.get_absolute_url()).text
    assert "Wrong. &lt;script&gt;alert(1)&lt;/script&gt;</textarea>" in text
    assert SCRIPT not in text
    for rating, kept in (("up", Rating.UP), ("none", None)):
        browser.post(url_of(made), {"rating": rating}, htmx=htmx)
        assert opinion(made) == (kept, f"Wrong. {SCRIPT}")
    browser.post(url_of(made), {"rating": "up", "comment": ""}, htmx=htmx)
    assert opinion(made) == (Rating.UP, "")


@both_ways
@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("x" * (COMMENT_MAX_LENGTH + 1), "2001 characters, of which 2000 fit"),
        (f"nul \x00 {SCRIPT}", "NUL character"),
    ],
    ids=["too long", "nul"],
)
def test_a_comment_that_cannot_be_kept_is_told_and_stays_in_the_field(
    browser: Browser, made: Interaction, comment: str, says: str, htmx: bool
):
    response = browser.post(url_of(made), {"rating": "up", "comment": comment}, htmx=htmx)
    assert (response.status_code, is_page(response)) == (422, not htmx)
    assert says in response.text
    assert comment.replace("<", "&lt;").replace(">", "&gt;") in response.text
    assert SCRIPT not in response.text
    assert opinion(made) == (None, "")


@both_ways
@pytest.mark.parametrize("rating", ["", "best", "1", "\x00"])
def test_a_rating_that_is_none_is_refused(browser: Browser, made: Interaction, rating: str, htmx: bool):
    response = browser.post(url_of(made), {"rating": rating}, htmx=htmx)
    assert response.status_code == 422
    assert 'class="field-error"' in response.text
    assert opinion(made) == (None, "")


@both_ways
@pytest.mark.parametrize("status", [Status.QUEUED, Status.GENERATING])
def test_an_answer_that_is_still_being_written_is_not_rated(browser: Browser, owner: User, status: str, htmx: bool):
    running = make_interaction(owner, status=status)
    response = browser.post(url_of(running), {"rating": "up"}, htmx=htmx)
    assert (response.status_code, is_page(response)) == (409, not htmx)
    assert "Rate it when it is finished." in response.text
    assert opinion(running) == (None, "")
    with pytest.raises(conversation.NotFinished):
        conversation.rate(interaction=running, rating=Rating.UP)


@pytest.mark.parametrize("status", [Status.STOPPED, Status.FAILED])
def test_what_there_is_of_a_cut_answer_can_be_rated(browser: Browser, owner: User, status: str):
    cut = make_interaction(owner, status=status, final_response_text="Half of")
    assert browser.post(url_of(cut), {"rating": "down"}).status_code == 303
    assert opinion(cut) == (Rating.DOWN, "")


def test_an_answer_without_a_word_has_nothing_to_rate(browser: Browser, owner: User):
    empty = make_interaction(owner, status=Status.FAILED)
    assert url_of(empty) not in browser.get(empty.session.get_absolute_url()).text


# Details


def facts_in(text: str) -> dict[str, str]:
    """The list of details, without its markup."""
    text = text.partition('class="facts"')[2].partition("</dl>")[0]
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", text, re.DOTALL)
    return {name: re.sub(r"<[^>]+>", "", value).strip() for name, value in found}


def test_the_details_of_an_answer(browser: Browser, owner: User):
    figures: dict[str, Any] = {
        "model_id": "a/model",
        "prompt_tokens": 1234,
        "generated_tokens": 101,
        "first_token_ms": 1500,
        "duration_ms": 3500,
        "seed": 12345678,
        "dropped_turns": 3,
        "finish_reason": "stop",
        "finished": datetime(2026, 11, 23, 21, 0, tzinfo=UTC),
    }
    made = make_answered(owner, "Hi", **figures)
    text = browser.get(made.session.get_absolute_url()).text
    facts = facts_in(text)
    assert "2026" in facts.pop("When")
    assert facts == {
        "Model": "a/model",
        "Prompt": "1,234 tokens",
        "Answer": "101 tokens",
        "Speed": "50.0 tokens/s",
        "First token": "after 1,500 ms",
        "Seed": "12345678",
        "Left out": "3 older turns",
        "Ended": "The model had finished.",
    }


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": Status.COMPLETE, "finish_reason": "length"}, "It reached its length limit."),
        ({"status": Status.COMPLETE, "finish_reason": "stop_sequence"}, "It reached a stop text."),
        ({"status": Status.STOPPED}, "It was stopped."),
        ({"status": Status.FAILED}, "It failed."),
    ],
)
def test_the_details_say_why_an_answer_ended(browser: Browser, owner: User, fields: dict[str, str], says: str):
    made = make_interaction(owner, **fields)
    assert facts_in(browser.get(made.session.get_absolute_url()).text) == {"Left out": "nothing", "Ended": says}


# The Markdown


def test_the_markdown_of_an_answer_can_be_had(browser: Browser, owner: User):
    made = make_answered(owner, "Hi", final_response_text=f"# Title\n\n{SCRIPT} **bold** ü")
    url = f"/interactions/{made.pk}/markdown/"
    assert url in browser.get(made.session.get_absolute_url()).text
    response = browser.get(url)
    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert response.text == f"# Title\n\n{SCRIPT} **bold** ü"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]


def test_the_markdown_of_a_running_answer_is_what_there_is(browser: Browser, owner: User):
    made = make_running(owner, "another", text="So ")
    ResponseChunk.objects.create(interaction=made, offset=3, text="far")
    assert browser.get(f"/interactions/{made.pk}/markdown/").text == "So far"


def test_the_markdown_is_its_owners(strange_browser: Browser, visitor: Browser, made: Interaction):
    url = f"/interactions/{made.pk}/markdown/"
    assert strange_browser.get(url).status_code == 404
    assert visitor.get(url)["Location"] == f"/accounts/login/?next={url}"
