"""An engine on a fixed clock: TGI's chat stream over a real socket, as fast as one process can send it.

    python -m bench.engine --port 9001 --tokens 200 --first-token-ms 50 --interval-ms 20

Every token is a word with the time at which it was due (`t` and whole milliseconds of the machine's monotonic clock),
so that whoever reads it knows how long it took. Token n of an answer is due first + n × interval after its request,
whatever the reader does: a reader that is too slow finds its socket full, as with a real server. All answers share one
timer, so the stub stays far cheaper than what it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from typing import cast

import uvloop

TICK_S = 0.002
PARAGRAPH = 40  # tokens; the text is Markdown with an end to each block, as answers are
INFO = {"model_id": "bench", "max_input_tokens": 100_000, "max_total_tokens": 200_000}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Clock:
    """How an answer runs: `tokens`, the wait for the first one and the gap between two, in seconds."""

    tokens: int
    first_s: float
    interval_s: float


class Answer:
    """One answer being sent: the next token's number and when it is due."""

    __slots__ = ("due", "sent", "transport")

    def __init__(self, transport: asyncio.Transport, due: float) -> None:
        self.transport = transport
        self.due = due
        self.sent = 0


class Engine:
    """All running answers, moved on by one timer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: set[Answer] = set()

    def begin(self, transport: asyncio.Transport) -> Answer:
        answer = Answer(transport, time.monotonic() + self._clock.first_s)
        transport.write(HEAD)
        self._answers.add(answer)
        return answer

    def end(self, answer: Answer) -> None:
        self._answers.discard(answer)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            for answer in [one for one in self._answers if one.due <= now]:
                self._move(answer, now)

    def _move(self, answer: Answer, now: float) -> None:
        frames = []
        while answer.due <= now and answer.sent < self._clock.tokens:
            answer.sent += 1
            frames.append(token_frame(answer.due, ends_paragraph=answer.sent % PARAGRAPH == 0))
            answer.due += self._clock.interval_s
        if answer.sent == self._clock.tokens:
            frames.append(end_frames(answer.sent))
            self._answers.discard(answer)
        answer.transport.write(b"".join(frames))


def token_frame(due: float, *, ends_paragraph: bool) -> bytes:
    """The chunk of one token, in HTTP's chunked encoding."""
    text = f"t{due * 1000:.0f}" + ("\\n\\n" if ends_paragraph else " ")
    return http_chunk(
        b'data: {"object":"chat.completion.chunk","id":"","created":1,"model":"bench","system_fingerprint":'
        b'"3.3.7","choices":[{"index":0,"delta":{"role":"assistant","content":"'
        + text.encode()
        + b'"},"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
    )


def end_frames(tokens: int) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": tokens + 10}
    stop = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}
    lines = [json.dumps(stop), json.dumps({"choices": [], "usage": usage}), "[DONE]"]
    return http_chunk("".join(f"data: {line}\n\n" for line in lines).encode()) + b"0\r\n\r\n"


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """Just enough HTTP/1.1 for a client that sends whole requests with a Content-Length."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._buffer = b""
        self._answer: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None:
            self._engine.end(self._answer)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < content_length(head):
            return
        self._buffer = b""
        self._respond(head.split(b" ", 2)[1], body)

    def _respond(self, path: bytes, body: bytes) -> None:
        if path == b"/v1/chat/completions":
            self._answer = self._engine.begin(self._transport)
        elif path == b"/chat_tokenize":
            words = sum(len(message["content"].split()) + 4 for message in json.loads(body)["messages"])
            self._json({"tokenize_response": [1] * words, "templated_text": ""})
        else:
            self._json(INFO)

    def _json(self, value: object) -> None:
        content = json.dumps(value).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
        self._transport.write(head + content)


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(port: int, clock: Clock) -> None:
    engine = Engine(clock)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(engine), "127.0.0.1", port, backlog=1024)
    async with server:
        await engine.run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--first-token-ms", type=float, default=50)
    parser.add_argument("--interval-ms", type=float, default=20)
    options = parser.parse_args()
    clock = Clock(options.tokens, options.first_token_ms / 1000, options.interval_ms / 1000)
    uvloop.run(serve(options.port, clock))


if __name__ == "__main__":
    main()
