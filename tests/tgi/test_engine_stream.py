"""From llama.cpp's chunks to tokens: held back characters, special tokens, errors, threads."""

import json
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tgi.engines.base import Alternative, Token
from tgi.engines.llamacpp_http import place_tokens
from tgi.engines.llamacpp_stream import Candidate, Chunk, EngineStream, Probability, TokenAssembler
from tgi.errors import GenerationError

WRITTEN = {"é😀": [7, 8, 9], "x": [5]}


async def ids(text: str) -> list[int]:
    return WRITTEN.get(text, [])


async def token_text(token: int) -> str:
    return f"<{token}>"


async def assemble(*chunks: Chunk, top_n_tokens: int = 0) -> list[Token]:
    async def source() -> AsyncGenerator[Chunk, None]:
        for chunk in chunks:
            yield chunk

    return [token async for token in TokenAssembler(ids, token_text, top_n_tokens).tokens(source())]


async def test_a_chunk_is_a_token():
    chunk = Chunk("x", (5,), 1, completion_probabilities=(Probability(-0.5),))
    assert await assemble(chunk, Chunk(tokens_predicted=1, stop=True)) == [Token(5, "x", -0.5)]


async def test_the_most_likely_tokens_come_along_as_many_as_asked_for():
    candidates = (Candidate(2, -0.1), Candidate(5, -0.5, "x", (120,)), Candidate(6, -0.9, "y", (121,)))
    chunk = Chunk("x", (5,), 1, completion_probabilities=(Probability(-0.5, candidates),))
    (token,) = await assemble(chunk, Chunk(tokens_predicted=1, stop=True), top_n_tokens=2)
    assert token.top == (Alternative(2, "<2>", -0.1, special=True), Alternative(5, "x", -0.5))
    (token,) = await assemble(chunk, Chunk(tokens_predicted=1, stop=True))
    assert token.top == ()


async def test_a_special_token_has_alternatives_too():
    chunk = Chunk("", (2,), 1, completion_probabilities=(Probability(-0.5, (Candidate(5, -0.2, "x", (120,)),)),))
    (token,) = await assemble(chunk, Chunk(tokens_predicted=1, stop=True, stop_type="eos"), top_n_tokens=1)
    assert token == Token(2, "<2>", -0.5, special=True, eos=True, top=(Alternative(5, "x", -0.2),))


async def test_tokens_inside_of_a_character_come_before_it_without_text():
    tokens = await assemble(Chunk("é😀", (9,), 3), Chunk(tokens_predicted=3, stop=True))
    assert tokens == [Token(7, ""), Token(8, ""), Token(9, "é😀")]


async def test_unknown_tokens_are_counted_all_the_same():
    tokens = await assemble(Chunk("日", (3,), 3), Chunk(tokens_predicted=3, stop=True))
    assert tokens == [Token(0, ""), Token(0, ""), Token(3, "日")]


async def test_a_character_cut_by_the_end_is_counted_and_not_shown():
    tokens = await assemble(Chunk("x", (5,), 1), Chunk(tokens_predicted=3, stop=True, stop_type="limit"))
    assert tokens == [Token(5, "x"), Token(0, ""), Token(0, "")]


@pytest.mark.parametrize(("stop_type", "eos"), [("eos", True), ("limit", False)])
async def test_a_special_token_ends_the_turn_if_the_engine_says_so(stop_type: str, eos: bool):
    tokens = await assemble(Chunk("", (2,), 1), Chunk(tokens_predicted=1, stop=True, stop_type=stop_type))
    assert tokens == [Token(2, "<2>", special=True, eos=eos)]


async def test_a_special_token_in_the_middle_goes_on():
    tokens = await assemble(Chunk("", (2,), 1), Chunk("x", (5,), 2), Chunk(tokens_predicted=2, stop=True))
    assert tokens == [Token(2, "<2>", special=True), Token(5, "x")]


def data(**verbose: Any) -> bytes:
    return json.dumps({"choices": [], "__verbose": verbose}).encode()


async def test_chunks_cross_from_the_engines_thread():
    stream = EngineStream()

    def engine() -> None:
        stream.on_data(data(content="", tokens=[0], tokens_predicted=0))  # progress on the prompt
        stream.on_data(data(content="x", tokens=[5], tokens_predicted=1))
        stream.finish()

    thread = threading.Thread(target=engine)
    thread.start()
    assert [chunk async for chunk in stream.chunks()] == [Chunk("x", (5,), 1)]
    thread.join()


async def test_candidates_are_read_as_llama_cpp_writes_them():
    stream = EngineStream()
    top = [{"id": 5, "token": "x", "bytes": [120], "logprob": -0.5}, {"id": 2, "token": "", "bytes": [], "logprob": -1}]
    chosen = {**top[0], "top_logprobs": top}
    stream.on_data(data(content="x", tokens=[5], tokens_predicted=1, completion_probabilities=[chosen]))
    stream.finish()
    (chunk,) = [chunk async for chunk in stream.chunks()]
    assert chunk.completion_probabilities == (Probability(-0.5, (Candidate(5, -0.5, "x", (120,)), Candidate(2, -1.0))),)


async def test_the_callback_ends_the_generation_once_cancelled():
    stream = EngineStream()
    assert stream.on_data(data(content="x", tokens=[5], tokens_predicted=1)) is False
    stream.cancelled = True
    assert stream.on_data(data(content="x", tokens=[5], tokens_predicted=2)) is True


@pytest.mark.parametrize(
    ("reported", "message"),
    [
        (b'{"error": {"code": 500, "message": "out of memory"}}', "out of memory"),
        (b"not json", "unreadable answer of the engine"),
    ],
)
async def test_an_error_of_the_engine_ends_the_request(reported: bytes, message: str):
    stream = EngineStream()
    assert stream.on_data(reported) is True
    with pytest.raises(GenerationError, match=f"Request failed during generation: {message}"):
        await anext(stream.chunks())


def test_places_are_byte_offsets_of_whole_characters():
    pieces = [(1, b"<s>"), (2, b"h\xc3"), (3, b"\xa9"), (4, b" \xf0\x9f"), (5, b"\x98\x80"), (6, b"!")]
    placed = [(token.text, token.start, token.stop) for token in place_tokens("hé 😀!", pieces)]
    assert placed == [("", 0, 0), ("hé", 0, 3), ("é", 1, 3), (" 😀", 3, 8), ("😀", 4, 8), ("!", 8, 9)]


def test_a_space_the_tokenizer_adds_is_not_in_the_text():
    placed = [(token.text, token.start, token.stop) for token in place_tokens("Hello", [(1, b" Hello")])]
    assert placed == [("Hello", 0, 5)]
