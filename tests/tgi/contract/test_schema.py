"""The project's copy of TGI's OpenAPI document, and requests that schemathesis makes from it."""

import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema_rs import validator_for
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.tgi.contract.conftest import Target

DOCUMENT = Path(__file__).parents[3] / "tgi" / "openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
EXAMPLES = 12
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "mode": "all", "with-security-parameters": False},
        "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
    }
)
TEXT = DOCUMENT.read_text()
schema = schemathesis.openapi.from_dict(json.loads(TEXT), config=CONFIG)


def few_tokens(body: Any) -> Any:
    """The body with short answers, whichever route takes it: what is asked is up to the generator, not how long."""
    if isinstance(body, dict):
        shorten(body, "max_tokens")
        shorten(body.setdefault("parameters", {}), "max_new_tokens")
    return body


def shorten(holder: Any, name: str) -> None:
    """At most two tokens; a value of the wrong type stays what it is."""
    if isinstance(holder, dict):
        wanted = holder.get(name)
        if wanted is None or (isinstance(wanted, (int, float)) and wanted > 2):
            holder[name] = 2


def assert_events_are_declared(case: schemathesis.Case[Any], body: str) -> None:
    """The document gives the schema of an event's data, as TGI's does; ``[DONE]`` is outside of it."""
    declared = json.loads(TEXT)["paths"][case.path]["post"]["responses"]["200"]["content"]["text/event-stream"]
    validator = validator_for({**declared["schema"], "components": json.loads(TEXT)["components"]})
    frames = body.split("\n\n")
    assert frames.pop() == ""
    for frame in frames:
        data = frame.removeprefix("data: ")
        if data != "[DONE]":
            validator.validate(json.loads(data))


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_declares(case: schemathesis.Case[Any], target: Target):
    case.body = few_tokens(case.body)
    response = case.call(base_url=target.url, headers=target.headers, timeout=60)
    streamed = response.headers.get("content-type", [""])[0].startswith("text/event-stream")
    if streamed:
        assert_events_are_declared(case, response.content.decode())
    case.validate_response(response, checks=CHECKS if streamed else [*CHECKS, response_schema_conformance])
