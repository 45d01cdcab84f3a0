"""The project's copy of TGI's OpenAPI document, and requests that schemathesis makes from it."""

import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.tgi.contract.conftest import Target

DOCUMENT = Path(__file__).parents[3] / "tgi" / "openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "mode": "all", "with-security-parameters": False},
        "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
    }
)
schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()), config=CONFIG)


def few_tokens(body: Any) -> Any:
    """The body with short answers: what is asked is up to the generator, how long we wait is not."""
    if not isinstance(body, dict):
        return body
    if "inputs" in body:
        shorten(body.setdefault("parameters", {}), "max_new_tokens")
    else:
        shorten(body, "max_tokens")
    return body


def shorten(holder: Any, name: str) -> None:
    """At most two tokens; a value of the wrong type stays what it is."""
    if isinstance(holder, dict):
        wanted = holder.get(name)
        if wanted is None or (isinstance(wanted, (int, float)) and wanted > 2):
            holder[name] = 2


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_declares(case: schemathesis.Case[Any], target: Target):
    case.body = few_tokens(case.body)
    case.call_and_validate(base_url=target.url, headers=target.headers, checks=CHECKS, timeout=60)
