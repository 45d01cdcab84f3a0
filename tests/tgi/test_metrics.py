"""/metrics: what is counted, when, and under TGI's names."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.tgi.serverprocess import run_server
from tests.tgi.wire import answer, events, frames, refusal
from tgi.errors import FAILURES, GenerationError, IncompleteError, ToolError, UnhealthyError, ValidationError
from tgi.metrics import Metrics
from tgi.protocol.validation import Limits

PROMPT = "Once upon a time, there was a little"
SHORT = {"inputs": PROMPT, "parameters": {"max_new_tokens": 3}}
# Greedy: it repeats itself and does not end.
LONG = {"inputs": PROMPT, "parameters": {"max_new_tokens": 900}}
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Name three birds."}], "max_tokens": 2}
DURATIONS = (
    "tgi_request_duration",
    "tgi_request_validation_duration",
    "tgi_request_queue_duration",
    "tgi_request_inference_duration",
    "tgi_request_mean_time_per_token_duration",
)
LENGTHS = ("tgi_request_input_length", "tgi_request_generated_tokens", "tgi_request_max_new_tokens")

Samples = dict[str, float]


def read(text: str) -> Samples:
    """Values by name, labels included as they are written."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


class Server:
    """A server with one slot and two permits, and what changed in its counts."""

    def __init__(self, http: aiohttp.ClientSession, before: Samples) -> None:
        self.http = http
        self._before = before

    async def samples(self) -> Samples:
        async with self.http.get("/metrics") as response:
            return read(await response.text())

    async def change(self, name: str) -> float:
        return (await self.samples())[name] - self._before[name]

    async def changes(self) -> dict[str, float]:
        """The counters that moved."""
        now = await self.samples()
        names = ("tgi_request_count", "tgi_request_success", "tgi_request_failure")
        moved = {name: value - self._before[name] for name, value in now.items() if name.startswith(names)}
        return {name: difference for name, difference in moved.items() if difference}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with run_server("--max-batch-size", "1", "--max-concurrent-requests", "2", "--max-total-tokens", "1000") as server:
        yield server.url


@pytest.fixture
async def server(url: str) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession(url) as http:
        yield Server(http, await Server(http, {}).samples())


async def test_the_format_is_prometheus_text_and_needs_no_key(limited_http: aiohttp.ClientSession):
    async with limited_http.get("/metrics", headers={"Authorization": ""}) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = await response.text()
    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert {name: kinds[name] for name in (*DURATIONS, *LENGTHS)} == dict.fromkeys((*DURATIONS, *LENGTHS), "histogram")
    assert kinds["tgi_queue_size"] == kinds["tgi_batch_current_size"] == "gauge"
    for counter in ("tgi_request_count", "tgi_request_success", "tgi_request_failure"):
        assert f"# TYPE {counter} counter\n" in text
    assert "_total" not in text
    assert "_created" not in text


async def test_buckets_are_tgis(server: Server):
    samples = await server.samples()
    edges = [float(name.split('"')[1]) for name in samples if name.startswith('tgi_request_duration_bucket{le="')]
    assert len(edges) == 36
    assert edges[0] == pytest.approx(0.00015)
    assert edges[34] == pytest.approx(0.0001 * 1.5**35)
    assert 'tgi_request_generated_tokens_bucket{le="10.0"}' in samples
    assert 'tgi_request_input_length_bucket{le="999.0"}' in samples


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate", SHORT),
        ("/", SHORT),
        ("/v1/chat/completions", CHAT),
        ("/v1/completions", {"prompt": PROMPT, "max_tokens": 2}),
    ],
)
async def test_an_answer_counts_once_with_its_times_and_lengths(server: Server, path: str, body: dict[str, object]):
    await answer(server.http, path, body)
    assert await server.changes() == {"tgi_request_count": 1, "tgi_request_success": 1}
    for name in (*DURATIONS, *LENGTHS):
        assert await server.change(f"{name}_count") == 1, name


