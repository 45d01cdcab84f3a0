"""The ecosystem's own clients against the server."""

import os

import pytest
from huggingface_hub import AsyncInferenceClient
from text_generation import AsyncClient
from text_generation.errors import ValidationError

PROMPT = "Once upon a time, there was a little"
TIMEOUT = 60
# text-generation 0.7 calls pydantic by its old names; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")


def headers() -> dict[str, str]:
    key = os.environ.get("TGI_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


async def test_text_generation_generates(base_url: str):
    client = AsyncClient(base_url, headers=headers(), timeout=TIMEOUT)
    response = await client.generate(PROMPT, max_new_tokens=6)
    assert response.details is not None
    assert response.details.generated_tokens == 6
    assert response.generated_text == "".join(token.text for token in response.details.tokens)


async def test_text_generation_streams(base_url: str):
    client = AsyncClient(base_url, headers=headers(), timeout=TIMEOUT)
    received = [event async for event in client.generate_stream(PROMPT, max_new_tokens=6)]
    assert len(received) == 6
    assert received[-1].generated_text == "".join(event.token.text for event in received)
    assert received[-1].details is not None
    assert received[-1].details.finish_reason == "length"


async def test_text_generation_raises_its_own_error_types(base_url: str):
    client = AsyncClient(base_url, headers=headers(), timeout=TIMEOUT)
    # A rule that only the server knows: the client checks the others itself.
    with pytest.raises(ValidationError, match="must be <="):
        await client.generate(PROMPT, max_new_tokens=10_000_000)


async def test_huggingface_hub_streams_a_chat(base_url: str):
    token = os.environ.get("TGI_API_KEY") or "no-key-needed"
    async with AsyncInferenceClient(base_url=base_url, token=token, timeout=TIMEOUT) as client:
        stream = await client.chat_completion(
            [{"role": "user", "content": "Name three birds."}],
            max_tokens=6,
            temperature=0.0,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 6
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_huggingface_hub_completes_a_chat(base_url: str):
    token = os.environ.get("TGI_API_KEY") or "no-key-needed"
    async with AsyncInferenceClient(base_url=base_url, token=token, timeout=TIMEOUT) as client:
        completion = await client.chat_completion(
            [{"role": "user", "content": "Name three birds."}], max_tokens=6, temperature=0.0
        )
    assert completion.choices[0].message.content
    assert completion.usage.completion_tokens == 6
