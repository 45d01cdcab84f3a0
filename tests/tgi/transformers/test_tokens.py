"""The bundled model's tokenizer out of its GGUF file, the texts of tokens, and chat templates."""

from copy import deepcopy
from typing import Any

import pytest
from tokenizers.processors import TemplateProcessing

from tests.tgi.transformers.running import bundled_tokenizer
from tgi.engines.base import PromptToken
from tgi.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from tgi.engines.transformers_tokens import TextStream, Tokens
from tgi.errors import MissingTemplateVariableError, TemplateError
from tgi.models import resolve

TEXTS = [
    "Hello wörld  1234 <|im_start|>user",
    "a  b   c\n\n  x\t",
    "12 345 x1y2",
    "<|im_end|>x<|endoftext|>",
    " <fim_prefix>",
    "über 日本 🙂 ﬁ",
    "don't I'LL don’t",
]
USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "get_time", "parameters": {}}}


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(bundled_tokenizer())


def with_template(template: str | None, *, adds_bos: bool = False) -> Tokens:
    tokenizer = deepcopy(bundled_tokenizer())
    tokenizer.chat_template = template
    if adds_bos:
        bos = tokenizer.bos_token
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.bos_token_id)]
        )
    return Tokens(tokenizer)


async def test_texts_and_messages_are_read_as_llama_cpp_reads_them(tokens: Tokens):
    path = resolve(None).path
    other = LlamaCppEngine(LlamaCppOptions(path, threads=1, slots=1, max_batch_total_tokens=256))
    await other.start()
    try:
        for text in TEXTS:
            assert tokens.encode(text) == await other.encode(text)
            assert tokens.decode(tokens.encode(text)) == text
            assert tokens.tokenize(text) == await other.tokenize(text)
        for messages in (
            [USER],
            [{"role": "system", "content": "S"}, USER, {"role": "assistant", "content": "Hello, "}],
        ):
            assert tokens.apply_template(messages) == await other.apply_template(messages)
        asked: dict[str, Any] = {"tools": [TOOL], "tool_prompt": "Choose."}
        assert tokens.apply_template([USER], **asked) == await other.apply_template([USER], **asked)
    finally:
        await other.aclose()


def test_places_are_bytes_of_whole_characters(tokens: Tokens):
    assert tokens.tokenize("ü 本<|im_end|>")[-1] == PromptToken(2, "<|im_end|>", 6, 16)
    parts = tokens.tokenize("🦜")
    assert len(parts) > 1
    assert {(part.text, part.start, part.stop) for part in parts} == {("🦜", 0, 4)}


@pytest.mark.parametrize("text", TEXTS)
def test_the_texts_of_a_stream_add_up(tokens: Tokens, text: str):
    first, *others = tokens.encode("Say " + text)
    stream = TextStream(tokens, [first])
    assert tokens.decode([first]) + "".join(map(stream.push, others)) == "Say " + text


def test_a_character_is_withheld_until_it_is_whole(tokens: Tokens):
    parts = tokens.encode("🦜")
    stream = TextStream(tokens, tokens.encode("a"))
    assert [stream.push(part) for part in parts] == [""] * (len(parts) - 1) + ["🦜"]
    # Never completed: it is not made up.
    assert stream.push(parts[0]) == ""


def test_a_stream_after_a_prompt_that_ends_inside_a_character(tokens: Tokens):
    *begun, last = tokens.encode("🦜")
    stream = TextStream(tokens, begun)
    assert stream.push(last) == "🦜"
    assert stream.push(tokens.encode("!")[0]) == "!"


def test_special_tokens_are_marked(tokens: Tokens):
    assert tokens.is_special(2)
    assert not tokens.is_special(tokens.encode("a")[0])
    assert tokens.text(2) == "<|im_end|>"


def test_an_open_answer_is_continued_and_an_empty_one_begun(tokens: Tokens):
    opened = tokens.apply_template([USER])
    assert opened.endswith("<|im_start|>assistant\n")
    assert tokens.apply_template([USER, {"role": "assistant", "content": ""}]) == opened
    assert tokens.apply_template([USER, {"role": "assistant", "content": "Well,"}]) == opened + "Well,"


def test_tools_go_where_the_template_lists_them():
    listing = with_template("{% for tool in tools %}{{ tool.function.name }};{% endfor %}{{ messages[-1].content }}")
    assert listing.apply_template([USER], tools=[TOOL], tool_prompt="P") == "get_time;Hi\n---\nP"
    without = with_template("{{ messages[-1].content }}")
    text = without.apply_template([USER], tools=[TOOL], tool_prompt="P")
    assert text.startswith('Hi\n---\n[{"type":"function"')
    assert text.endswith("\nP")


def test_a_bos_is_not_added_twice():
    template = "{{ bos_token }}{{ messages[-1].content }}"
    assert with_template(template).apply_template([USER]) == "<|im_start|>Hi"
    adds = with_template(template, adds_bos=True)
    assert adds.apply_template([USER]) == "Hi"
    assert adds.encode("Hi").count(1) == 1


def test_what_a_template_refuses():
    with pytest.raises(TemplateError, match="Template error: the model has no chat template"):
        with_template(None).apply_template([USER])
    with pytest.raises(TemplateError, match="Template error: no users here"):
        with_template("{{ raise_exception('no users here') }}").apply_template([USER])
    with pytest.raises(MissingTemplateVariableError, match="'date' is undefined"):
        with_template("{{ date.today }}").apply_template([USER])
    with pytest.raises(TemplateError, match="Template error: "):
        with_template("{% if %}").apply_template([USER])
