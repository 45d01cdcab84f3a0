"""The process: how it starts, what it refuses, how clients that leave free it, how it stops."""

import asyncio
import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import aiohttp
import pytest

from tests.tgi.conftest import API_KEY
from tests.tgi.serverprocess import ROOT, STOP_SECONDS, Running, command, environment, run_server, run_to_end
from tests.tgi.wire import DONE, answer, events, frames, refusal

PROMPT = "Once upon a time, there was a little"
# Greedy: it repeats itself and does not end.
LONG = {"inputs": PROMPT, "parameters": {"max_new_tokens": 900}}
SHORT = {"inputs": PROMPT, "parameters": {"max_new_tokens": 2}}
CHAT = {"messages": [{"role": "user", "content": "Name three birds."}], "max_tokens": 2}


async def first_frame(response: aiohttp.ClientResponse) -> str:
    return await anext(frames(response))


async def queue_milliseconds(http: aiohttp.ClientSession) -> int:
    """How long a short request had to wait for the one slot."""
    async with http.post("/generate", json=SHORT) as response:
        assert response.status == 200
        return int(response.headers["x-queue-time"])


async def test_a_key_guards_what_costs_computing(limited: Running):
    async with aiohttp.ClientSession(limited.url) as stranger:
        for path in ("/", "/generate", "/generate_stream", "/v1/chat/completions", "/tokenize"):
            async with stranger.post(path, json=SHORT, headers={"Authorization": "Bearer no"}) as response:
                assert (response.status, await response.read()) == (401, b""), path
        async with stranger.post("/chat_tokenize", json=CHAT) as response:
            assert response.status == 200
        for path in ("/health", "/info", "/v1/models"):
            async with stranger.get(path) as response:
                assert response.status == 200


async def test_the_scheme_of_the_key_is_read_as_http_has_it_and_the_key_to_the_letter(limited: Running):
    async with aiohttp.ClientSession(limited.url) as http:
        for given, status in ((f"bearer {API_KEY}", 200), (f"Bearer {API_KEY.upper()}", 401), ("Bearer \xe4", 401)):
            async with http.post("/tokenize", json=SHORT, headers={"Authorization": given}) as response:
                assert response.status == status, given


async def test_probes_may_ask_for_the_head(limited_http: aiohttp.ClientSession):
    for path in ("/", "/health", "/ping"):
        async with limited_http.head(path) as response:
            assert response.status == 200


async def test_what_is_nested_too_deeply_is_a_400(limited_http: aiohttp.ClientSession):
    headers = {"Content-Type": "application/json"}
    async with limited_http.post("/generate", data=b'{"a":' + b"[" * 100_000, headers=headers) as response:
        assert (response.status, response.content_type) == (400, "text/plain")


async def test_browsers_of_other_origins_are_let_in_only_by_name(limited_http: aiohttp.ClientSession):
    page = {"Origin": "https://chat.example"}
    async with limited_http.get("/info", headers=page) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
    with run_server("--cors-allow-origin", "https://chat.example,https://b.example", API_KEY=API_KEY) as server:
        async with aiohttp.ClientSession(server.url) as http:
            async with http.get("/info", headers=page) as response:
                assert response.headers["Access-Control-Allow-Origin"] == "https://chat.example"
            async with http.get("/info", headers={"Origin": "https://other.example"}) as response:
                assert "Access-Control-Allow-Origin" not in response.headers
            asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
            async with http.options("/v1/chat/completions", headers={**page, **asks}) as response:
                assert response.status == 200
                assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()


async def test_leaving_a_stream_frees_the_slot(limited_http: aiohttp.ClientSession):
    async with limited_http.post("/generate_stream", json=LONG) as response:
        await first_frame(response)
        response.close()
    assert await queue_milliseconds(limited_http) < 2000


