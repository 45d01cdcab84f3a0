"""What can go wrong with a request, and how text-generation-inference (TGI) says so.

    InferenceError                        status, error_type
    ├── ValidationError                   422 validation                     the request must change
    ├── TemplateError                     422 template_error                 the messages do not fit the template
    │   └── MissingTemplateVariableError  422 missing_template_variable      it asks for what is not there
    ├── ToolError                         422 tool_error                     the tools do not fit what is asked
    ├── OverloadedError                   429 overloaded                     try again later
    ├── GenerationError                   424 generation                     the engine failed; a retry may help
    ├── IncompleteError                   500 incomplete_generation          the engine ended without a reason to
    │   └── IncompleteStreamError         500 incomplete_generation_stream   the same, in a stream
    └── UnhealthyError                    503 healthcheck                    the engine is closed

``RequestRejectedError`` is separate: the refusal of a body that cannot be read, answered as plain text.
"""

# How /metrics tells failures apart, in TGI's words.
FAILURES = frozenset({"validation", "template", "tool", "overloaded", "generation", "incomplete"})


class InferenceError(Exception):
    """A request that fails. ``str()`` is the text the client gets, prefix included.

    ``failure`` is its kind in /metrics, and ``counted`` whether it is there already.
    """

    status = 500
    error_type = "incomplete_generation"
    prefix = ""
    failure = "incomplete"
    counted = False

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
    failure = "validation"


class TemplateError(InferenceError):
    """The model's chat template refuses the messages, or the model has none."""

    status = 422
    error_type = "template_error"
    prefix = "Template error: "
    failure = "template"


class MissingTemplateVariableError(TemplateError):
    """The template needs a variable that the request does not give. The prefix is TGI's, letter for letter."""

    error_type = "missing_template_variable"
    prefix = "Missing template vatiable: "


class ToolError(InferenceError):
    """The tools of a request, its choice among them and the rest of it do not fit together."""

    status = 422
    error_type = "tool_error"
    prefix = "Tool error: "
    failure = "tool"


class OverloadedError(InferenceError):
    """All of ``--max-concurrent-requests`` are taken; a later retry can succeed."""

    status = 429
    error_type = "overloaded"
    prefix = "Model is overloaded"
    failure = "overloaded"


class GenerationError(InferenceError):
    """The engine failed on this request; the server goes on."""

    status = 424
    error_type = "generation"
    prefix = "Request failed during generation: "
    failure = "generation"


class IncompleteError(InferenceError):
    """The engine's stream ended before a finish reason was reached."""

    status = 500
    error_type = "incomplete_generation"
    prefix = "Incomplete generation"


class IncompleteStreamError(IncompleteError):
    """The same, told in a stream."""

    error_type = "incomplete_generation_stream"
    prefix = "Incomplete generation stream"


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
