"""People who use a running site from outside, with a browser or a program of theirs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from launcher import REPOSITORY
from tests.support.sse import events

PASSWORD = "correct horse battery"
FORM_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
LAST_ANSWER = re.compile(r'<section[^>]* id="answer-([0-9a-f-]{36})"')
PATIENCE = aiohttp.ClientTimeout(total=40)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was accepted."""

    session_id: UUID
    interaction_id: UUID

    @classmethod
    def of(cls, session_id: str, interaction_id: str) -> Asked:
        return cls(UUID(session_id), UUID(interaction_id))

    @property
    def api(self) -> str:
        return f"/api/interactions/{self.interaction_id}/"

    @property
    def page(self) -> str:
        return f"/chat/{self.session_id}/"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account: the cookie and form token of a browser that is logged in, and an access token."""

    session_cookie: str
    csrf: str
    access: str

    @asynccontextmanager
    async def browser(self, url: str) -> AsyncIterator[aiohttp.ClientSession]:
        """A browser at the site at `url`; its forms carry the form token in a header, as HTMX sends them."""
        cookies = {"sessionid": self.session_cookie, "csrftoken": self.csrf}
        headers = {"X-CSRFToken": self.csrf, "Referer": f"{url}/chat/"}
        async with aiohttp.ClientSession(url, cookies=cookies, headers=headers, timeout=PATIENCE) as client:
            yield client

    @asynccontextmanager
    async def program(self, url: str) -> AsyncIterator[aiohttp.ClientSession]:
        """A program at the site at `url`."""
        headers = {"Authorization": f"Bearer {self.access}"}
        async with aiohttp.ClientSession(url, headers=headers, timeout=PATIENCE) as client:
            yield client

    async def ask(self, url: str, query: str = "Hi", *, session_id: UUID | None = None, **body: Any) -> Asked:
        """Ask, and leave as soon as the question is accepted: nobody reads the response any further."""
        sent = {"message": query, "session_id": str(session_id) if session_id else None, "stream": True, **body}
        async with self.program(url) as client, client.post("/api/chat/", json=sent) as response:
            assert response.status == 200, await response.text()
            first = (await anext(events(response))).json()
            return Asked.of(first["session_id"], first["interaction_id"])

    async def ask_by_form(self, url: str, path: str = "/chat/", query: str = "Hi") -> Asked:
        """Ask with the plain form of a page, and open the chat that it was asked in."""
        async with self.browser(url) as browser:
            async with browser.post(path, data={"query": query}, allow_redirects=False) as asked:
                assert asked.status == 303
                session_id = asked.headers["Location"].split("/")[2]
            async with browser.get(f"/chat/{session_id}/") as page:
                assert page.status == 200
                return Asked.of(session_id, LAST_ANSWER.findall(await page.text())[-1])

    async def read(self, url: str, asked: Asked) -> dict[str, Any]:
        """The interaction, as the API has it."""
        async with self.program(url) as client, client.get(asked.api) as response:
            assert response.status == 200, await response.text()
            found: dict[str, Any] = await response.json()
            return found

    async def act(self, url: str, asked: Asked, action: str) -> int:
        """POST …/stop/, …/continue/ or …/regenerate/ of the API. Returns the status."""
        async with self.program(url) as client, client.post(f"{asked.api}{action}/") as response:
            return response.status


def make_people(count: int, environment: Mapping[str, str]) -> list[Person]:
    """Accounts in the site's database, logged in without the cost of hashing passwords."""
    made = subprocess.run(
        [sys.executable, "-m", "bench.accounts", str(count)],
        cwd=REPOSITORY,
        env=dict(environment),
        check=True,
        stdout=subprocess.PIPE,
    )
    return [Person(**one) for one in json.loads(made.stdout)]


async def sign_up(url: str, username: str) -> Person:
    """A new account, made with the form of the page."""
    return await _enter(url, "/accounts/signup/", username, {"password1": PASSWORD, "password2": PASSWORD})


async def log_in(url: str, username: str) -> Person:
    """One more browser and program of somebody who has signed up."""
    return await _enter(url, "/accounts/login/", username, {"password": PASSWORD})


async def _enter(url: str, path: str, username: str, passwords: dict[str, str]) -> Person:
    jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of an IP address, too
    async with aiohttp.ClientSession(url, cookie_jar=jar, timeout=PATIENCE) as browser:
        async with browser.get(path) as page:
            [token, *_] = FORM_TOKEN.findall(await page.text())
        form = {"username": username, **passwords, "csrfmiddlewaretoken": token}
        async with browser.post(path, data=form) as page:
            assert page.url.path == "/chat/", await page.text()
        async with browser.post("/api/token/", json={"username": username, "password": PASSWORD}) as response:
            access = (await response.json())["access"]
    cookies = {cookie.key: cookie.value for cookie in jar}
    return Person(cookies["sessionid"], cookies["csrftoken"], access)
