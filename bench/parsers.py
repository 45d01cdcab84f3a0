"""What reading one token of a chat stream costs: `python -m bench.parsers`, with `site` on the path.

Compares the site's reader with huggingface_hub's, on the same frames. Prints microseconds a token and the ratio.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from huggingface_hub.inference._common import _format_chat_completion_stream_output

from inference.protocol import EventReader

TOKENS = 20_000
CHUNK = {
    "object": "chat.completion.chunk",
    "id": "",
    "created": 1,
    "model": "tgi",
    "system_fingerprint": "3.3.7",
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": " token"},
            "logprobs": None,
            "finish_reason": None,
        }
    ],
    "usage": None,
}
FRAME = b"data: " + json.dumps(CHUNK).encode() + b"\n\n"


def microseconds_a_token(read: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(TOKENS):
        read()
    return (time.perf_counter() - start) / TOKENS * 1e6


def main() -> None:
    reader = EventReader()
    line = FRAME.strip()
    ours = microseconds_a_token(lambda: [chunk.choices[0].delta.content for chunk in reader.feed(FRAME)])
    theirs = microseconds_a_token(lambda: _format_chat_completion_stream_output(line))
    print(f"inference.protocol {ours:6.1f} µs   huggingface_hub {theirs:6.1f} µs   ratio {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
