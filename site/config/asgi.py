"""The ASGI application: Django, and around it the life of what a web process runs beside requests."""

from __future__ import annotations

import gc
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402
from django.template.loader import get_template  # noqa: E402
from django.urls import get_resolver  # noqa: E402
from django.utils.translation import gettext, override  # noqa: E402

from chat.process import ChatProcess, current, set_current  # noqa: E402 - models need Django set up
from config.handler import Handler, Receive, Send  # noqa: E402
from config.limits import refuse_body, refuse_file  # noqa: E402
from inference.client import InferenceClient  # noqa: E402
from inference.stream import Timeouts  # noqa: E402
from limits.settling import Settler  # noqa: E402

django_application = Handler()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Requests go to Django; the server's start and stop are ours."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif refused := refuse_body(scope) or await refuse_file(scope):
        await django_application.send_response(refused, send)
    else:
        await django_application(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    load_catalogs()
    load_pages()
    spare_collections()
    process = _chat_process()
    await process.start()
    set_current(process)
    settler = Settler()
    settler.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await process.stop()
    set_current(None)
    await settler.stop()
    await send({"type": "lifespan.shutdown.complete"})


def load_catalogs() -> None:
    """Now, not in the first request of each language: it is read on the event loop."""
    for code, _ in settings.LANGUAGES:
        with override(code):
            gettext("Chats")


def load_pages() -> None:
    """The same for views and templates: the first people after a start need not wait for them."""
    get_resolver().url_patterns  # noqa: B018 - reading them imports the views
    for name in ("chat/chat.html", "_fragments/asked.html", "_fragments/answer.html", "accounts/login.html"):
        get_template(name)


def spare_collections() -> None:
    """What is loaded now stays for good, so the collector need not look through it again and again; and what a request
    makes is nearly all freed without the collector, so it may come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _chat_process() -> ChatProcess:
    env = settings.ENV
    timeouts = Timeouts(
        connect=env.tgi_connect_timeout, first_token=env.tgi_first_token_timeout, token=env.tgi_token_timeout
    )
    # Without TGI_URL there is the address at which `make run` starts the local server.
    url = env.tgi_url or f"http://127.0.0.1:{env.tgi_port}"
    client = InferenceClient(url, api_key=env.tgi_api_key, timeouts=timeouts)
    return ChatProcess(client, retry_for_s=env.tgi_retry_for)


def drain() -> None:
    """The server was told to stop: end the streams, so that it need not wait for them."""
    if process := current():
        process.drain()
