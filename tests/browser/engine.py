"""A model that does what it is told."""

from __future__ import annotations

from tests.support.stub_tgi import Behaviour, StubTgi


class Engine:
    """The model of the second stack. It can go away, and come back at the same address."""

    def __init__(self) -> None:
        self._stub = StubTgi()
        self.behaviour = self._stub.behaviour

    @property
    def url(self) -> str:
        return self._stub.url

    def behave(self, text: str = "Hello, world.", *, delay_s: float = 0.0, first_delay_s: float = 0.0) -> None:
        """Answer with this text, word by word."""
        words = [word + " " for word in text.split(" ")]
        behaviour = Behaviour(pieces=words, delay_s=delay_s, first_delay_s=first_delay_s)
        self._stub.behaviour = self.behaviour = behaviour

    async def arrive(self) -> None:
        await self._stub.__aenter__()

    async def go_away(self) -> None:
        await self._stub.__aexit__()

    async def come_back(self) -> None:
        self._stub = StubTgi(port=int(self.url.rpartition(":")[2]))
        self._stub.behaviour = self.behaviour
        await self.arrive()
