"""What can be loaded, what is refused, and other kinds of models than Llama."""

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch

from tests.tgi.transformers.running import LINES, again, reference, run_all, save_small_model
from tgi.engines.base import Job, Sampling
from tgi.engines.transformers import TransformersEngine, TransformersOptions
from tgi.engines.transformers_gguf import GGUFFile
from tgi.engines.transformers_model import choose_device, choose_dtype
from tgi.models import resolve

KINDS: list[tuple[str, dict[str, Any]]] = [
    # Each attends to the last 7 tokens, in all its layers or in every second one.
    ("mistral", {"sliding_window": 7}),
    ("gemma3_text", {"sliding_window": 7, "layer_types": ["sliding_attention", "full_attention"]}),
    # No rotation, places learned; as many heads for keys as for queries.
    ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}),
    # Places as a slope of the attention.
    ("bloom", {"n_layer": 2, "n_head": 4}),
    ("qwen3", {}),
]


@pytest.mark.parametrize(("kind", "settings"), KINDS, ids=[kind for kind, _ in KINDS])
async def test_models_of_all_kinds_write_in_a_batch_what_they_write_alone(
    kind: str, settings: dict[str, Any], tmp_path: Path
):
    folder = save_small_model(kind, tmp_path, **settings)
    engine = TransformersEngine(TransformersOptions(folder, device="cpu", dtype="float32", slots=LINES))
    await engine.start()
    try:
        texts = ("Once upon a time, there was a little girl named", "Hi", "The rain in Spain stays mainly in the plain")
        jobs = [Job(await engine.encode(text), 10 + 6 * number) for number, text in enumerate(texts)]
        answers = await run_all(engine, *jobs, Job(jobs[0].prompt, 20, Sampling(seed=1)))
        for job, answer in zip(jobs, answers, strict=False):
            assert [token.id for token in answer] == reference(engine, list(job.prompt), job.max_new_tokens)
        sampled = await run_all(engine, Job(jobs[0].prompt, 20, Sampling(seed=1)), again(jobs[1]))
        assert [token.id for token in sampled[0]] == [token.id for token in answers[3]]
    finally:
        await engine.aclose()


def test_a_model_that_keeps_another_kind_of_state_is_refused(tmp_path: Path):
    folder = save_small_model("mamba", tmp_path)
    with pytest.raises(ValueError, match="kind mamba keeps a state that cannot be batched here"):
        TransformersEngine(TransformersOptions(folder, device="cpu"))


def test_a_damaged_folder_is_refused_in_one_line(small_model: Path, tmp_path: Path):
    folder = tmp_path / "damaged"
    shutil.copytree(small_model, folder)
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"transformers cannot load .+: .+") as caught:
        TransformersEngine(TransformersOptions(folder, device="cpu"))
    assert "\n" not in str(caught.value)
    (folder / "config.json").write_text(json.dumps({"model_type": "unheard_of"}))
    with pytest.raises(ValueError, match=r"transformers cannot load .+: .*unheard_of"):
        TransformersEngine(TransformersOptions(folder, device="cpu"))


def test_a_damaged_file_is_refused(tmp_path: Path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(resolve(None).path.read_bytes()[:4096])
    with pytest.raises(ValueError, match=r"transformers cannot load .+broken\.gguf"):
        TransformersEngine(TransformersOptions(broken, device="cpu"))


@pytest.mark.parametrize(("model", "splitter"), [("llama", "default"), ("gpt2", "tekken")])
def test_a_tokenizer_that_cannot_be_rebuilt_is_refused(tmp_path: Path, model: str, splitter: str):
    file = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(splitter)
    writer.add_token_list(["a", "b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ValueError, match=rf"its tokenizer \({model}, {splitter}\) cannot be rebuilt"):
        GGUFFile(file).tokenizer()


def test_a_file_of_another_architecture_is_refused(tmp_path: Path):
    file = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(file, "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ValueError, match=r"architecture mamba is not supported\. Set MODEL_ID to .+"):
        TransformersEngine(TransformersOptions(file, device="cpu"))


def test_a_gguf_file_says_whether_a_text_begins_with_bos(tmp_path: Path):
    file = tmp_path / "bos.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<s>", "a", "b", "ab"])
    writer.add_token_types([gguf.TokenType.CONTROL, *[gguf.TokenType.NORMAL] * 3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tokenizer = GGUFFile(file).tokenizer()
    assert tokenizer.backend_tokenizer.encode("ab<s>a").ids == [0, 3, 0, 1]


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        assert choose_device("auto").type == "cuda"
        return
    with pytest.raises(ValueError, match=r"DEVICE is cuda, but PyTorch .+ sees none"):
        choose_device("cuda")


def test_the_type_asked_for_or_what_suits_the_device():
    cpu = torch.device("cpu")
    assert choose_dtype("float16", cpu) is torch.float16
    assert choose_dtype(None, cpu) in (torch.bfloat16, torch.float32)
    assert choose_dtype(None, torch.device("mps")) is torch.float16


async def test_half_precision_writes_too(small_model: Path):
    engine = TransformersEngine(TransformersOptions(small_model, device="cpu", dtype="bfloat16"))
    await engine.start()
    try:
        prompt = await engine.encode("Once upon a time")
        answers = await run_all(engine, Job(prompt, 6), Job(prompt[:2], 6, Sampling(seed=1)))
        assert [len(tokens) for tokens in answers] == [6, 6]
        assert all(parameter.dtype is torch.bfloat16 for parameter in engine._loaded.model.parameters())
    finally:
        await engine.aclose()
