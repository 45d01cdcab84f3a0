"""What is needed from a GGUF file before it is loaded: how long a context its model takes, what a token takes in the
cache, and whether it chats.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (little endian, version 2 and later).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
# Value type → struct code, for the types of a fixed size.
FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# A length beyond this is a broken file, not a text.
MAX_STRING_BYTES = 1 << 24


def context_length(path: Path) -> int:
    """The context length the model was trained with, in tokens. Raises ``OSError``, ``ValueError``."""
    with _open(path) as file:
        for key, kind in _entries(file):
            if key.endswith(b".context_length"):
                if kind not in FIXED:
                    raise ValueError("a damaged GGUF file")
                return int(_number(file, FIXED[kind]))
    raise ValueError("a GGUF file without a context length, so not a language model")


def cache_bytes_per_token(path: Path) -> int | None:
    """What one token takes in llama.cpp's cache (keys and values of 16 bits, in all layers); None if the file does not
    say. Raises ``OSError``, ``ValueError``."""
    wanted = ("block_count", "embedding_length", "attention.head_count", "attention.head_count_kv")
    lengths = ("attention.key_length", "attention.value_length")
    found: dict[str, int] = {}
    with _open(path) as file:
        for key, kind in _entries(file):
            name = key.partition(b".")[2].decode(errors="replace")
            if name in {*wanted, *lengths} and kind in FIXED:
                found[name] = int(_number(file, FIXED[kind]))
    # Some models have another number of heads in each layer.
    if any(not found.get(name) for name in wanted):
        return None
    head = found["embedding_length"] // found["attention.head_count"]
    return 2 * found["block_count"] * found["attention.head_count_kv"] * sum(found.get(name, head) for name in lengths)


def has_chat_template(path: Path) -> bool:
    """Whether the model comes with a template for messages. Raises ``OSError``, ``ValueError``."""
    with _open(path) as file:
        return any(key == b"tokenizer.chat_template" for key, _ in _entries(file))


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("not a GGUF file")
        try:
            yield file
        except struct.error:
            raise ValueError("a damaged GGUF file") from None


def _entries(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Key and kind of each entry; a value that is not read before the next one is skipped."""
    _version, _tensors, entries = struct.unpack("<IQQ", file.read(20))
    for _ in range(entries):
        key, kind = _string(file), _number(file, "I")
        place = file.tell()
        yield key, kind
        file.seek(place)
        _skip(file, kind)


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == STRING:
        _string(file)
    elif kind == ARRAY:
        kind, length = _number(file, "I"), _number(file, "Q")
        if kind in FIXED:
            file.seek(struct.calcsize(FIXED[kind]) * length, 1)
        else:
            for _ in range(length):
                _skip(file, kind)
    elif kind in FIXED:
        file.seek(struct.calcsize(FIXED[kind]), 1)
    else:
        raise ValueError("a damaged GGUF file")


def _number(file: BinaryIO, code: str) -> int:
    value: int = struct.unpack(f"<{code}", file.read(struct.calcsize(code)))[0]
    return value


def _string(file: BinaryIO) -> bytes:
    length = _number(file, "Q")
    if length > MAX_STRING_BYTES:
        raise ValueError("a damaged GGUF file")
    return file.read(length)
