"""``details``: tokens, alternatives, the prompt's tokens, best of two."""

import aiohttp
import pytest

from tests.tgi.contract.asking import PROMPT, assert_refused, generate, generate_stream, prompt
from tests.tgi.contract.conftest import Target
from tests.tgi.wire import answer


async def test_details_hold_every_token(http: aiohttp.ClientSession):
    body = await generate(http)
    details = body["details"]
    assert details.keys() == {"finish_reason", "generated_tokens", "seed", "prefill", "tokens"}
    assert (details["finish_reason"], details["generated_tokens"], details["seed"]) == ("length", 8, None)
    assert details["prefill"] == []
    assert len(details["tokens"]) == 8
    assert all(token.keys() == {"id", "text", "logprob", "special"} for token in details["tokens"])
    assert body["generated_text"] == "".join(token["text"] for token in details["tokens"])
    assert all(token["logprob"] <= 0 and not token["special"] for token in details["tokens"])


async def test_ids_are_the_ones_of_the_tokenizer(http: aiohttp.ClientSession):
    body = await generate(http)
    tokens = await answer(http, "/tokenize", {"inputs": body["generated_text"]})
    ids = [token["id"] for token in body["details"]["tokens"]]
    assert [token["id"] for token in tokens][-4:] == ids[-4:]


async def test_every_token_of_a_character_has_its_id(http: aiohttp.ClientSession, target: Target):
    text = "Copy: 😀 🎉 日本語 漢字 😀 🎉 日本語 漢字 😀 🎉 日本語 漢字 😀 🎉"
    body = await answer(http, "/generate", {"inputs": text, "parameters": {"max_new_tokens": 24, "details": True}})
    tokens = body["details"]["tokens"]
    # What follows the last whole character has no text to compare with.
    while tokens[-1]["text"] == "":
        tokens.pop()
    expected = await answer(http, "/tokenize", {"inputs": text + body["generated_text"]})
    inside = [token for token in tokens if token["text"] == ""]
    assert inside
    assert {token["id"] for token in inside} <= {token["id"] for token in expected}
    if target.lacks("partial_character_ids"):
        assert all(token["logprob"] is None for token in inside)
    else:
        assert all(token["logprob"] <= 0 for token in inside)


async def test_alternatives_of_every_token_most_likely_first(http: aiohttp.ClientSession):
    details = (await generate(http, top_n_tokens=3))["details"]
    assert len(details["top_tokens"]) == 8
    for token, top in zip(details["tokens"], details["top_tokens"], strict=True):
        # TGI gives more where several are equally likely.
        assert len(top) >= 3
        assert all(one.keys() == token.keys() for one in top)
        assert [one["logprob"] for one in top] == sorted((one["logprob"] for one in top), reverse=True)
        # A greedy answer takes the first.
        assert top[0]["id"] == token["id"]
        assert top[0]["text"].strip() == token["text"].strip()
        assert top[0]["logprob"] == pytest.approx(token["logprob"], abs=1e-3)
        assert len({one["id"] for one in top}) == len(top)


async def test_alternatives_are_left_out_unless_asked_for(http: aiohttp.ClientSession):
    assert "top_tokens" not in (await generate(http, top_n_tokens=0))["details"]
    assert all("top_tokens" not in event for event in await generate_stream(http))


async def test_alternatives_are_in_the_events_of_a_stream(http: aiohttp.ClientSession):
    streamed = await generate_stream(http, top_n_tokens=2)
    plain = await generate(http, top_n_tokens=2)
    ids = [[token["id"] for token in event["top_tokens"]] for event in streamed]
    assert ids == [[token["id"] for token in top] for top in plain["details"]["top_tokens"]]


async def test_a_sampled_token_need_not_be_the_first(http: aiohttp.ClientSession):
    sampled = {"temperature": 3.0, "seed": 5, "max_new_tokens": 16, "top_n_tokens": 1}
    details = (await generate(http, **sampled))["details"]
    chosen = [token["id"] for token in details["tokens"]]
    assert chosen != [top[0]["id"] for top in details["top_tokens"]]
    # The probability is the chosen token's own.
    assert all(
        token["logprob"] <= top[0]["logprob"] + 1e-3
        for token, top in zip(details["tokens"], details["top_tokens"], strict=True)
    )


async def test_the_prompts_tokens_with_their_probabilities(http: aiohttp.ClientSession, target: Target):
    if target.lacks("decoder_input_details"):
        await assert_refused(http, "/generate", prompt(decoder_input_details=True), "`decoder_input_details`")
        return
    # It brings the details along, asked for or not.
    details = (await answer(http, "/generate", prompt(decoder_input_details=True)))["details"]
    expected = await answer(http, "/tokenize", {"inputs": PROMPT})
    assert [token["id"] for token in details["prefill"]] == [token["id"] for token in expected]
    assert "".join(token["text"] for token in details["prefill"]).endswith(PROMPT)
    first, *others = [token["logprob"] for token in details["prefill"]]
    assert first is None
    assert all(logprob <= 0 for logprob in others)
    # "upon a time" is what follows "Once".
    assert max(others) > -1


async def test_the_better_of_two_and_the_other(http: aiohttp.ClientSession):
    details = (await generate(http, best_of=2, temperature=1.5, top_n_tokens=1))["details"]
    (other,) = details["best_of_sequences"]
    assert other.keys() >= {"generated_text", "finish_reason", "generated_tokens", "seed", "prefill", "tokens"}
    assert len(other["top_tokens"]) == len(other["tokens"]) == other["generated_tokens"]
    assert other["seed"] != details["seed"]

    def mean(tokens: list[dict[str, float | None]]) -> float:
        known = [token["logprob"] for token in tokens if token["logprob"] is not None]
        return sum(known) / len(known)

    assert mean(details["tokens"]) >= mean(other["tokens"])


async def test_the_other_of_two_has_the_prompt_too(http: aiohttp.ClientSession):
    body = await generate(http, best_of=2, do_sample=True, return_full_text=True)
    (other,) = body["details"]["best_of_sequences"]
    assert body["generated_text"].startswith(PROMPT)
    assert other["generated_text"].startswith(PROMPT)


async def test_best_of_one_is_an_ordinary_answer(http: aiohttp.ClientSession):
    assert "best_of_sequences" not in (await generate(http, best_of=1, do_sample=True))["details"]
