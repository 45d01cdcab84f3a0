"""Every route of the site, asked by everybody: its owner, a stranger, an administrator, nobody, with tokens that have
expired, were revoked or are for something else, and by an account that was deactivated. `table` says what each gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from django.urls import reverse

from accounts.models import User
from chat.database import in_thread
from tests.ownership.callers import OTHERS, Caller, callers_of, is_for_programs, log_in_page
from tests.ownership.conftest import SIZE
from tests.ownership.table import LOG_IN, OBJECT, PUBLIC, ROWS, Row
from tests.ownership.world import MARK, Headers, World, browser_of, make_user, program_of, routes, with_cookie
from tests.support.site_server import SiteServer
from tests.support.statements import statements

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The administration's are looked at as a whole.
NAMES = sorted(name for name in routes() if not name.startswith("admin"))
ADMINISTRATION = sorted(name for name in routes() if name.startswith("admin"))
# Other statements may be under way in the process: so often is it looked whether two requests cost the same.
LOOKS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; of a stream only that it is one."""

    status: int
    body: str
    location: str
    headers: frozenset[str]
    statements: list[str]

    @property
    def outcome(self) -> int | str:
        return LOG_IN if self.status == 302 and self.location.startswith(log_in_page()) else self.status


@asynccontextmanager
async def client_of(site: SiteServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(site.url, cookie_jar=aiohttp.DummyCookieJar()) as client:
        yield client


async def ask(client: aiohttp.ClientSession, row: Row, there: World, headers: Headers) -> Answer:
    asked_as = headers | there.filled(row.headers)
    more: dict[str, Any] = {}
    if row.method != "GET":
        more["json" if is_for_programs(row.name) else "data"] = there.filled(row.sent or {})
    url = there.url(row.name, row.query, at=row.at)
    SIZE["requests"] += 1
    with statements() as sent:
        async with client.request(row.method, url, allow_redirects=False, headers=asked_as, **more) as response:
            streams = response.content_type == "text/event-stream"
            body = "" if streams else await response.text(errors="replace")
            names = frozenset(name.lower() for name in response.headers)
            return Answer(response.status, body, response.headers.get("Location", ""), names, list(sent))


def neutral(answer: Answer, there: World) -> str:
    """Status, address and body, without what the request itself said: the ids."""
    text = f"{answer.status} {answer.location} {answer.body}"
    for name, value in there.ids.items():
        if len(value) > 16:  # a number may be part of anything
            text = text.replace(value, f"{{{name}}}")
    return text


class Asking:
    """One row, asked by everybody in turn. What does not hold goes to `failures`."""

    def __init__(self, client: aiohttp.ClientSession, row: Row, failures: list[str]) -> None:
        self._client = client
        self._row = row
        self._failures = failures

    def _expect(self, holds: bool, caller: Caller, what: str) -> None:
        if not holds:
            self._failures.append(f"{self._row} as {caller.name}: {what}")

    async def by_all(self) -> None:
        """By those who may change nothing first: all of them ask for the same."""
        owned, deactivated = await in_thread(self._make), await in_thread(self._make)
        for caller in sorted(callers_of(self._row), key=lambda one: one.is_owner):
            if caller.is_owner:
                await self._by_owner(caller, owned if self._row.method == "GET" else await in_thread(self._make))
            elif caller.name.startswith("deactivated"):
                there = owned if self._row.whose is PUBLIC else deactivated
                await self._by_other(caller, there, deactivated.user)
            else:
                is_staff = caller.name == "administrator"
                user = await in_thread(make_user, is_staff=is_staff) if caller.name in OTHERS else owned.user
                await self._by_other(caller, owned, user)

    def _make(self) -> World:
        return World.of(make_user())

    async def _by_owner(self, caller: Caller, owned: World) -> None:
        answer = await ask(self._client, self._row, owned, await in_thread(caller.headers, owned.user))
        self._expect_status(caller, answer)

    def _expect_status(self, caller: Caller, answer: Answer) -> None:
        wanted = caller.status(self._row)
        self._expect(answer.outcome == wanted, caller, f"{answer.outcome}, not {wanted}: {answer.body[:300]}")

    async def _by_other(self, caller: Caller, there: World, user: User) -> None:
        headers = await in_thread(_headers, caller, user)
        watched = self._row.method != "GET" or caller.name in OTHERS
        before = await in_thread(there.rows, log_ins=user != there.user) if watched else []
        answer = await ask(self._client, self._row, there, headers)
        self._expect_status(caller, answer)
        after = await in_thread(there.rows, log_ins=user != there.user) if watched else []
        self._expect(after == before, caller, "changed what is the owner's")
        if self._row.whose is not PUBLIC:
            self._expect(MARK not in answer.body, caller, f"sees what is the owner's: {answer.body[:300]}")
        if self._row.whose is OBJECT and caller.name in OTHERS:
            await self._look_for_hints(caller, there, headers, answer)

    async def _look_for_hints(self, caller: Caller, there: World, headers: Headers, answer: Answer) -> None:
        """What is another's and what is not there: the same bytes, and the same work."""
        missing = World.missing()
        nothing = await ask(self._client, self._row, missing, headers)
        theirs, none = neutral(answer, there), neutral(nothing, missing)
        self._expect(answer.headers == nothing.headers, caller, f"{answer.headers ^ nothing.headers} tells them apart")
        self._expect(theirs == none, caller, f"{theirs[:300]} for another's, {none[:300]} for none")
        for _ in range(LOOKS):
            if len(answer.statements) == len(nothing.statements):
                return
            answer = await ask(self._client, self._row, there, headers)
            nothing = await ask(self._client, self._row, missing, headers)
        more = "\n".join([*answer.statements, "for none:", *nothing.statements])
        self._expect(False, caller, f"another number of statements:\n{more}")


def _headers(caller: Caller, user: User) -> Headers:
    if caller.name.startswith("deactivated"):
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.refresh_from_db(fields=["token_generation"])  # a token that is good but for that
    return caller.headers(user)


@pytest.mark.parametrize("name", NAMES)
def test_every_route_has_a_row(name: str):
    assert any(row.name == name for row in ROWS)


def test_every_row_is_about_a_route():
    assert {row.name for row in ROWS} <= set(NAMES)


async def test_everybody_gets_what_is_theirs_and_learns_of_nothing_else(site: SiteServer):
    failures: list[str] = []
    async with client_of(site) as client:
        for row in ROWS:
            await Asking(client, row, failures).by_all()
    assert not failures, "\n".join(failures)


async def test_methods_without_a_row_are_refused(site: SiteServer):
    failures = []
    async with client_of(site) as client:
        there = await in_thread(lambda: World.of(make_user()))
        program = with_cookie("") | await in_thread(program_of, there.user)
        browser = await in_thread(browser_of, there.user)
        for name in NAMES:
            for method in sorted(set(METHODS) - {row.method for row in ROWS if row.name == name}):
                row = Row(method, name, OBJECT)
                answer = await ask(client, row, there, program if is_for_programs(name) else browser)
                if answer.status != 405:
                    failures.append(f"{row}: {answer.status}, and no row says so")
    assert failures == []


async def test_methods_that_only_look_tell_nothing_either(site: SiteServer):
    failures = []
    async with client_of(site) as client:
        owned, missing = await in_thread(lambda: World.of(make_user())), World.missing()
        program = await in_thread(program_of, await in_thread(make_user))
        browser = await in_thread(browser_of, await in_thread(make_user))
        for name in sorted({row.name for row in ROWS if row.whose is OBJECT}):
            for method in ("HEAD", "OPTIONS"):
                row = Row(method, name, OBJECT)
                headers = program if is_for_programs(name) else browser
                theirs, none = await ask(client, row, owned, headers), await ask(client, row, missing, headers)
                if neutral(theirs, owned) != neutral(none, missing) or theirs.headers != none.headers:
                    failures.append(f"{row}: {theirs} for another's, {none} for none")
    assert failures == []


async def test_the_administration_is_for_administrators(site: SiteServer):
    """Everybody else is sent to a log-in page, whatever the address, and what is there or not."""
    failures = []
    async with client_of(site) as client:
        owned = await in_thread(lambda: World.of(make_user()))
        administrator = await in_thread(browser_of, await in_thread(make_user, is_staff=True))
        others = [
            await in_thread(browser_of, await in_thread(make_user)),
            with_cookie(""),
            with_cookie("") | await in_thread(program_of, await in_thread(make_user, is_staff=True)),
        ]
        for name in ADMINISTRATION:
            if name in {
                "admin/login/",
                "admin:login",
                "admin:logout",
                "admin:jsi18n",
            }:  # for everybody: they say nothing
                continue
            url = _address(name, owned)
            for headers in others:
                for method in ("GET", "POST"):
                    SIZE["requests"] += 1
                    async with client.request(method, url, headers=headers, allow_redirects=False) as response:
                        location, body = response.headers.get("Location", ""), await response.text()
                    if response.status != 302 or "/login/" not in location or MARK in body:
                        failures.append(f"{method} {name}: {response.status} {location}")
        async with client.get(_address("admin:chat_chatsession_change", owned), headers=administrator) as response:
            assert (response.status, MARK in await response.text()) == (200, True)
    assert failures == []


def _address(name: str, there: World) -> str:
    pattern = routes()[name]
    if not pattern.name:
        return "/admin/nothing/"
    ids = {"chatsession": there.ids["session"], "interaction": there.ids["interaction"]}
    object_id = next((value for kind, value in ids.items() if f"_{kind}_" in name), str(there.user.pk))
    values = {"object_id": object_id, "id": object_id, "app_label": "chat", "content_type_id": "1"}
    return reverse(name, kwargs={one: values[one] for one in _arguments(pattern)})


def _arguments(pattern: Any) -> list[str]:
    return list(pattern.pattern.converters or pattern.pattern.regex.groupindex)
