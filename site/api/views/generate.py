"""POST /api/generate/: TGI's own `/generate`, for a prompt without a template."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic import Field, WithJsonSchema
from rest_framework.exceptions import ValidationError

from api.asynchronous import api_view, authenticate
from api.codes import OF_MODEL
from api.openai.admission import finished, running
from api.openai.errors import Refused
from api.openai.relay import Patience, until_draining
from api.openai.requests import A_TEXT, MOST_STOPS, Lenient, Strict, Text, read
from api.openai.responses import Generated
from api.openai.samples import GENERATED, PROMPT
from api.schema import described, errors, examples, extend_schema
from api.views.chat import running_process
from chat.database import in_thread
from inference.client import InferenceClient
from inference.errors import InferenceError
from inference.passthrough import ask

U32 = Annotated[int, Field(ge=1, lt=2**32)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Grammar(Lenient):
    """What the text must match."""

    type: Literal["json", "json_object", "json_schema", "regex"]
    value: Text | dict[str, Any] = Field(description="A JSON schema, or a regular expression.")


class GenerateParameters(Strict):
    """TGI's, by its rules. Without any the text is sampled; an empty object takes the most likely token each time."""

    best_of: Annotated[int, Field(ge=1, lt=2**32)] | None = Field(
        default=None, description="Make so many and give the likeliest. With sampling, and without a seed."
    )
    temperature: Annotated[float, Field(gt=0)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    top_k: Annotated[int, Field(gt=0, lt=2**31)] | None = None
    top_p: Share | None = None
    typical_p: Share | None = None
    do_sample: bool | None = None
    max_new_tokens: U32 | None = Field(default=None, description="Without it all that the model's window has room for.")
    return_full_text: bool | None = Field(default=None, description="The prompt comes before the text.")
    stop: Annotated[list[Text], Field(max_length=MOST_STOPS)] | None = Field(
        default=None, description="Ends the text, and is its end."
    )
    truncate: U32 | None = Field(default=None, description="Of the prompt, the last so many tokens.")
    watermark: bool | None = None
    details: bool | None = None
    decoder_input_details: bool | None = Field(default=None, description="The prompt's tokens, in `details.prefill`.")
    seed: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    top_n_tokens: Annotated[int, Field(ge=0, le=5)] | None = None
    grammar: Grammar | None = None
    adapter_id: Text | None = None


class GenerateInput(Strict):
    """The body of POST /api/generate/."""

    inputs: Annotated[str, WithJsonSchema(A_TEXT)] = Field(
        min_length=1, description="The prompt, as the model gets it."
    )
    parameters: GenerateParameters | None = None


@described(
    post=extend_schema(
        operation_id="generate",
        summary="Go on with a text",
        request=GenerateInput,
        responses={200: Generated, **errors(*OF_MODEL)},
        examples=examples(request=PROMPT, response=GENERATED),
    )
)
@api_view("POST")
async def generate(request: HttpRequest) -> HttpResponseBase:
    """TGI's own `/generate`: the prompt goes to the model as it is, without a template. Nothing is kept; a client that
    leaves ends the generation."""
    who = await in_thread(authenticate, request)
    process = running_process()
    given = _read(request)
    async with running(process, who.pk), until_draining(process):
        return await _generated(process.client, who.pk, msgspec.json.encode(given.model_dump(exclude_none=True)))


def _read(request: HttpRequest) -> GenerateInput:
    try:
        return read(request, GenerateInput)
    except Refused as error:
        raise ValidationError({error.param or "non_field_errors": [str(error.detail)]}) from None


async def _generated(client: InferenceClient, owner_id: int, body: bytes) -> HttpResponseBase:
    patience = Patience()
    while True:
        try:
            text, headers = await ask(client, "/generate", body)
        except InferenceError as error:
            await patience.after(error)
            continue
        finished(
            owner_id=owner_id,
            prompt_tokens=_count(headers.get("x-prompt-tokens")),
            generated_tokens=_count(headers.get("x-generated-tokens")),
        )
        return HttpResponse(text, content_type="application/json")


def _count(value: str | None) -> int:
    """0 for a server that does not say it."""
    return int(value) if value and value.isascii() and value.isdigit() else 0
