"""Chat templates over a real llama.cpp: tools in the prompt, BOS once, the template's own refusals, and no template."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import xllamacpp

from tgi import gguf
from tgi.engines.llamacpp_http import LoopbackClient
from tgi.engines.templates import with_tools
from tgi.errors import TemplateError
from tgi.models import resolve

# One loop for all: the connections belong to it.
module_loop = pytest.mark.asyncio(loop_scope="module")

KEY = "a-key-of-the-tests"
# It lists tools and writes BOS, as Llama's does, and refuses a role, as Gemma's does.
TEMPLATE = """{{ bos_token }}{% if tools %}{% for tool in tools %}{{ tool | tojson }}
{% endfor %}{% endif %}{% for message in messages %}{% if message['role'] == 'narrator' %}\
{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}\
[{{ message['role'] }}] {{ message['content'] }}
{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"""
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
HELLO = {"role": "user", "content": "Hello"}
ADD_BOS, HAS_TEMPLATE = b"tokenizer.ggml.add_bos_token", b"tokenizer.chat_template"
BOOL = (7).to_bytes(4, "little")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, but it wants a BOS before every prompt, and has no template."""
    data = resolve(None).path.read_bytes()
    assert data.count(ADD_BOS + BOOL + b"\0") == data.count(HAS_TEMPLATE) == 1
    data = data.replace(ADD_BOS + BOOL + b"\0", ADD_BOS + BOOL + b"\1").replace(HAS_TEMPLATE, HAS_TEMPLATE.upper())
    path = tmp_path_factory.mktemp("model") / "changed.gguf"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def server(model: Path) -> Any:
    """llama.cpp with that model and ``TEMPLATE``."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.chat_template = TEMPLATE
    params.n_parallel, params.n_ctx, params.verbosity, params.ui = 1, 128, 1, False
    params.api_keys = [KEY]
    return xllamacpp.Server(params)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: Any) -> AsyncIterator[LoopbackClient]:
    asked = LoopbackClient(server.listening_address, KEY, has_template=True)
    yield asked
    await asked.aclose()


def test_tools_are_told_where_the_template_does_not_list_them():
    told = with_tools([HELLO, HELLO], [TOOL], "Call one.", template_lists_tools=False)
    assert told[0] == HELLO
    assert told[1]["content"].startswith('Hello\n---\n[{"type":"function"')
    assert told[1]["content"].endswith("]\nCall one.")
    listed = with_tools([HELLO], [TOOL], "Call one.", template_lists_tools=True)
    assert listed == [{"role": "user", "content": "Hello\n---\nCall one."}]
    assert HELLO["content"] == "Hello"


@module_loop
async def test_a_template_that_lists_tools_does_so_itself(client: LoopbackClient):
    prompt = await client.apply_template([HELLO], tools=[TOOL], tool_prompt="Call one.")
    first, *rest = prompt.splitlines()
    assert '"look"' in first
    assert rest == ["[user] Hello", "---", "Call one.", "[assistant] "]


@module_loop
async def test_without_tools_there_is_nothing_of_them(client: LoopbackClient):
    assert await client.apply_template([HELLO]) == "[user] Hello\n[assistant] "


@module_loop
async def test_bos_comes_once(client: LoopbackClient):
    ids = await client.encode(await client.apply_template([HELLO]))
    (bos,) = await client.encode("")
    assert ids[0] == bos
    assert ids.count(bos) == 1


@module_loop
async def test_the_templates_own_refusal_is_a_template_error(client: LoopbackClient):
    with pytest.raises(TemplateError) as refusal:
        await client.apply_template([{"role": "narrator", "content": "Once"}])
    assert str(refusal.value) == "Template error: Only user and assistant roles are supported!"


@module_loop
async def test_a_model_without_a_template_has_no_chat(server: Any):
    asked = LoopbackClient(server.listening_address, KEY, has_template=False)
    try:
        with pytest.raises(TemplateError, match="Template error: template not found"):
            await asked.apply_template([HELLO])
    finally:
        await asked.aclose()


def test_a_file_says_whether_it_has_one(model: Path):
    assert gguf.has_chat_template(resolve(None).path)
    assert not gguf.has_chat_template(model)
