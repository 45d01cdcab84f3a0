"""What can go wrong between Parley and the inference server, as one tree.

    InferenceError
    ├── Unreachable        no connection, or it closed before anything came     a retry helps
    ├── Overloaded         the server's queue is full (TGI: 429)                a retry helps
    ├── Unavailable        the server answers, but is not ready (5xx)           a retry helps
    ├── TimedOut           no token within the time allowed                     a retry helps
    ├── Interrupted        the stream ended before the answer did               continuing helps
    ├── GenerationFailed   the engine failed on this request (TGI: 424)         a retry may help
    ├── Rejected           the request itself was refused (TGI: 422)            a retry does not help
    └── Misconfigured      wrong URL or key: for the operator                   a retry does not help

Errors of the HTTP library are translated into these once, in `client`.
"""

from __future__ import annotations


class InferenceError(Exception):
    """The inference server did not give what was asked of it.

    Attributes:
        code: stable, machine-readable.
        retryable: whether the same request may succeed later.
        message: one sentence for the person who asked; `str(error)` has the details, for the log.
    """

    code = "inference_error"
    retryable = False
    message = "The model could not answer."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.message)


class Unreachable(InferenceError):
    code = "unreachable"
    retryable = True
    message = "The model is not running at the moment. Try again in a minute."


class Overloaded(InferenceError):
    code = "overloaded"
    retryable = True
    message = "The model is busy with other answers. Try again in a moment."


class Unavailable(InferenceError):
    code = "unavailable"
    retryable = True
    message = "The model is starting or unwell. Try again in a minute."


class TimedOut(InferenceError):
    code = "timed_out"
    retryable = True
    message = "The model took too long. Try again."


class Interrupted(InferenceError):
    code = "interrupted"
    retryable = True
    message = "The answer was cut off. Try again."


class GenerationFailed(InferenceError):
    code = "generation_failed"
    retryable = True
    message = "The model failed on this message. Try again."


class Rejected(InferenceError):
    code = "rejected"
    message = "The model cannot take this message."


class Misconfigured(InferenceError):
    code = "misconfigured"
    message = "The connection to the model is not set up correctly. Please tell the administrator."


def from_status(status: int, detail: str) -> InferenceError:
    """The error that an HTTP status of the inference server (400 to 599) stands for."""
    if status == 429:
        return Overloaded(detail)
    if status == 424:
        return GenerationFailed(detail)
    if status in {401, 403, 404, 405}:
        return Misconfigured(f"the inference server answered {status}: {detail}")
    if status >= 500:
        return Unavailable(f"the inference server answered {status}: {detail}")
    return Rejected(detail)


def from_message(message: str) -> InferenceError:
    """The error inside a chat stream. TGI says 422 there whatever it was, so the words decide."""
    lowered = message.lower()
    if "overloaded" in lowered:
        return Overloaded(message)
    if "validation error" in lowered or "template error" in lowered or "tool error" in lowered:
        return Rejected(message)
    return GenerationFailed(message)
