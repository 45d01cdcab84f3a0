"""TGI's events as OpenAI's chunks, and chunks as a whole answer. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inference.errors import Interrupted

JSON = dict[str, Any]

# TGI's own words.
FINISH_REASONS = {"eos_token": "stop", "stop_sequence": "stop"}


class StopTrimmer:
    """Takes out what OpenAI's clients do not expect: TGI's text ends with the stop that ended it. What may be the
    beginning of one is held back until it is known."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self._met = False

    def feed(self, text: str) -> str:
        """What of the text so far can be sent, and was not sent yet."""
        if not self._stops:
            return text
        if self._met:
            return ""
        held = self._held + text
        ends = [found for stop in self._stops if (found := held.find(stop)) >= 0]
        if ends:
            self._met, self._held = True, ""
            return held[: min(ends)]
        keep = max(_overlap(held, stop) for stop in self._stops)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def end(self) -> str:
        """What was held back, now that no more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the text's end are the beginning of the stop."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


@dataclass(slots=True)
class Usage:
    """`pieces`: how many came, which is the number of tokens where the server has not said it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    pieces: int = 0

    def add(self, given: JSON) -> None:
        """Several prompts are counted each for itself."""
        self.prompt_tokens += given.get("prompt_tokens") or 0
        self.completion_tokens += given.get("completion_tokens") or 0

    @property
    def generated_tokens(self) -> int:
        return self.completion_tokens or self.pieces

    def as_json(self) -> JSON:
        total = self.prompt_tokens + self.generated_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.generated_tokens,
            "total_tokens": total,
        }


class Chunks(ABC):
    """The chunks of one answer.

    Args:
        head: what each of them begins with: `id`, `created`, `model`, ….
    """

    object = ""

    def __init__(self, head: JSON, *, stops: Iterable[str], include_usage: bool) -> None:
        self._head = {**head, "object": self.object}
        self._stops = tuple(stops)
        self._include_usage = include_usage
        self.usage = Usage()

    @abstractmethod
    def take(self, event: JSON) -> list[JSON]:
        """The chunks for an event of TGI's."""

    @abstractmethod
    def end(self) -> list[JSON]:
        """The last ones.

        Raises:
            Interrupted: the model's answer has no end.
        """

    def _chunk(self, choice: JSON) -> JSON:
        usage = {"usage": None} if self._include_usage else {}
        return {**self._head, "choices": [choice], **usage}

    def _usage_chunk(self) -> list[JSON]:
        return [{**self._head, "choices": [], "usage": self.usage.as_json()}] if self._include_usage else []