async def test_leaving_a_chat_stream_frees_the_slot(limited_http: aiohttp.ClientSession):
    chat = {**CHAT, "max_tokens": 900, "stream": True}
    async with limited_http.post("/v1/chat/completions", json=chat) as response:
        await first_frame(response)
        response.close()
    assert await queue_milliseconds(limited_http) < 2000


async def test_leaving_a_plain_request_frees_the_slot(limited_http: aiohttp.ClientSession):
    with pytest.raises(TimeoutError):
        await limited_http.post("/generate", json=LONG, timeout=aiohttp.ClientTimeout(total=0.5))
    assert await queue_milliseconds(limited_http) < 2000


async def leave_the_queue(http: aiohttp.ClientSession) -> None:
    """Take the second permit and wait in the queue, then go; as soon as who left before has given it back."""
    async with asyncio.timeout(10):
        while True:
            try:
                async with http.post("/generate", json=SHORT, timeout=aiohttp.ClientTimeout(total=0.3)) as response:
                    assert response.status == 429
            except TimeoutError:
                return


async def test_leaving_the_queue_gives_the_permit_back(limited_http: aiohttp.ClientSession):
    async with limited_http.post("/generate_stream", json=LONG) as running:
        await first_frame(running)
        for _ in range(3):
            await leave_the_queue(limited_http)
        running.close()
    assert await queue_milliseconds(limited_http) < 2000


async def test_too_many_requests_are_refused_at_once(limited_http: aiohttp.ClientSession):
    async with limited_http.post("/generate_stream", json=LONG) as running:
        await first_frame(running)
        async with limited_http.post("/generate_stream", json=LONG):
            invalid = {"inputs": "", "parameters": {"temperature": 0.0}}
            status, body = await refusal(limited_http, "/generate", invalid)
            assert (status, body) == (429, {"error": "Model is overloaded", "error_type": "overloaded"})
            assert await events(limited_http, "/generate_stream", SHORT) == [body]
            status, body = await refusal(limited_http, "/v1/chat/completions", CHAT)
            assert status == 429
            overloaded = {"error": {"message": "Model is overloaded", "http_status_code": 422}}
            stream = await events(limited_http, "/v1/chat/completions", {**CHAT, "stream": True})
            assert stream == [overloaded, DONE]
            async with limited_http.get("/health") as response:
                assert response.status == 200


async def test_max_total_tokens_is_the_limit(limited_http: aiohttp.ClientSession):
    async with limited_http.get("/info") as response:
        info = await response.json()
    assert (info["max_total_tokens"], info["max_input_tokens"]) == (1024, 1023)
    status, body = await refusal(limited_http, "/generate", {"inputs": "word " * 1100})
    assert status == 422
    assert "must be <= 1024" in body["error"]


@pytest.mark.parametrize("wish", [{"n": 2}, {"logit_bias": {"1": 1}}])
async def test_a_chat_wish_that_cannot_be_met_is_refused_before_the_stream(
    limited_http: aiohttp.ClientSession, wish: dict[str, object]
):
    status, body = await refusal(limited_http, "/v1/chat/completions", {**CHAT, **wish, "stream": True})
    assert (status, body["error_type"]) == (422, "validation")
    assert f"`{next(iter(wish))}`" in body["error"]


async def test_a_template_error_comes_before_the_stream(limited_http: aiohttp.ClientSession):
    turn = {"role": "assistant", "content": "a"}
    status, body = await refusal(limited_http, "/v1/chat/completions", {"messages": [turn, turn], "stream": True})
    assert (status, body["error_type"]) == (422, "template_error")


