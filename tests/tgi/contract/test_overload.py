"""More requests than permits, clients that leave, and the counters that tell of both."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from tests.tgi.contract.asking import CHAT, COMPLETIONS, COUNTING, ENDLESS, SHORT, chat, generate, generate_stream
from tests.tgi.wire import DONE, events, frames, refusal

# Nothing about it is right: what is refused for want of a permit has not been looked at.
WRONG = {"inputs": "", "parameters": {"temperature": 0.0}}
OVERLOADED = {"error": "Model is overloaded", "error_type": "overloaded"}
IN_CHAT = {"error": {"message": "Model is overloaded", "http_status_code": 422}}
HISTOGRAMS = (
    "tgi_request_duration",
    "tgi_request_queue_duration",
    "tgi_request_validation_duration",
    "tgi_request_inference_duration",
    "tgi_request_mean_time_per_token_duration",
    "tgi_request_input_length",
    "tgi_request_generated_tokens",
    "tgi_request_max_new_tokens",
)
# Polls of a server that is on its way to the state that is waited for.
POLLS = 2000


async def metrics(http: aiohttp.ClientSession) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    async with http.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/plain")
        lines = (await response.text()).splitlines()
    samples = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in samples}


@asynccontextmanager
async def full(http: aiohttp.ClientSession) -> AsyncIterator[tuple[aiohttp.ClientResponse, AsyncIterator[str]]]:
    """All permits taken, by streams that do not end; the first one, which has begun, and its events."""
    async with http.get("/info") as response:
        permits = (await response.json())["max_concurrent_requests"]
    async with AsyncExitStack() as stack:
        streams = []
        for _ in range(permits):
            streams.append(await stack.enter_async_context(http.post("/generate_stream", json=ENDLESS)))
            stack.callback(streams[-1].close)
        received = frames(streams[0])
        await anext(received)
        await until_answered(http, 429)
        yield streams[0], received


async def until_answered(http: aiohttp.ClientSession, status: int) -> None:
    """Ask until a wrong request is refused with ``status``: 429 without a permit, 422 with one."""
    for _ in range(POLLS):
        if (await refusal(http, "/generate", WRONG))[0] == status:
            return
    raise AssertionError(f"no {status} in {POLLS} requests")


async def until_idle(http: aiohttp.ClientSession) -> None:
    for _ in range(POLLS):
        samples = await metrics(http)
        if samples.get("tgi_batch_current_size", 0) == samples.get("tgi_queue_size", 0) == 0:
            return
    raise AssertionError(f"still busy after {POLLS} looks at /metrics")


async def test_one_request_too_many_is_refused_before_it_is_looked_at(http: aiohttp.ClientSession):
    async with full(http) as (_, received):
        for path in ("/generate", "/"):
            assert await refusal(http, path, WRONG) == (429, OVERLOADED)
            assert await refusal(http, path, SHORT) == (429, OVERLOADED)
        # In a stream the status has been sent when it is known.
        assert await events(http, "/generate_stream", WRONG) == [OVERLOADED]
        assert await refusal(http, CHAT, chat(top_p=1.0)) == (429, OVERLOADED)
        assert await events(http, CHAT, chat(top_p=1.0, stream=True)) == [IN_CHAT, DONE]
        assert await refusal(http, COMPLETIONS, {"prompt": "", "max_tokens": 0}) == (429, OVERLOADED)
        assert await events(http, COMPLETIONS, {"prompt": "", "stream": True}) == [IN_CHAT, DONE]
        # What needs no permit is answered as ever, and those that run go on.
        for path in ("/health", "/info", "/metrics"):
            async with http.get(path) as response:
                assert response.status == 200
        async with http.post("/tokenize", json={"inputs": "a"}) as response:
            assert response.status == 200
        assert '"generated_text":null' in await anext(received)


async def test_a_client_that_leaves_gives_its_permit_and_its_place_back(http: aiohttp.ClientSession):
    async with full(http) as (stream, _):
        stream.close()
        await until_answered(http, 422)
        # One place only.
        async with http.post("/generate_stream", json=ENDLESS) as response:
            await until_answered(http, 429)
            response.close()
        await until_answered(http, 422)
    await until_idle(http)


async def test_leaving_a_plain_request_gives_its_place_back(http: aiohttp.ClientSession):
    await until_idle(http)
    both = {"max_new_tokens": 1000, "best_of": 2, "temperature": 0.1}
    for path, body in (
        ("/generate", ENDLESS),
        ("/generate", {"inputs": COUNTING, "parameters": both}),
        (CHAT, chat(("user", COUNTING), max_tokens=1000)),
        (COMPLETIONS, {"prompt": COUNTING, "max_tokens": 1000}),
    ):
        try:
            async with http.post(path, json=body, timeout=aiohttp.ClientTimeout(total=0.4)):
                raise AssertionError("it ended too soon to leave it")
        except TimeoutError:
            await until_idle(http)


async def test_every_metric_has_tgis_name(http: aiohttp.ClientSession):
    await generate(http)
    await refusal(http, "/generate", WRONG)
    samples = await metrics(http)
    assert samples["tgi_request_count"] > 0
    assert samples["tgi_request_success"] > 0
    assert samples['tgi_request_failure{err="validation"}'] > 0
    assert {"tgi_queue_size", "tgi_batch_current_size"} <= samples.keys()
    for name in HISTOGRAMS:
        assert samples[f"{name}_count"] > 0
        assert f"{name}_sum" in samples
        assert samples[f'{name}_bucket{{le="+Inf"}}'] == samples[f"{name}_count"]
        buckets = [value for key, value in samples.items() if re.match(rf"{name}_bucket{{le=", key)]
        assert buckets == sorted(buckets)
    assert not any(name.endswith(("_total", "_created")) for name in samples)


async def test_an_answer_is_counted_once_with_its_tokens(http: aiohttp.ClientSession):
    await until_idle(http)
    before = await metrics(http)
    await generate(http, max_new_tokens=3)
    await generate_stream(http, max_new_tokens=5)
    after = await metrics(http)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown("tgi_request_count") == grown("tgi_request_success") == 2
    assert all(grown(f"{name}_count") == 2 for name in HISTOGRAMS)
    assert grown("tgi_request_generated_tokens_sum") == grown("tgi_request_max_new_tokens_sum") == 8
    assert grown("tgi_request_input_length_sum") > 0
    assert 0 < grown("tgi_request_inference_duration_sum") <= grown("tgi_request_duration_sum")


async def test_failures_are_counted_by_their_kind(http: aiohttp.ClientSession):
    before = await metrics(http)
    await refusal(http, "/generate", WRONG)
    await events(http, "/generate_stream", WRONG)
    async with full(http):
        await refusal(http, "/generate", SHORT)
    after = await metrics(http)
    validation, overloaded = 'tgi_request_failure{err="validation"}', 'tgi_request_failure{err="overloaded"}'
    assert after[validation] - before.get(validation, 0) >= 2
    assert after[overloaded] > before.get(overloaded, 0)
    assert after["tgi_request_count"] > before["tgi_request_count"]
