"""What a server says about itself."""

import aiohttp
import pytest


@pytest.mark.parametrize("path", ["/health", "/ping", "/"])
async def test_health_is_an_empty_200(http: aiohttp.ClientSession, path: str):
    async with http.get(path) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_info_names_the_model_and_the_limits(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        info = await response.json()
    assert info["model_id"]
    assert info["max_input_tokens"] < info["max_total_tokens"]
    numbers = ("max_concurrent_requests", "max_stop_sequences", "max_best_of", "max_client_batch_size")
    assert all(info[name] >= 1 for name in numbers)
    assert {"version", "router", "model_sha", "model_pipeline_tag", "validation_workers"} <= info.keys()


async def test_models_lists_the_one_model(http: aiohttp.ClientSession):
    async with http.get("/v1/models") as response:
        body = await response.json()
    async with http.get("/info") as response:
        info = await response.json()
    assert body["object"] == "list"
    assert [model["id"] for model in body["data"]] == [info["model_id"]]


async def test_an_unknown_route_is_an_empty_404(http: aiohttp.ClientSession):
    async with http.get("/no/such/route") as response:
        assert (response.status, await response.read()) == (404, b"")


async def test_a_wrong_method_is_a_405(http: aiohttp.ClientSession):
    async with http.get("/generate") as response:
        assert response.status == 405


async def test_tokenize_gives_ids_texts_and_places(http: aiohttp.ClientSession):
    async with http.post("/tokenize", json={"inputs": "Hello world"}) as response:
        tokens = await response.json()
    assert "".join(token["text"] for token in tokens).endswith("Hello world")
    assert tokens[-1]["stop"] == len("Hello world")
    assert all(isinstance(token["id"], int) for token in tokens)


async def test_chat_tokenize_gives_the_prompt_and_its_tokens(http: aiohttp.ClientSession):
    body = {"messages": [{"role": "user", "content": "What is a heron?"}]}
    async with http.post("/chat_tokenize", json=body) as response:
        answer = await response.json()
    assert "What is a heron?" in answer["templated_text"]
    async with http.post("/v1/chat/completions", json={**body, "max_tokens": 1}) as response:
        usage = (await response.json())["usage"]
    assert len(answer["tokenize_response"]) == usage["prompt_tokens"]
