"""Every route, who may use it, and what a server says about itself."""

import aiohttp
import pytest

from tests.tgi.contract.asking import CHAT, COMPLETIONS, SHORT, chat, messages
from tests.tgi.contract.conftest import Target

PROTECTED = ("/", "/generate", "/generate_stream", CHAT, COMPLETIONS, "/tokenize", "/invocations")
OPEN = ("/", "/health", "/ping", "/info", "/metrics", "/v1/models", "/docs", "/api-doc/openapi.json")


@pytest.mark.parametrize("path", ["/health", "/ping", "/"])
async def test_health_is_an_empty_200(http: aiohttp.ClientSession, path: str):
    async with http.get(path) as response:
        assert (response.status, await response.read()) == (200, b"")


@pytest.mark.parametrize("path", OPEN)
async def test_reading_needs_no_key(target: Target, path: str):
    async with aiohttp.ClientSession(target.url) as stranger, stranger.get(path) as response:
        assert response.status == 200


async def test_chat_tokenize_needs_no_key(target: Target):
    async with (
        aiohttp.ClientSession(target.url) as stranger,
        stranger.post("/chat_tokenize", json={"messages": messages()}) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer", "Basic {key}", "{key}", "Bearer {key}x"])
async def test_computing_needs_the_key(target: Target, path: str, given: str | None):
    if target.key is None:
        pytest.skip("the server at TGI_URL has no TGI_API_KEY")
    headers = {"Authorization": given.format(key=target.key)} if given else {}
    async with (
        aiohttp.ClientSession(target.url, headers=headers) as stranger,
        # Also where the body could not be read: who may not ask learns nothing.
        stranger.post(path, data=b"{not json") as response,
    ):
        assert (response.status, await response.read()) == (401, b"")


async def test_info_names_the_model_and_the_limits(http: aiohttp.ClientSession):
    async with http.get("/info") as response:
        info = await response.json()
    assert info["model_id"]
    assert info["version"].startswith("3.")
    assert 0 < info["max_input_tokens"] < info["max_total_tokens"]
    numbers = ("max_concurrent_requests", "max_stop_sequences", "max_best_of", "max_client_batch_size")
    assert all(info[name] >= 1 for name in (*numbers, "validation_workers"))
    assert {"router", "model_sha", "model_pipeline_tag", "sha", "docker_label"} <= info.keys()


async def test_models_lists_the_one_model(http: aiohttp.ClientSession):
    async with http.get("/v1/models") as response:
        body = await response.json()
    async with http.get("/info") as response:
        info = await response.json()
    assert body["object"] == "list"
    (model,) = body["data"]
    assert model == {"id": info["model_id"], "object": "model", "created": 0, "owned_by": info["model_id"]}


async def test_the_documentation_is_a_page_and_the_document_names_every_route(http: aiohttp.ClientSession):
    async with http.get("/docs") as response:
        assert response.headers["content-type"].startswith("text/html")
    async with http.get("/api-doc/openapi.json") as response:
        paths = (await response.json())["paths"]
    assert {"/", "/chat_tokenize", "/health", "/info", "/metrics", "/v1/models"} | set(PROTECTED) <= paths.keys()


@pytest.mark.parametrize("path", ["/no/such/route", "/generate/", "/v1", "/v1/chat", "/infos"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_route_is_an_empty_404(http: aiohttp.ClientSession, method: str, path: str):
    async with http.request(method, path) as response:
        assert (response.status, await response.read()) == (404, b"")


@pytest.mark.parametrize(("method", "path"), [("GET", "/generate"), ("POST", "/info"), ("DELETE", CHAT)])
async def test_a_wrong_method_is_an_empty_405(http: aiohttp.ClientSession, method: str, path: str):
    async with http.request(method, path) as response:
        assert (response.status, await response.read()) == (405, b"")


async def test_tokenize_gives_ids_texts_and_byte_offsets(http: aiohttp.ClientSession):
    text = "Größe: two words"
    async with http.post("/tokenize", json={"inputs": text}) as response:
        tokens = await response.json()
    assert all(token.keys() == {"id", "text", "start", "stop"} for token in tokens)
    assert all(isinstance(token["id"], int) for token in tokens)
    assert "".join(token["text"] for token in tokens).endswith("two words")
    # Bytes of UTF-8, in which this text has two more than characters.
    assert tokens[-1]["stop"] == len(text.encode()) == len(text) + 2
    last = text.encode()[tokens[-1]["start"] : tokens[-1]["stop"]].decode()
    assert last == tokens[-1]["text"]


async def test_chat_tokenize_gives_the_prompt_and_its_tokens(http: aiohttp.ClientSession):
    body = {"messages": messages(("user", "What is a heron?"))}
    async with http.post("/chat_tokenize", json=body) as response:
        answer = await response.json()
    assert "What is a heron?" in answer["templated_text"]
    async with http.post(CHAT, json=chat(("user", "What is a heron?"), max_tokens=1)) as response:
        usage = (await response.json())["usage"]
    # What is counted is what is generated from: a template that has the first token does not get it twice.
    assert len(answer["tokenize_response"]) == usage["prompt_tokens"]


async def test_tokenize_and_generate_count_alike(http: aiohttp.ClientSession):
    async with http.post("/tokenize", json={"inputs": SHORT["inputs"]}) as response:
        tokens = await response.json()
    async with http.post("/generate", json=SHORT) as response:
        assert response.headers["x-prompt-tokens"] == str(len(tokens))
