"""How the next token is chosen: when an answer is sampled, seeds, cuts, penalties."""

from typing import Any

import aiohttp
import pytest

from tests.tgi.contract.asking import generate
from tests.tgi.wire import answer


@pytest.mark.parametrize(
    "wish", [{"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.9}, {"typical_p": 0.9}, {"do_sample": True}]
)
async def test_any_sampling_parameter_samples(http: aiohttp.ClientSession, wish: dict[str, Any]):
    seed = (await generate(http, max_new_tokens=1, **wish))["details"]["seed"]
    assert isinstance(seed, int)
    assert 0 <= seed < 2**64


@pytest.mark.parametrize("wish", [{}, {"temperature": 1.0}, {"repetition_penalty": 1.2}, {"seed": 3}])
async def test_the_others_do_not(http: aiohttp.ClientSession, wish: dict[str, Any]):
    assert (await generate(http, max_new_tokens=1, **wish))["details"]["seed"] is None


async def test_a_seed_repeats_a_sampled_answer_and_another_does_not(http: aiohttp.ClientSession):
    sampled = {"do_sample": True, "temperature": 0.9, "max_new_tokens": 24}
    first = await generate(http, seed=7, **sampled)
    assert first["details"]["seed"] == 7
    # Whether the prompt was just read, or came from a cache, makes no difference.
    again = [await generate(http, seed=7, **sampled) for _ in range(2)]
    assert {answer["generated_text"] for answer in again} == {first["generated_text"]}
    assert (await generate(http, seed=8, **sampled))["generated_text"] != first["generated_text"]


async def test_without_a_seed_every_answer_is_another_and_its_seed_repeats_it(http: aiohttp.ClientSession):
    first = await generate(http, temperature=1.2, max_new_tokens=16)
    other = await generate(http, temperature=1.2, max_new_tokens=16)
    assert first["details"]["seed"] != other["details"]["seed"]
    assert first["generated_text"] != other["generated_text"]
    repeated = await generate(http, temperature=1.2, max_new_tokens=16, seed=first["details"]["seed"])
    assert repeated["generated_text"] == first["generated_text"]


@pytest.mark.parametrize(
    "cut", [{"top_k": 1}, {"top_p": 0.001}, {"temperature": 0.001}, {"top_k": 1, "temperature": 5}]
)
async def test_a_cut_to_one_token_is_the_greedy_answer(http: aiohttp.ClientSession, cut: dict[str, Any]):
    assert (await generate(http, **cut))["generated_text"] == (await generate(http))["generated_text"]


@pytest.mark.parametrize(("cut", "rank"), [({"top_k": 2}, 2), ({"top_k": 3, "temperature": 5.0}, 3)])
async def test_top_k_takes_from_that_many(http: aiohttp.ClientSession, cut: dict[str, Any], rank: int):
    details = (await generate(http, seed=1, max_new_tokens=16, top_n_tokens=5, **cut))["details"]
    for token, top in zip(details["tokens"], details["top_tokens"], strict=True):
        assert token["id"] in [one["id"] for one in top[:rank]]


async def test_typical_p_changes_a_sampled_answer(http: aiohttp.ClientSession):
    sampled = {"seed": 3, "temperature": 1.5, "max_new_tokens": 24}
    plain = await generate(http, **sampled)
    typical = await generate(http, typical_p=0.05, **sampled)
    assert typical["generated_text"] != plain["generated_text"]


async def test_a_repetition_penalty_changes_a_greedy_answer(http: aiohttp.ClientSession):
    plain = await generate(http, max_new_tokens=32)
    assert (await generate(http, max_new_tokens=32, repetition_penalty=1.8))["generated_text"] != plain[
        "generated_text"
    ]


async def test_a_frequency_penalty_changes_what_is_repeated(http: aiohttp.ClientSession):
    # TGI counts shares of the text so far, not times: it takes a text of one token to show.
    sampled = {"max_new_tokens": 24, "do_sample": True, "seed": 2}
    penalised, favoured = [
        await answer(http, "/generate", {"inputs": "ha" + " ha" * 30, "parameters": {**sampled, **penalty}})
        for penalty in ({"frequency_penalty": 2.0}, {"frequency_penalty": -2.0})
    ]
    assert penalised["generated_text"].count("ha") < favoured["generated_text"].count("ha")


async def test_a_repetition_penalty_counts_the_prompt_and_below_one_invites(http: aiohttp.ClientSession):
    """With 0.1 the model repeats what the prompt has; with 10 it takes nothing from it."""
    invited = await generate(http, repetition_penalty=0.1)
    avoided = await generate(http, repetition_penalty=10.0)
    words = set("Once upon a time, there was a little".replace(",", "").split())
    assert set(invited["generated_text"].replace(",", "").split()) & words
    assert not set(avoided["generated_text"].replace(",", "").split()) & words
