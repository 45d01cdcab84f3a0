"""The page of a chat that streams itself: running answers are written into it while the response is open.

It is for browsers without scripts, so what was sent cannot be changed: it can only be hidden by what follows it. The
live end of an answer is sent as plain text; as soon as a part of it is finished, that part follows as HTML, and a style
hides the text before it. In the same way an answer is sent once more at its end where it uses what it defines further
down.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from html import escape
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chat import presentation
from chat.access import get_session
from chat.follow import Update, follow
from chat.markdown import AnswerStream
from chat.markdown import render as markdown
from chat.models import Interaction
from chat.process import ChatProcess, current
from chat.requests import HtmxRequest, SeeOther, login_needed
from chat.responses import Unbuffered

# What an idle stream sends, so that proxies keep the connection open.
NOTHING = "<!-- -->\n"


@never_cache
@require_safe
async def live(request: HtmxRequest, session_id: UUID) -> HttpResponseBase:
    """One chat, answers and all, as they are written. Without a running answer it leads to the chat's own page."""
    marks = Marks()
    page = await sync_to_async(_page)(request, session_id, marks)
    process = current()
    if page.status_code != 200:
        return page
    if process is None:
        return HttpResponse("Come back in a moment.", status=503, content_type="text/plain")
    pieces = marks.split(page.content.decode())
    # One form's token does for all that the stream brings, and its cookie goes out with the headers.
    streamed = _stream(process, pieces, get_token(request), translation.get_language())
    return Unbuffered(streamed, content_type="text/html; charset=utf-8")


@login_needed
def _page(request: HtmxRequest, session_id: UUID, marks: Marks) -> HttpResponse:
    """The whole page, with marks where a running answer's text and end belong."""
    found = get_session(request.user, session_id)
    context = presentation.page_context(request.user, found, part=presentation.part_of(request.GET))
    if not context["is_running"]:
        return SeeOther(request.get_full_path().replace("/live/", "/", 1))
    return render(request, "chat/live.html", {**context, "marks": marks})


class Marks:
    """Places in a page, which nothing that a person or a model wrote can look like.

    In the template: `{{ marks.start }}{{ pk }}{{ marks.end }}`, then what closes the answer where it does not end here,
    then `{{ marks.close }}`.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_hex(16)
        self.start = SafeString(f"<!--{self._secret}:")
        self.end = SafeString("-->")
        self.close = SafeString(f"<!--/{self._secret}-->")

    def split(self, page: str) -> list[str]:
        """Page text, interaction id, text that closes the answer, page text, and so on."""
        place = f"<!--{self._secret}:([0-9a-f-]{{36}})-->(.*?)<!--/{self._secret}-->"
        return re.split(place, page, flags=re.DOTALL)


async def _stream(
    process: ChatProcess, pieces: list[str], csrf_token: str, language: str | None
) -> AsyncGenerator[bytes]:
    yield pieces[0].encode()
    for interaction_id, closing, following in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        answer = LiveAnswer(UUID(interaction_id), csrf_token=csrf_token, language=language)
        async with aclosing(follow(process, answer.id)) as updates:
            async for update in updates:
                yield answer.of(update).encode()
        ending = "" if answer.has_ended else answer.cut() + closing
        yield (ending + following).encode()
        if not answer.has_ended:
            return  # the page that is loaded next goes on from here


class LiveAnswer:
    """Updates of one answer as HTML that is only ever appended."""

    def __init__(self, interaction_id: UUID, *, csrf_token: str, language: str | None) -> None:
        self.id = interaction_id
        self.has_ended = False
        self._blocks = AnswerStream(prefix=presentation.id_prefix(interaction_id))
        self._csrf_token = csrf_token
        self._language = language
        self._text = ""  # of the answer, from where the last finished block ends
        self._is_open = False  # whether the live end's element is
        self._waiting = ""

    def of(self, update: Update) -> str:
        """What one update adds to the page; a comment where it is nothing."""
        blocks = self._blocks.feed(update.text)
        if update.finished is not None:
            blocks += self._blocks.finish()
        self._text += update.text
        added = ""
        if blocks:
            self._text = self._text[blocks[-1].end - blocks[0].start :]
            added = self._close() + "".join(block.html for block in blocks)
        if update.finished is not None:
            return added + self._close() + self._once_more(update.finished) + self._end(update.finished)
        return added + (self._wait(update) or self._go_on(update, is_new=bool(blocks))) or NOTHING

    def _close(self) -> str:
        was_open, self._is_open = self._is_open, False
        return "</p>" if was_open else ""

    def _go_on(self, update: Update, *, is_new: bool) -> str:
        """The live end: all of it in a new element, or what is new of it in the one that is open."""
        if self._is_open and not is_new:
            return escape(update.text, quote=False)
        if not self._text.strip():
            return ""
        self._is_open = True
        return f'<p class="draft" dir="auto">{escape(self._text, quote=False)}'

    def _wait(self, update: Update) -> str:
        """What the answer waits for, where there is nothing to show, or where it has stopped coming."""
        if self._blocks.length and not update.waiting_for:
            self._waiting = ""
            return ""
        context = {"waiting_for": update.waiting_for, "place": update.place, "begun": self._blocks.length}
        with translation.override(self._language):
            waiting = render_to_string("_fragments/waiting.html", context)
        if waiting == self._waiting:
            return NOTHING
        self._waiting = waiting
        return self._close() + waiting

    def _once_more(self, interaction: Interaction) -> str:
        """The whole of an answer whose blocks are no longer what was sent. That is hidden, but its ids are there."""
        if not self._blocks.revised():
            return ""
        prefix = f"{presentation.id_prefix(interaction.pk)}whole-"
        return '<hr class="once-more" hidden>' + markdown(interaction.final_response_text, prefix=prefix)

    def _end(self, interaction: Interaction) -> str:
        """What follows the text of a finished answer."""
        self.has_ended = True
        body = "<!--body-->"
        turn = presentation.finished_turn(interaction, body=SafeString(body))
        with translation.override(self._language):
            answer = render_to_string("_fragments/answer.html", {"turn": turn, "csrf_token": self._csrf_token})
        return '<hr class="drafts-end" hidden>' + answer.partition(body)[2]

    def cut(self) -> str:
        """What is said when the stream ends before the answer: this process is about to stop."""
        with translation.override(self._language):
            return self._close() + render_to_string("_fragments/live_cut.html")
