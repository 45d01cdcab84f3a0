"""The generation parameters that a person or program may set, with their limits, checked in one place."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

# What an answer is made with where nobody chose otherwise: Llama 3.2's own temperature and top_p.
DEFAULTS: dict[str, Any] = {"max_tokens": 1024, "temperature": 0.6, "top_p": 0.9}


class ParameterError(ValueError):
    """A parameter that cannot be used; the text names it and says what to do."""


def _without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("may not contain a NUL character")
    return value


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 1.0 is whole, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Postgres keeps no NUL.
StopText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_without_nul),
    Field(json_schema_extra={"pattern": r"^[^\u0000]*$"}),
]


class Parameters(BaseModel):
    """None means: the server's default. Limits are TGI's, so that nothing accepted here is refused there."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    max_tokens: Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    stop: Annotated[list[StopText], Field(max_length=4)] | None = None
    # TGI takes 64 bits without a sign; Postgres keeps 63.
    seed: Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_whole)] | None = None


def checked(values: Any, *, strict: bool = False) -> dict[str, Any]:
    """The parameters that are set, checked. `strict`: a text is no number, though it may look like one.

    Raises:
        ParameterError: one of them is unknown or out of its limits.
    """
    try:
        return Parameters.model_validate(values or {}, strict=strict).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "parameters"
        says = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
        raise ParameterError(f"{name}: {says}") from None
