"""What can go wrong with a request, and how text-generation-inference (TGI) says so.

    InferenceError          status, error_type
    ├── ValidationError     422 validation                     the request must change
    ├── TemplateError       422 template_error                 the messages do not fit the model's template
    ├── OverloadedError     429 overloaded                     try again later
    ├── GenerationError     424 generation                     the engine failed; a retry may help
    ├── IncompleteError     500 incomplete_generation          the engine ended without a reason to
    └── UnhealthyError      503 healthcheck                    the engine is closed

``RequestRejectedError`` is separate: the refusal of a body that cannot be read, answered as plain text.
"""


class InferenceError(Exception):
    """A request that fails. ``str()`` is the text the client gets, prefix included."""

    status = 500
    error_type = "incomplete_generation"
    prefix = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(self.prefix + message)

    def body(self) -> dict[str, str]:
        """The JSON body of a plain answer, and the event of a ``/generate_stream``."""
        return {"error": str(self), "error_type": self.error_type}

    def openai_body(self) -> dict[str, dict[str, str | int]]:
        """The event of a chat stream. TGI says 422 there whatever the error is."""
        return {"error": {"message": str(self), "http_status_code": 422}}


class ValidationError(InferenceError):
    """A parameter breaks a rule; sending the same request again cannot help."""

    status = 422
    error_type = "validation"
    prefix = "Input validation error: "


class TemplateError(InferenceError):
    """The model's chat template refuses the messages, or the model has none."""

    status = 422
    error_type = "template_error"
    prefix = "Template error: "


class OverloadedError(InferenceError):
    """All of ``--max-concurrent-requests`` are taken; a later retry can succeed."""

    status = 429
    error_type = "overloaded"
    prefix = "Model is overloaded"


class GenerationError(InferenceError):
    """The engine failed on this request; the server goes on."""

    status = 424
    error_type = "generation"
    prefix = "Request failed during generation: "


class IncompleteError(InferenceError):
    """The engine's stream ended before a finish reason was reached."""

    status = 500
    error_type = "incomplete_generation"
    prefix = "Incomplete generation"


class UnhealthyError(InferenceError):
    """The engine no longer takes requests."""

    status = 503
    error_type = "healthcheck"
    prefix = "unhealthy"


class RequestRejectedError(Exception):
    """A body refused before it is looked at: bad JSON, wrong type, wrong shape, too long. Plain text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
