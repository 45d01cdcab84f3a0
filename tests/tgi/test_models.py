"""From a model id to files on this machine; test_hub.py has the Hub."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tgi.gguf import cache_bytes_per_token, context_length
from tgi.loading import default_slots
from tgi.models import BUNDLED_ID, ModelError, choose_file, file_parts, is_path, resolve


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def text(value: str) -> bytes:
    return u64(len(value)) + value.encode()


def entry(key: str, kind: int, value: bytes) -> bytes:
    """A key, the type of its value, and the value, as in a GGUF file."""
    return text(key) + u32(kind) + value


def header(*entries: bytes) -> bytes:
    """The start of a GGUF file, version 3, without tensors."""
    return b"GGUF" + u32(3) + u64(0) + u64(len(entries)) + b"".join(entries)


def test_the_context_length_is_found_behind_values_of_every_shape(tmp_path: Path):
    file = tmp_path / "m"
    strings = entry("tokens", 9, u32(8) + u64(2) + text("a") + text("bc"))
    numbers = entry("scores", 9, u32(6) + u64(3) + bytes(12))
    nested = entry("nested", 9, u32(9) + u64(1) + u32(0) + u64(2) + b"ab")
    wide = entry("wide", 10, u64(1))
    file.write_bytes(header(strings, numbers, nested, wide, entry("x.context_length", 10, u64(4096))))
    assert context_length(file) == 4096


def test_what_a_token_takes_in_the_cache_is_counted_from_the_files_own_numbers(tmp_path: Path):
    numbers = {"block_count": 28, "embedding_length": 3072, "attention.head_count": 24, "attention.head_count_kv": 8}
    file = tmp_path / "llama.gguf"
    entries = [entry(f"llama.{name}", 4, u32(value)) for name, value in numbers.items()]
    file.write_bytes(header(*entries))
    assert cache_bytes_per_token(file) == 28 * 8 * (128 + 128) * 2
    file.write_bytes(header(*entries, entry("llama.attention.value_length", 4, u32(64))))
    assert cache_bytes_per_token(file) == 28 * 8 * (128 + 64) * 2
    file.write_bytes(header(*entries[1:]))
    assert cache_bytes_per_token(file) is None


def test_there_are_as_many_slots_as_2_gib_of_cache_have_room_for():
    assert [default_slots(bytes_, 4096) for bytes_ in (23040, 114688, 400_000, None)] == [8, 4, 2, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "not a GGUF file"),
        (b"GGUF", "a damaged GGUF file"),
        (header(text("a")), "a damaged GGUF file"),
        (header(entry("a", 99, b"")), "a damaged GGUF file"),
        (header(entry("x.context_length", 8, text("a"))), "a damaged GGUF file"),
        (header(u64(2**60)), "a damaged GGUF file"),
        (header(entry("a", 7, b"\1")), "without a context length"),
    ],
)
def test_a_file_without_a_context_length_is_refused(tmp_path: Path, content: bytes, message: str):
    file = tmp_path / "m"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        context_length(file)


def test_nothing_given_is_the_bundled_model():
    model = resolve(None)
    assert model.id == BUNDLED_ID
    assert model.path.read_bytes()[:4] == b"GGUF"


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("/models/a", True),
        ("./a", True),
        ("~/a", True),
        ("models/a.gguf", True),
        ("a.GGUF", True),
        ("owner/name", False),
        ("owner/name-GGUF", False),
        ("owner/name:file.gguf", False),
    ],
)
def test_what_is_a_path(model_id: str, expected: bool):
    assert is_path(model_id) == expected


def test_a_path_is_taken_as_it_is(tmp_path: Path):
    file = tmp_path / "model.gguf"
    file.write_bytes(header(entry("general.name", 8, text("x")), entry("llama.context_length", 4, u32(77))))
    model = resolve(str(file))
    assert (model.id, model.path, model.context_length) == (str(file), file, 77)


def test_a_path_that_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"MODEL_ID=.*no such file"):
        resolve(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelError, match=r"MODEL_ID=.*Is a directory"):
        resolve(str(tmp_path))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelError, match="not a GGUF file"):
        resolve(str(tmp_path / "text.gguf"))


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["README.md", "m-Q8_0.gguf", "m-q4_k_m.gguf"], "m-q4_k_m.gguf"),
        (["m-f16.gguf", "m-Q8_0.gguf"], "m-Q8_0.gguf"),
        (["m-f32.gguf", "m-f16.gguf"], "m-f16.gguf"),
        (["m-Q4_K_M-00001-of-00002.gguf", "m-Q8_0.gguf"], "m-Q8_0.gguf"),
        (["m-Q4_K_M-00002-of-00002.gguf", "m-Q4_K_M-00001-of-00002.gguf"], "m-Q4_K_M-00001-of-00002.gguf"),
        (["mmproj-m-Q4_K_M.gguf", "imatrix.gguf", "m-f16.gguf"], "m-f16.gguf"),
    ],
)
def test_the_best_file_of_a_repository(files: list[str], chosen: str):
    assert choose_file(files, "owner/name") == chosen


def test_a_repository_without_a_gguf_file_is_refused():
    with pytest.raises(ModelError, match="has no GGUF file"):
        choose_file(["model.safetensors", "mmproj.gguf"], "owner/name")


def test_the_parts_of_a_model_in_several_files():
    assert file_parts("a/m-00001-of-00003.gguf") == [f"a/m-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    assert file_parts("m.gguf") == ["m.gguf"]


@pytest.mark.parametrize(
    "config",
    [
        {"max_position_embeddings": 512},
        {"n_positions": 512},
        {"model_type": "mllama", "text_config": {"max_position_embeddings": 512}},
    ],
)
def test_a_folder_is_a_model_for_transformers_alone(tmp_path: Path, config: dict[str, Any]):
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = resolve(str(tmp_path), folders=True)
    assert (model.path, model.context_length, model.sha) == (tmp_path, 512, None)
    with pytest.raises(ModelError, match="Is a directory"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the folder has no config.json"),
        ("no JSON", "config.json is damaged"),
        ("[]", "config.json is damaged"),
        ('{"n_positions": "many"}', "config.json is damaged"),
        ("{}", "config.json names no context length"),
    ],
)
def test_a_folder_without_a_language_model_is_refused(tmp_path: Path, content: str | None, message: str):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        resolve(str(tmp_path), folders=True)


@pytest.mark.parametrize("model_id", [None, "./model.gguf"])
def test_a_revision_is_of_a_repository(model_id: str | None):
    with pytest.raises(ModelError, match="REVISION is the version of a Hub repository"):
        resolve(model_id, "main")
