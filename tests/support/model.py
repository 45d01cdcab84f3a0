"""The engine stub as a service that can go away and come back at the same address."""

from __future__ import annotations

from typing import Any

from tests.support.stub_tgi import Behaviour, StubTgi

WORDS_IN_A_PARAGRAPH = 8


def words(count: int) -> list[str]:
    """An answer's tokens: no two alike, so that whatever is missing, doubled or moved shows; in paragraphs, so that a
    page gets finished blocks; not all ASCII, so that characters are counted and not bytes."""
    return [f"né{number}🙂" + ("\n\n" if number % WORDS_IN_A_PARAGRAPH == 0 else " ") for number in range(1, count + 1)]


class Model:
    """What the web processes find behind TGI_URL."""

    def __init__(self) -> None:
        self._stub = StubTgi()

    @property
    def url(self) -> str:
        return self._stub.url

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of all chats that were asked for, also of those that were refused."""
        return self._stub.requests

    @property
    def running(self) -> int:
        """Answers being generated."""
        return self._stub.running

    @property
    def behaviour(self) -> Behaviour:
        return self._stub.behaviour

    def speak(self, pieces: list[str], *, delay_s: float = 0.02, first_delay_s: float = 0.0) -> str:
        """Answer with these tokens from now on. Returns the whole text."""
        self._stub.behaviour = Behaviour(pieces=pieces, delay_s=delay_s, first_delay_s=first_delay_s)
        return "".join(pieces)

    def hurry(self) -> None:
        """Generate what is left, of all answers, at once."""
        self.behaviour.delay_s = 0

    def asked_about(self, query: str) -> list[dict[str, Any]]:
        """The requests of one question: the first attempt, then whatever came after it."""
        return [body for body in self.requests if {"role": "user", "content": query} in body["messages"]]

    async def arrive(self) -> None:
        await self._stub.__aenter__()

    async def go_away(self) -> None:
        """All answers break off, and nobody listens any longer."""
        await self._stub.__aexit__()

    async def come_back(self) -> None:
        before = self._stub
        self._stub = StubTgi(port=int(before.url.rpartition(":")[2]))
        self._stub.behaviour, self._stub.requests = before.behaviour, before.requests
        await self.arrive()


def continued_text(body: dict[str, Any]) -> str:
    """The text from which a request wants the answer continued."""
    last = body["messages"][-1]
    return str(last["content"]) if last["role"] == "assistant" else ""
