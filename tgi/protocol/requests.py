"""Request bodies. Unknown fields are ignored, as TGI does; a wrong type is a ``RequestRejectedError``."""

from typing import Annotated, Any, TypeVar

import msgspec

from tgi.errors import RequestRejectedError
from tgi.protocol.grammar import read_shape

Shape = TypeVar("Shape")

MAX_BODY_BYTES = 2_000_000

U32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
# Up to 2**64 - 1, which is more than msgspec can check; see ``check_u64``.
U64 = Annotated[int, msgspec.Meta(ge=0)]
I32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


def check_u64(seed: int | None) -> None:
    """Raises ``ValueError`` for what does not fit 64 bits."""
    if seed is not None and seed >= 2**64:
        raise ValueError("Expected `seed` < 2**64")


class GenerateParameters(msgspec.Struct, frozen=True):
    """``parameters`` of a generation. None is "not given", which differs from any value."""

    best_of: U64 | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    top_k: I32 | None = None
    top_p: float | None = None
    typical_p: float | None = None
    do_sample: bool = False
    max_new_tokens: U32 | None = None
    return_full_text: bool | None = None
    stop: tuple[str, ...] = ()
    truncate: U64 | None = None
    watermark: bool = False
    details: bool = False
    decoder_input_details: bool = False
    seed: U64 | None = None
    top_n_tokens: U32 | None = None
    grammar: dict[str, Any] | None = None
    adapter_id: str | None = None

    def __post_init__(self) -> None:
        """Part of decoding."""
        check_u64(self.seed)


def _check_shape(parameters: GenerateParameters) -> None:
    """A grammar of none of the known shapes makes a body unreadable."""
    if parameters.grammar is not None:
        read_shape(parameters.grammar)


class GenerateRequest(msgspec.Struct, frozen=True):
    """Body of ``/generate``, ``/generate_stream`` and ``/tokenize``.

    Without ``parameters`` the answer is sampled; with ``{}`` it is greedy.
    """

    inputs: str
    parameters: GenerateParameters = GenerateParameters(do_sample=True)

    def __post_init__(self) -> None:
        """Part of decoding."""
        _check_shape(self.parameters)


class CompatGenerateRequest(msgspec.Struct, frozen=True):
    """Body of ``POST /``: a generation that says itself whether it streams."""

    inputs: str
    parameters: GenerateParameters = GenerateParameters(do_sample=True)
    stream: bool = False

    def __post_init__(self) -> None:
        """Part of decoding."""
        _check_shape(self.parameters)

    def parameters_with_prompt(self) -> GenerateParameters:
        """The parameters; here the prompt is returned too where nothing is said about it."""
        if self.parameters.return_full_text is not None:
            return self.parameters
        return msgspec.structs.replace(self.parameters, return_full_text=True)


def decode(body: bytes, content_type: str | None, shape: type[Shape]) -> Shape:
    """The body as ``shape``; raises ``RequestRejectedError`` 415 (content type), 400 (JSON) or 422."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise RequestRejectedError(415, "Expected request with `Content-Type: application/json`")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        message = f"Failed to deserialize the JSON body into the target type: {error}"
        raise RequestRejectedError(422, message) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestRejectedError(400, f"Failed to parse the request body as JSON: {error}") from None
