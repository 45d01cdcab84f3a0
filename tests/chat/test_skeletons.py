"""Templates rendered once and filled in: the same, to the letter, as rendering them each time."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils.safestring import mark_safe
from django.utils.translation import override

from accounts.models import User
from chat import asked
from chat.length import room
from chat.models import ChatSession, Interaction
from chat.process import ChatProcess
from chat.skeletons import Skeleton

HOSTILE = "<script>alert('1')</script> & \"quoted\" {{ user }} {% url %} \ue000title \\1 \u202e \n\n line"


@pytest.mark.parametrize("language", ["en", "de", "zh-hans", "ar"])
@pytest.mark.parametrize("enter_sends", [True, False])
@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize("text", ["Hello", HOSTILE, "مرحبا", "0"])
def test_what_a_question_gives_is_what_its_template_gives(
    owner: User, language: str, enter_sends: bool, pinned: bool, text: str
):
    owner.enter_sends = enter_sends
    with override(language):
        compare(owner, text, pinned=pinned)


async def test_the_same_where_the_model_has_said_how_much_it_takes(process: ChatProcess, owner: User):
    compare(owner, HOSTILE)
    await process.client.info()
    assert room()
    compare(owner, HOSTILE)


def compare(user: User, text: str, *, pinned: bool = False) -> None:
    request = RequestFactory().post("/chat/")
    request.user, request.session = user, ChatLogIn()  # type: ignore[assignment]
    interaction = Interaction(session=ChatSession(owner=user, title=text, pinned=pinned), query_text=text)
    filled = asked.asked_html(request, user, interaction)
    assert filled is not None
    own = {"key": KEY_IN.search_in(filled), "ticket": TICKET_IN.search_in(filled)}
    context = asked.context(interaction, **own) | {"csrf_token": CSRF_IN.search_in(filled), "request": request}
    assert filled == render_to_string(asked.TEMPLATE, context)
    assert own["key"]
    assert own["ticket"]


class ChatLogIn:
    session_key = "k" * 32


class Found:
    """A value out of a fragment."""

    def __init__(self, before: str, after: str) -> None:
        self._before, self._after = before, after

    def search_in(self, html: str) -> str:
        return html.partition(self._before)[2].partition(self._after)[0]


KEY_IN = Found('name="idempotency_key" value="', '"')
TICKET_IN = Found("ticket=", '"')
CSRF_IN = Found('name="csrfmiddlewaretoken" value="', '"')


def test_a_text_that_looks_like_a_stand_in_stays_what_it_is():
    skeleton: Skeleton[int] = Skeleton("_fragments/notice.html", {"title": "<A>", "advice": "<B>"}, _notice)
    assert "&lt;B&gt;" in skeleton.fill(0, {"title": "<B>", "advice": "<A>"})


def _notice(variant: int) -> dict[str, object]:
    return {"error": {"title": mark_safe("<A>"), "advice": mark_safe("<B>")}}
