"""Caddy with the project's own Caddyfile in front of the running site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.deploy.proxy import DOMAIN, IMAGES_CADDY, Proxy, running_proxy
from tests.deploy.replica import Replica
from tests.launcher.running import free_port
from tests.support.deployment import Deployment
from tests.support.followers import Follower, PageFollower, ProgramFollower
from tests.support.model import Model, words
from tests.support.people import FORM_TOKEN, Asked, Person
from tests.support.sse import events
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse battery"


@asynccontextmanager
async def site_of(proxy: Proxy, person: Person) -> AsyncIterator[aiohttp.ClientSession]:
    """A program and a browser of a person at once."""
    headers = {"Authorization": f"Bearer {person.access}"}
    cookies = {"sessionid": person.session_cookie, "csrftoken": person.csrf}
    async with proxy.client(headers=headers, cookies=cookies) as client:
        yield client


async def ask(client: aiohttp.ClientSession, proxy: Proxy) -> Asked:
    body = {"message": "Hi", "stream": True}
    async with client.post(f"{proxy.url}/api/chat/", json=body) as response:
        assert response.status == 200, await response.text()
        first = (await anext(events(response))).json()
        return Asked.of(first["session_id"], first["interaction_id"])


async def test_plain_http_is_sent_to_https_at_the_public_name(proxy: Proxy, replicas: list[Replica]):
    async with proxy.client() as client, client.get(proxy.http_url + "/chat/?a=b", allow_redirects=False) as response:
        assert response.status == 308
        # Not to the port that it listens on inside: outside it is 443.
        assert response.headers["Location"] == f"https://{DOMAIN}/chat/?a=b"


async def test_a_page_comes_compressed_over_tls_with_hsts_and_secure_cookies(proxy: Proxy, replicas: list[Replica]):
    async with proxy.client() as client, client.get(proxy.url + "/accounts/login/") as page:
        assert page.status == 200
        assert page.headers["Content-Encoding"] == "gzip"
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Server" not in page.headers
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        [cookie] = page.headers.getall("Set-Cookie")
        assert cookie.startswith("csrftoken=")
        assert "Secure" in cookie


async def test_a_person_signs_up_with_the_form_as_a_browser_sends_it(proxy: Proxy, replicas: list[Replica]):
    async with proxy.client() as browser:
        async with browser.get(proxy.url + "/accounts/signup/") as page:
            [token, *_] = FORM_TOKEN.findall(await page.text())
        form = {"username": "proxied", "password1": PASSWORD, "password2": PASSWORD, "csrfmiddlewaretoken": token}
        headers = {"Origin": proxy.url}
        async with browser.post(proxy.url + "/accounts/signup/", data=form, headers=headers) as page:
            assert (page.status, page.url.path) == (200, "/chat/")
            assert str(page.url).startswith(proxy.url), "redirects stay at the public name"
        assert all(cookie["secure"] for cookie in browser.cookie_jar)


async def test_a_client_cannot_pretend_to_come_without_tls(proxy: Proxy, replicas: list[Replica]):
    async with proxy.client() as browser:
        async with browser.get(proxy.url + "/accounts/login/") as page:
            [token, *_] = FORM_TOKEN.findall(await page.text())
        form = {"username": "a", "password": "b", "csrfmiddlewaretoken": token}
        # Over TLS a form has to say where it stood. Whoever could pretend would get around that.
        headers = {"X-Forwarded-Proto": "http"}
        async with browser.post(proxy.url + "/accounts/login/", data=form, headers=headers) as page:
            assert page.status == 403


async def test_a_client_cannot_say_where_it_comes_from(proxy: Proxy, replicas: list[Replica], deployment: Deployment):
    """The proxy is believed, and says what it sees: everybody who guesses through it here is this machine, whatever
    they claim."""
    deployment.database.execute("TRUNCATE limits_attempt")
    body = {"username": "somebody else's", "password": "a guess"}
    async with proxy.client() as client:
        for number in range(4):
            headers = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
            async with client.post(f"{proxy.url}/api/token/", json=body, headers=headers) as answer:
                assert answer.status == 401
    froms = deployment.database.execute("SELECT count, address FROM limits_attempt WHERE count > 0")
    assert [row["count"] for row in froms] == [4]
    assert len({row["address"] for row in deployment.database.execute("SELECT * FROM limits_attempt")} - {""}) == 1


async def test_clients_of_the_proxy_are_told_apart(replicas: list[Replica], deployment: Deployment):
    """What the proxy sends, sent to a web process as it would for two clients."""
    deployment.database.execute("TRUNCATE limits_attempt")
    body = {"username": "somebody else's", "password": "a guess"}
    # As the public name over TLS.
    headers = {"Host": DOMAIN, "X-Forwarded-Proto": "https"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{replicas[0].port}", headers=headers) as client:
        for client_address in ("198.51.100.1", "198.51.100.2", "198.51.100.2"):
            forwarded = {"X-Forwarded-For": client_address}
            async with client.post("/api/token/", json=body, headers=forwarded) as answer:
                assert answer.status == 401
    froms = deployment.database.execute("SELECT count FROM limits_attempt WHERE count > 0 ORDER BY count")
    assert [row["count"] for row in froms] == [1, 2]


async def test_figures_are_not_for_the_outside(proxy: Proxy):
    async with proxy.client() as client, client.get(proxy.url + "/metrics") as response:
        assert (response.status, await response.text()) == (404, "")


@pytest.mark.parametrize("kind", [ProgramFollower, PageFollower])
async def test_a_stream_comes_as_it_is_written(
    proxy: Proxy, replicas: list[Replica], person: Person, model: Model, kind: type[Follower]
):
    model.speak(words(2000), delay_s=0.02)
    async with site_of(proxy, person) as client:
        asked = await ask(client, proxy)
        path = f"{asked.api}stream/" if kind is ProgramFollower else f"/interactions/{asked.interaction_id}/stream/"
        async with client.get(proxy.url + path) as response:
            assert "Content-Encoding" not in response.headers
            received = events(response)
            texts = 0
            while texts < 3:
                event = await anext(received)
                texts += event.name in {"delta", "block"}
            assert model.running == 1, "the answer is far from its end"
            model.hurry()
            assert [event.name async for event in received][-1] == "done"


async def test_a_page_that_streams_itself_comes_as_it_is_written(
    proxy: Proxy, replicas: list[Replica], person: Person, model: Model
):
    model.speak(words(2000), delay_s=0.02)
    async with site_of(proxy, person) as client:
        asked = await ask(client, proxy)
        async with client.get(f"{proxy.url}{asked.page}live/") as response:
            assert "Content-Encoding" not in response.headers
            page = b""
            while page.count(b"</p>") < 3 or b'class="draft"' not in page:
                page += await response.content.readany()
            assert model.running == 1, "the answer is far from its end"
            model.hurry()
            assert (await response.read()).rstrip().endswith(b"</html>")


async def test_web_processes_are_replaced_without_a_failed_page_or_a_lost_character(
    tmp_path: Path, replicas: list[Replica], person: Person, model: Model
):
    whole = model.speak(words(400), delay_s=0.02)
    done = asyncio.Event()
    statuses: list[int] = []

    async def keep_asking(client: aiohttp.ClientSession) -> None:
        while not done.is_set():
            async with client.get(f"{proxy.url}/chat/") as page:
                statuses.append(page.status)

    sites = " ".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    async with (
        running_proxy(tmp_path / "caddy", IMAGES_CADDY, UPSTREAMS="listed", SITES=sites) as proxy,
        site_of(proxy, person) as client,
    ):
        asked = await ask(client, proxy)
        program = ProgramFollower([proxy.url], asked)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(program.follow(client))
            visitors = [tasks.create_task(keep_asking(client)) for _ in range(2)]
            for replica in replicas:
                served = len(statuses)
                await replica.stop()
                await until(partial(_more_than, statuses, served + 5))
                await replica.start()
            done.set()
            await asyncio.gather(*visitors)
            model.hurry()
    assert set(statuses) == {200}
    assert program.text == whole
    assert program.connections > 1, "it was cut off, and came back"


def _more_than(statuses: list[int], count: int) -> bool:
    return len(statuses) > count


async def test_web_processes_are_found_by_name(tmp_path: Path, replicas: list[Replica]):
    async with (
        running_proxy(tmp_path / "caddy", SITE_HOST="localhost", SITE_PORT=str(replicas[0].port)) as proxy,
        proxy.client() as client,
        client.get(proxy.url + "/healthz") as response,
    ):
        assert (response.status, await response.text()) == (200, "ok")


async def test_requests_wait_for_a_web_process_and_are_told_to_come_back_when_there_is_none(tmp_path: Path):
    port = free_port()
    sent = asyncio.Event()

    async def note(*_: object) -> None:
        sent.set()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note)
    async with (
        running_proxy(tmp_path / "caddy", UPSTREAMS="listed", SITES=f"127.0.0.1:{port}") as proxy,
        proxy.client(trace_configs=[trace]) as client,
    ):
        async with client.get(proxy.url) as response:
            assert response.status in {502, 503}
            assert response.headers["Retry-After"] == "5"
            assert "Try again" in await response.text()
        sent.clear()
        waiting = asyncio.create_task(client.get(proxy.url))
        await sent.wait()
        async with _site(port, web.Application()):
            response = await waiting
            assert response.status == 404, "this one knows no page, but it answered"
            response.close()


async def test_when_a_client_leaves_its_request_ends_at_the_site(tmp_path: Path):
    left = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": request.query["type"], "X-Accel-Buffering": "no"})
        await response.prepare(request)
        try:
            await response.write(b"<p>first</p>\n")
            await asyncio.Event().wait()
        finally:
            left.set()
        return response

    app = web.Application()
    app.router.add_get("/", stream)
    port = free_port()
    async with (
        _site(port, app),
        running_proxy(tmp_path / "caddy", UPSTREAMS="listed", SITES=f"127.0.0.1:{port}") as proxy,
    ):
        for kind in ("text/event-stream", "text/html", "application/octet-stream"):
            left.clear()
            async with proxy.client() as client, client.get(proxy.url, params={"type": kind}) as response:
                assert "Content-Encoding" not in response.headers
                assert await response.content.readline() == b"<p>first</p>\n", "passed on before there is more"
                assert not left.is_set()
            async with asyncio.timeout(5):
                await left.wait()


@asynccontextmanager
async def _site(port: int, app: web.Application) -> AsyncIterator[None]:
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        with suppress(Exception):
            await runner.cleanup()
