"""Two web processes on one database: what is spent in one is missing in the other, and a crash of one frees nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio

from tests.support.database import Database
from tests.support.deployment import Deployment
from tests.support.hosts import Host
from tests.support.model import Model
from tests.support.people import FORM_TOKEN, PASSWORD
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSIONS = "/api/sessions/"
REQUESTS = 40
RUNNING = 3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model() -> AsyncIterator[Model]:
    model = Model()
    await model.arrive()
    yield model
    await model.go_away()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deployment(model: Model, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    started = Deployment(
        tmp_path_factory.mktemp("limits"),
        model.url,
        REQUESTS_PER_MINUTE=str(REQUESTS),
        SIGNUPS_PER_HOUR="4",
        WRONG_PASSWORDS="5",
        ANSWERS_PER_USER=str(RUNNING),
        TOKENS_PER_DAY="1000",
    )
    try:
        await started.start()
        yield started
    finally:
        await started.close()


@pytest.fixture
def hosts(deployment: Deployment) -> list[Host]:
    return deployment.hosts


@pytest.fixture
def database(deployment: Deployment) -> Database:
    return deployment.database


async def test_a_users_requests_are_counted_in_all_together(deployment: Deployment, hosts: list[Host]):
    person = deployment.person()
    async with person.program(hosts[0].url) as first, person.program(hosts[1].url) as second:

        async def status(client: aiohttp.ClientSession) -> int:
            async with client.get(SESSIONS) as answer:
                return answer.status

        assert {await status(first) for _ in range(REQUESTS)} == {200}
        tried = 0

        async def is_refused() -> bool:
            nonlocal tried
            tried += 1
            return await status(second) == 429

        await until(is_refused, timeout_s=10)
        assert tried <= REQUESTS, "the second process did not give the whole allowance once more"
        assert await status(first) == 429


async def test_guesses_of_a_password_are_counted_in_all_together_exactly(hosts: list[Host]):
    async def guess(number: int) -> int:
        async with (
            aiohttp.ClientSession(hosts[number % 2].url) as client,
            client.post("/api/token/", json={"username": "somebody", "password": "wrong"}) as answer,
        ):
            return answer.status

    statuses = await asyncio.gather(*(guess(number) for number in range(16)))
    assert sorted(statuses) == [401] * 5 + [429] * 11


async def test_accounts_made_from_an_address_are_counted_in_all_together(hosts: list[Host]):
    async def sign_up(number: int) -> int:
        async with aiohttp.ClientSession(hosts[number % 2].url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get("/accounts/signup/") as page:
                [token, *_] = FORM_TOKEN.findall(await page.text())
            form = {"username": f"new{number}", "password1": PASSWORD, "password2": PASSWORD}
            form["csrfmiddlewaretoken"] = token
            async with browser.post("/accounts/signup/", data=form, allow_redirects=False) as page:
                return page.status

    statuses = await asyncio.gather(*(sign_up(number) for number in range(8)))
    assert sorted(statuses) == [302] * 4 + [429] * 4


async def test_what_one_process_charged_the_other_refuses(
    deployment: Deployment, hosts: list[Host], database: Database
):
    person = deployment.person()
    asked = await person.ask(hosts[0].url)
    await until(lambda: database.saved(asked.interaction_id).status == "complete")
    [row] = database.execute(
        "SELECT u.* FROM limits_usage u JOIN chat_chatsession s ON s.owner_id = u.owner_id WHERE s.id = %s",
        [asked.session_id],
    )
    assert (row["day"], row["prompt_tokens"] + row["generated_tokens"] > 0) == (datetime.now(UTC).date(), True)
    database.execute("UPDATE limits_usage SET generated_tokens = 1000 WHERE id = %s", [row["id"]])
    for host in hosts:
        async with person.program(host.url) as client, client.post("/api/chat/", json={"message": "Hi"}) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (429, "quota_exceeded")


async def test_what_was_spent_outlives_the_process_that_it_was_spent_in(deployment: Deployment, hosts: list[Host]):
    person = deployment.person()
    async with person.program(hosts[0].url) as client:
        for _ in range(REQUESTS):
            async with client.get(SESSIONS) as answer:
                assert answer.status == 200
        name = "SELECT count(*) AS n FROM limits_spent WHERE key LIKE 'user:%' AND until > now() + interval '50 s'"
        await until(lambda: deployment.database.execute(name)[0]["n"] > 0)
        await hosts[0].kill()
        await hosts[0].start()

        async def is_refused() -> bool:
            async with client.get(SESSIONS) as answer:
                return answer.status == 429

        await until(is_refused, timeout_s=10)


async def test_answers_that_are_not_stored_are_counted_in_all_together(
    deployment: Deployment, hosts: list[Host], model: Model
):
    model.speak(["Wait"] * 3, first_delay_s=60)
    person = deployment.person()
    chat = {"messages": [{"role": "user", "content": "Hi"}]}

    async def ask(client: aiohttp.ClientSession) -> int:
        async with client.post("/v1/chat/completions", json=chat) as answer:
            return answer.status

    async with person.program(hosts[0].url) as first, person.program(hosts[1].url) as second:
        asking = [asyncio.create_task(ask(first)) for _ in range(RUNNING)]
        await until(lambda: model.running == RUNNING)
        assert await ask(second) == 429
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        model.speak(["Hello"])
        statuses: list[int] = []

        async def is_let_in() -> bool:
            statuses.append(await ask(second))
            return statuses[-1] == 200

        await until(is_let_in, timeout_s=10)
    assert set(statuses) <= {200, 429}
