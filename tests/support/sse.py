"""Reading server-sent events as a client does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Event:
    """One event; a comment has the name ""."""

    name: str
    data: str
    id: int | None

    def json(self) -> Any:
        return json.loads(self.data)


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events and comments of a response, until it ends."""
    lines: list[str] = []
    async for raw in response.content:
        line = raw.decode().removesuffix("\n")
        if line:
            lines.append(line)
        else:
            if not lines[0].startswith("retry:"):
                yield _event(lines)
            lines = []
    assert lines == [], "the stream ended inside an event"


def _event(lines: list[str]) -> Event:
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    numbers = fields.get("id")
    return Event(fields.get("event", [""])[0], "\n".join(fields.get("data", [])), int(numbers[0]) if numbers else None)