class ChatChunks(Chunks):
    """Of POST /v1/chat/completions."""

    object = "chat.completion.chunk"

    def __init__(self, head: JSON, *, stops: Iterable[str], include_usage: bool) -> None:
        super().__init__(head, stops=stops, include_usage=include_usage)
        self._trimmer = StopTrimmer(self._stops)
        self._begun = False
        self._calls: set[int] = set()
        self._finish_reason = ""

    def take(self, event: JSON) -> list[JSON]:
        if usage := event.get("usage"):
            self.usage.add(usage)
        return [chunk for choice in event.get("choices", ()) for chunk in self._take_choice(choice)]

    def _take_choice(self, choice: JSON) -> list[JSON]:
        given = choice.get("delta") or {}
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        self.usage.pieces += 1
        delta: JSON = {}
        if calls := given.get("tool_calls"):
            delta["tool_calls"] = [self._call(call) for call in (calls if isinstance(calls, list) else [calls])]
        elif text := self._trimmer.feed(given.get("content") or ""):
            delta["content"] = text
        logprobs = choice.get("logprobs")
        if not delta and not logprobs:
            return []  # a token without a text, or one that is held back
        return [self._of(delta, logprobs=_with_bytes(logprobs) if logprobs else None)]

    def _call(self, call: JSON) -> JSON:
        """Clients put the pieces of a call together text by text: what is said once may not come twice."""
        index, function = call.get("index", 0), call.get("function") or {}
        arguments = {"arguments": function.get("arguments") or ""}
        if index in self._calls:
            return {"index": index, "function": arguments}
        self._calls.add(index)
        named = {"name": function.get("name"), **arguments}
        return {"index": index, "id": call.get("id"), "type": "function", "function": named}

    def _of(self, delta: JSON, *, finish_reason: str | None = None, logprobs: JSON | None = None) -> JSON:
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        choice = {"index": 0, "delta": {**role, **delta}, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._chunk(choice)

    def end(self) -> list[JSON]:
        if not self._finish_reason and not self._calls:
            raise Interrupted("the stream ended without a finish reason")
        reason = FINISH_REASONS.get(self._finish_reason, self._finish_reason)
        # TGI says "stop" at the end of a call, or nothing at all.
        reason = "tool_calls" if self._calls and reason in {"", "stop"} else reason
        rest = self._trimmer.end()
        held_back = [self._of({"content": rest})] if rest else []
        return [*held_back, self._of({}, finish_reason=reason), *self._usage_chunk()]


def _with_bytes(logprobs: JSON) -> JSON:
    """TGI's, with the fields that OpenAI's have beside."""
    content = [
        {**token, "bytes": None, "top_logprobs": [{**one, "bytes": None} for one in token.get("top_logprobs") or ()]}
        for token in logprobs.get("content") or ()
    ]
    return {"content": content, "refusal": None}


class CompletionChunks(Chunks):
    """Of POST /v1/completions: several texts at once, told apart by their index."""

    object = "text_completion"

    def __init__(self, head: JSON, *, stops: Iterable[str], include_usage: bool, prompts: int) -> None:
        super().__init__(head, stops=stops, include_usage=include_usage)
        self._trimmers = [StopTrimmer(self._stops) for _ in range(prompts)]
        self._finish_reasons = [""] * prompts

    def take(self, event: JSON) -> list[JSON]:
        if usage := event.get("usage"):
            self.usage.add(usage)
        return [chunk for choice in event.get("choices", ()) for chunk in self._take_choice(choice)]

    def _take_choice(self, choice: JSON) -> list[JSON]:
        index = choice.get("index", 0)
        self._finish_reasons[index] = choice.get("finish_reason") or self._finish_reasons[index]
        self.usage.pieces += 1
        text = self._trimmers[index].feed(choice.get("text") or "")
        return [self._of(index, text)] if text else []

    def _of(self, index: int, text: str, finish_reason: str | None = None) -> JSON:
        return self._chunk({"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason})

    def end(self) -> list[JSON]:
        if not all(self._finish_reasons):
            raise Interrupted("the stream ended without a finish reason")
        last = [
            self._of(index, trimmer.end(), FINISH_REASONS.get(reason, reason))
            for index, (trimmer, reason) in enumerate(zip(self._trimmers, self._finish_reasons, strict=True))
        ]
        return [*last, *self._usage_chunk()]


def whole_chat(head: JSON, chunks: Iterable[JSON], usage: Usage) -> JSON:
    """The body of a chat completion that is not streamed, of all its chunks."""
    text: list[str] = []
    calls: dict[int, JSON] = {}
    logprobs: list[JSON] = []
    reason = ""
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        text.append(choice["delta"].get("content") or "")
        for call in choice["delta"].get("tool_calls", ()):
            _add_call(calls, call)
        logprobs += (choice["logprobs"] or {}).get("content", ())
        reason = choice["finish_reason"] or reason
    message: JSON = {"role": "assistant", "content": "".join(text), "refusal": None}
    if calls:
        message |= {"content": "".join(text) or None, "tool_calls": list(calls.values())}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": reason,
    }
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage.as_json()}


def _add_call(calls: dict[int, JSON], piece: JSON) -> None:
    known = calls.get(piece["index"])
    if known is None:
        calls[piece["index"]] = {name: value for name, value in piece.items() if name != "index"}
    else:
        function = known["function"]
        known["function"] = {**function, "arguments": function["arguments"] + piece["function"]["arguments"]}


def whole_completion(head: JSON, chunks: Iterable[JSON], usage: Usage) -> JSON:
    """The same of a plain completion."""
    choices: dict[int, JSON] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        known = choices.setdefault(choice["index"], {**choice, "text": ""})
        known["text"] += choice["text"]
        known["finish_reason"] = choice["finish_reason"]
    in_order = [choices[index] for index in sorted(choices)]
    return {**head, "object": "text_completion", "choices": in_order, "usage": usage.as_json()}
