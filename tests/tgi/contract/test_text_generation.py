"""text-generation's own ``Client`` and ``AsyncClient``. The first six tests assert what the package's published tests
assert; those of a model that is not found are about the Hub's API, not about TGI, whose 404 is empty."""

import re

import pytest
from text_generation import AsyncClient, Client
from text_generation.errors import ValidationError
from text_generation.types import FinishReason, Grammar, GrammarType, Response, StreamResponse, Token

from tests.tgi.contract.asking import PROMPT
from tests.tgi.contract.conftest import Target

TIMEOUT = 60
# text-generation 0.7 calls pydantic by its old names; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")


@pytest.fixture
def client(target: Target) -> Client:
    return Client(target.url, headers=target.headers, timeout=TIMEOUT)


@pytest.fixture
def async_client(target: Target) -> AsyncClient:
    return AsyncClient(target.url, headers=target.headers, timeout=TIMEOUT)


def assert_one_token(response: Response) -> None:
    details = response.details
    assert details.finish_reason == FinishReason.Length
    assert details.generated_tokens == 1
    assert details.seed is None
    assert details.prefill == []
    (token,) = details.tokens
    assert isinstance(token, Token)
    assert token.logprob is not None
    assert token.logprob <= 0
    assert not token.special
    assert response.generated_text == token.text


def assert_one_event(responses: list[StreamResponse]) -> None:
    (response,) = responses
    assert response.generated_text == response.token.text
    assert response.details is not None
    assert response.details.finish_reason == FinishReason.Length
    assert response.details.generated_tokens == 1
    assert response.details.seed is None


def test_generate(client: Client):
    assert_one_token(client.generate("test", max_new_tokens=1))


def test_generate_validation_error(client: Client):
    with pytest.raises(ValidationError, match="must be <="):
        client.generate("test", max_new_tokens=10_000_000)


def test_generate_stream(client: Client):
    assert_one_event(list(client.generate_stream("test", max_new_tokens=1)))


def test_generate_stream_validation_error(client: Client):
    with pytest.raises(ValidationError, match="must be <="):
        list(client.generate_stream("test", max_new_tokens=10_000_000))


async def test_the_asynchronous_client_does_the_same(async_client: AsyncClient):
    assert_one_token(await async_client.generate("test", max_new_tokens=1))
    assert_one_event([event async for event in async_client.generate_stream("test", max_new_tokens=1)])


async def test_the_asynchronous_client_raises_the_same(async_client: AsyncClient):
    with pytest.raises(ValidationError, match="must be <="):
        await async_client.generate("test", max_new_tokens=10_000_000)
    with pytest.raises(ValidationError, match="must be <="):
        async for _ in async_client.generate_stream("test", max_new_tokens=10_000_000):
            pass


def test_every_parameter_it_knows(client: Client):
    response = client.generate(
        PROMPT,
        do_sample=True,
        max_new_tokens=4,
        best_of=2,
        repetition_penalty=1.1,
        frequency_penalty=0.1,
        return_full_text=True,
        stop_sequences=["never written"],
        temperature=0.9,
        top_k=50,
        top_p=0.9,
        truncate=100,
        typical_p=0.9,
        top_n_tokens=2,
    )
    assert response.generated_text.startswith(PROMPT)
    assert response.details.best_of_sequences is not None
    assert len(response.details.best_of_sequences) == 1
    assert response.details.top_tokens is not None
    assert all(len(top) >= 2 for top in response.details.top_tokens)


def test_the_prompts_tokens(client: Client, target: Target):
    if target.lacks("decoder_input_details"):
        with pytest.raises(ValidationError, match="decoder_input_details"):
            client.generate(PROMPT, max_new_tokens=1, decoder_input_details=True)
    else:
        prefill = client.generate(PROMPT, max_new_tokens=1, decoder_input_details=True).details.prefill
        assert prefill[0].logprob is None
        assert all(token.logprob is not None for token in prefill[1:])


def test_a_seed_repeats(client: Client):
    texts = [client.generate(PROMPT, do_sample=True, seed=5, max_new_tokens=8).generated_text for _ in range(2)]
    assert texts[0] == texts[1]


def test_a_grammar(client: Client):
    response = client.generate(PROMPT, max_new_tokens=10, grammar=Grammar(type=GrammarType.Regex, value="[0-9]{3}"))
    assert re.fullmatch("[0-9]{3}", response.generated_text)


async def test_a_stream_has_the_alternatives(async_client: AsyncClient):
    received = [event async for event in async_client.generate_stream(PROMPT, max_new_tokens=4, top_n_tokens=2)]
    assert len(received) == 4
    assert all(event.top_tokens is not None and len(event.top_tokens) >= 2 for event in received)
    assert received[-1].generated_text == "".join(event.token.text for event in received)


def test_chat(client: Client):
    completion = client.chat([{"role": "user", "content": "Name three birds."}], max_tokens=4, temperature=0.0)
    assert completion.choices[0].message.content
