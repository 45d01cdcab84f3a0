"""``/invocations``: one route for three requests, told apart by the field each of them needs."""

from typing import Any

import msgspec

from tgi.errors import RequestRejectedError
from tgi.protocol.chat import ChatRequest
from tgi.protocol.completions import CompletionRequest
from tgi.protocol.requests import CompatGenerateRequest, decode

JSON = "application/json"


class _Fields(msgspec.Struct):
    inputs: Any = None
    messages: Any = None
    prompt: Any = None


def decode_invocation(body: bytes) -> CompatGenerateRequest | ChatRequest | CompletionRequest:
    """The body as a request of ``POST /``, of a chat or of completions, looked for in this order.

    Raises ``RequestRejectedError``.
    """
    fields = decode(body, JSON, _Fields)
    if fields.inputs is not None:
        return decode(body, JSON, CompatGenerateRequest)
    if fields.messages is not None:
        return decode(body, JSON, ChatRequest)
    if fields.prompt is not None:
        return decode(body, JSON, CompletionRequest)
    raise RequestRejectedError(
        422,
        "Failed to deserialize the JSON body into the target type: it needs `inputs`, `messages` or `prompt`",
    )