async def test_what_is_observed_is_what_the_headers_say(server: Server):
    async with server.http.post("/generate", json=SHORT) as response:
        headers = response.headers
    assert await server.change("tgi_request_generated_tokens_sum") == 3 == int(headers["x-generated-tokens"])
    assert await server.change("tgi_request_max_new_tokens_sum") == 3
    assert await server.change("tgi_request_input_length_sum") == int(headers["x-prompt-tokens"])
    total, parts = await server.change("tgi_request_duration_sum"), 0.0
    for name in ("validation", "queue", "inference"):
        parts += await server.change(f"tgi_request_{name}_duration_sum")
    assert total == pytest.approx(parts)
    assert total * 1000 == pytest.approx(int(headers["x-total-time"]), abs=20)
    per_token = await server.change("tgi_request_mean_time_per_token_duration_sum")
    assert per_token == pytest.approx(await server.change("tgi_request_inference_duration_sum") / 3)


async def test_a_stream_counts_as_a_plain_answer_does(server: Server):
    await events(server.http, "/generate_stream", SHORT)
    await events(server.http, "/v1/chat/completions", {**CHAT, "stream": True})
    assert await server.changes() == {"tgi_request_count": 2, "tgi_request_success": 2}
    assert await server.change("tgi_request_duration_count") == 2


VALIDATION = 'tgi_request_failure{err="validation"}'


@pytest.mark.parametrize(
    ("path", "body", "failure"),
    [
        ("/generate", {"inputs": ""}, VALIDATION),
        ("/v1/chat/completions", {**CHAT, "top_p": 1.0}, VALIDATION),
        ("/v1/chat/completions", {"messages": [CHAT["messages"][0]] * 2, "n": 2}, VALIDATION),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "assistant", "content": "a"}] * 2},
            'tgi_request_failure{err="template"}',
        ),
    ],
)
async def test_a_refusal_counts_once_by_its_kind(server: Server, path: str, body: dict[str, object], failure: str):
    status, _ = await refusal(server.http, path, body)
    assert status == 422
    assert await server.changes() == {"tgi_request_count": 1, failure: 1}
    assert await server.change("tgi_request_duration_count") == 0


@pytest.mark.parametrize("parameters", [{"top_p": 1.0}, {"best_of": 2}])
async def test_a_refused_stream_counts_too(server: Server, parameters: dict[str, object]):
    await events(server.http, "/generate_stream", {"inputs": "x", "parameters": parameters})
    assert await server.changes() == {"tgi_request_count": 1, VALIDATION: 1}


async def test_what_never_reaches_the_rules_does_not_count(server: Server):
    async with server.http.post("/generate", data=b"no JSON", headers={"Content-Type": "application/json"}) as response:
        assert response.status == 400
    await answer(server.http, "/tokenize", {"inputs": "x"})
    async with server.http.get("/info"):
        pass
    assert await server.changes() == {}


async def test_queue_batch_and_overload_are_seen_while_they_last(server: Server):
    async with server.http.post("/generate_stream", json=LONG) as running:
        await anext(frames(running))
        assert (await server.samples())["tgi_queue_size"] == 0
        waiting = asyncio.create_task(server.http.post("/generate_stream", json=LONG))
        await until(server, "tgi_queue_size", 1)
        now = await server.samples()
        assert now["tgi_batch_current_size"] == 1
        assert now["tgi_batch_current_max_tokens"] > 900
        status, _ = await refusal(server.http, "/generate", SHORT)
        assert status == 429
        running.close()
        (await waiting).close()
    await until(server, "tgi_batch_current_size", 0)
    # Who leaves has neither succeeded nor failed.
    assert await server.changes() == {"tgi_request_count": 3, 'tgi_request_failure{err="overloaded"}': 1}


async def until(server: Server, name: str, value: float) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(10):
        while (await server.samples())[name] != value:
            pass


def test_every_kind_of_error_has_a_place():
    metrics = Metrics(Limits(9, 10))
    for error in (GenerationError("x"), IncompleteError(), ToolError("x"), ValidationError("x")):
        with pytest.raises(type(error)), metrics.request():
            raise error
        metrics.refused(error)  # it is the same one: no second count
    samples = read(metrics.render().decode())
    assert samples["tgi_request_count"] == 4
    kinds = {kind: samples[f'tgi_request_failure{{err="{kind}"}}'] for kind in FAILURES}
    assert kinds == {"generation": 1, "incomplete": 1, "tool": 1, "validation": 1, "template": 0, "overloaded": 0}
    assert UnhealthyError.failure in FAILURES