async def test_streams_share_the_engine_token_by_token(base_url: str):
    async with aiohttp.ClientSession(base_url) as http, http.post("/generate_stream", json=LONG) as long:
        await first_frame(long)
        await answer(http, "/generate", SHORT)
        # The short one has come and gone while the long one still runs.
        assert '"generated_text":null' in await first_frame(long)
        long.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_within_two_seconds_with_streams_running(number: signal.Signals):
    with run_server() as server:
        async with aiohttp.ClientSession(server.url) as http:
            streams = [await http.post("/generate_stream", json=LONG) for _ in range(3)]
            await asyncio.gather(*(first_frame(stream) for stream in streams))
            started = time.monotonic()
            server.process.send_signal(number)
            assert await asyncio.to_thread(server.process.wait, STOP_SECONDS) == 0
            assert time.monotonic() - started < 2
            for stream in streams:
                *_, last = [json.loads(data) async for data in frames(stream)]
                assert last["error_type"] == "generation"
                assert last["error"].endswith("the server is shutting down")


# Our own server, with one of its functions changed before it starts.
ENGINE_DIES = """
import asyncio, tgi.__main__ as main
build_app = main.build_app
def build(service, *args, **kwargs):
    asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(service.engine.aclose()))
    return build_app(service, *args, **kwargs)
main.build_app = build
main.main()
"""
CHAT_IS_BROKEN = """
import tgi.__main__ as main, tgi.chat
async def answer(*args):
    raise LookupError("a mistake of ours")
tgi.chat.answer = answer
main.main()
"""


def test_an_engine_that_dies_ends_the_process_for_another_to_be_started():
    with run_server(program=("-c", ENGINE_DIES)) as server:
        assert server.process.wait(STOP_SECONDS) == 1
        assert server.last_words() == "The engine has died.\n"


async def test_a_mistake_of_ours_ends_that_request_alone():
    with run_server(program=("-c", CHAT_IS_BROKEN)) as server:
        async with aiohttp.ClientSession(server.url) as http:
            status, body = await refusal(http, "/v1/chat/completions", CHAT)
            assert (status, body["error_type"]) == (500, "incomplete_generation")
            assert "LookupError" not in body["error"]
            await answer(http, "/generate", SHORT)


def test_nothing_but_its_own_lines_on_the_terminal():
    with run_server() as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOP_SECONDS) == 0
        assert server.last_words() == ""


def test_a_port_in_use_is_one_line_before_the_model_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = run_to_end("--port", str(port), MODEL_ID="/no/such/model.gguf")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_model_that_does_not_exist_is_one_line():
    started = time.monotonic()
    ended = run_to_end("--port", "0", MODEL_ID="/no/such/model.gguf")
    assert time.monotonic() - started < 5
    assert ended.returncode == 2
    assert ended.stderr.startswith("MODEL_ID=/no/such/model.gguf: no such file. Set MODEL_ID to")
    assert len(ended.stderr.splitlines()) == 1


def test_more_than_the_models_context_is_one_line():
    ended = run_to_end("--port", "0", MAX_TOTAL_TOKENS="100000")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("MAX_TOTAL_TOKENS is 100000, but the model's context has")


def test_a_gpu_that_is_not_there_is_one_line():
    ended = run_to_end("--port", "0", "--device", "cuda")
    assert ended.returncode == 2
    assert "llama.cpp finds no GPU for --device cuda" in ended.stderr.splitlines()[-1]


def test_transformers_that_is_not_installed_is_one_line(tmp_path: Path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    ended = run_to_end("--port", "0", ENGINE="transformers", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == (
        "--engine transformers is not installed (No module named 'torch'): "
        "pip install -r tgi/requirements-transformers.txt"
    )


def test_a_bad_variable_is_named():
    ended = run_to_end("--port", "0", MAX_CONCURRENT_REQUESTS="lots")
    assert ended.returncode == 2
    assert ended.stderr == "MAX_CONCURRENT_REQUESTS: 'lots' is not a whole number above 0\n"


def test_an_inherited_socket_is_served():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        with subprocess.Popen(
            command("--fd", str(number)),
            cwd=ROOT,
            env=environment(),
            pass_fds=[number],
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                # Connects at once, and is answered when the model is ready.
                with socket.create_connection(listener.getsockname(), timeout=60) as client:
                    client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert client.recv(64).startswith(b"HTTP/1.1 200")
            finally:
                process.kill()
