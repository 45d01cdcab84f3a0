"""Streams speak the language of whoever reads them: what they bring is rendered on the event loop, for many at once."""

from __future__ import annotations

import asyncio

from accounts.models import User
from tests.support.answers import ask
from tests.support.site_server import SiteServer
from tests.support.stub_tgi import StubTgi

FINISHED = {
    "en": "The answer is finished.",
    "de": "Die Antwort ist fertig.",
    "zh-hans": "回答已完成。",
    "ar": "اكتملت الإجابة.",
}
THINKING = {"en": "Thinking…", "de": "Denkt nach …", "zh-hans": "正在思考…", "ar": "يفكّر…"}


async def read(site: SiteServer, owner: User, path: str, language: str) -> str:
    async with site.browser(owner) as browser, browser.get(path, headers={"Accept-Language": language}) as response:
        assert response.status == 200
        return await response.text()


async def test_readers_of_one_answer_each_read_it_in_their_own_language(site: SiteServer, stub: StubTgi, owner: User):
    stub.behaviour.first_delay_s = 1.0
    asked = await ask(owner)
    stream = f"/interactions/{asked.pk}/stream/"
    async with asyncio.timeout(20):
        told = await asyncio.gather(*(read(site, owner, stream, language) for language in FINISHED))
    for language, events in zip(FINISHED, told, strict=True):
        for words in (THINKING, FINISHED):
            found = [one for one, text in words.items() if text in events]
            assert found == [language]


async def test_a_page_that_streams_itself_ends_in_the_readers_language(site: SiteServer, stub: StubTgi, owner: User):
    stub.behaviour.first_delay_s = 1.0
    asked = await ask(owner)
    page = f"{asked.session.get_absolute_url()}live/"
    async with asyncio.timeout(20):
        told = await asyncio.gather(*(read(site, owner, page, language) for language in FINISHED))
    again = {"en": "Try again", "de": "Noch einmal", "zh-hans": "重试", "ar": "حاول مرة أخرى"}
    for language, text in zip(FINISHED, told, strict=True):
        assert "Hello, world." in text
        assert [one for one, words in again.items() if f">{words}</button>" in text] == [language]
