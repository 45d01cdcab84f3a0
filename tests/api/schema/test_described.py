"""The description says all of it: every route, with examples, and every error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema
from jsonschema_rs import Draft202012Validator

from launcher import REPOSITORY
from tests.api.schema.conftest import Operation

COMMITTED = Path(REPOSITORY, "docs/openapi.yaml")
# Pages, and the answer to addresses that are none.
NOT_DESCRIBED = {"/api/docs/", "/api/redoc/"}


def routes(patterns: Any = None, before: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for one in get_resolver().url_patterns if patterns is None else patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, path)
        elif path.startswith(("/api/", "/v1/")) and path not in NOT_DESCRIBED:
            yield path, one


def as_template(path: str) -> str:
    """`/<uuid:session_id>/` as OpenAPI has it."""
    for part in path.split("/"):
        if part.startswith("<"):
            path = path.replace(part, "{" + part.strip("<>").partition(":")[2] + "}")
    return path


def test_the_committed_description_is_that_of_the_code(description: dict[str, Any]):
    made = OpenApiYamlRenderer().render(description, renderer_context={}).decode()
    assert made == COMMITTED.read_text(), "routes or serializers have changed: run `make schema`"


def test_it_is_valid(description: dict[str, Any]):
    validate_schema(description)


@pytest.mark.django_db
def test_every_route_is_described_with_the_methods_that_it_takes(operations: list[Operation]):
    described: dict[str, set[str]] = {}
    for operation in operations:
        described.setdefault(operation.path, set()).add(operation.method)
    assert described.keys() == {as_template(path) for path, _ in routes()}
    for path, methods in described.items():
        filled = path.replace("{", "").replace("}", "")
        for name in ("session_id", "interaction_id", "preset_id"):
            filled = filled.replace(name, "019ab7c4-2f6e-7d53-9b1a-5c0e8f7d2a41")
        for name in ("token_id", "log_in_id", "id"):
            filled = filled.replace(name, "1")
        allowed = Client().generic("TRACE", filled)["Allow"]
        assert set(allowed.split(", ")) - {"HEAD", "OPTIONS"} == methods, path


def test_every_operation_has_a_name_of_its_own_a_summary_and_a_tag(
    description: dict[str, Any], operations: list[Operation]
):
    assert [name for name, count in Counter(one.said["operationId"] for one in operations).items() if count > 1] == []
    tags = {tag["name"] for tag in description["tags"]}
    for operation in operations:
        assert operation.said.get("summary"), operation
        assert not operation.said["summary"].endswith("."), operation
        assert set(operation.said["tags"]) <= tags, operation


def test_every_operation_has_examples(operations: list[Operation]):
    without = [f"{one}: {place}" for one in operations for place, body in one.bodies() if not body.get("examples")]
    assert without == []


def test_every_example_is_what_its_schema_says(description: dict[str, Any], operations: list[Operation]):
    wrong = []
    for operation in operations:
        for place, body in [*operation.bodies(), *_errors(operation)]:
            validator = Draft202012Validator({**body["schema"], "components": description["components"]})
            for value in _values(body):
                wrong += [f"{operation}: {place}: {error.message}" for error in validator.iter_errors(value)]
    assert wrong == []


def _values(body: dict[str, Any]) -> list[Any]:
    """The examples; of a stream, whose schema is that of an event, the events in it."""
    values = [example["value"] for example in body.get("examples", {}).values()]
    if not {"oneOf", "anyOf"} & body["schema"].keys() or not isinstance(values[0], str):
        return values
    blocks = [block for block in values[0].split("\n\n") if "data: " in block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def _errors(operation: Operation) -> list[tuple[str, dict[str, Any]]]:
    return [
        (status, content)
        for status, one in operation.responses.items()
        if status[0] in "45"
        for content in one["content"].values()
    ]


def test_every_operation_says_which_errors_it_gives(operations: list[Operation]):
    for operation in operations:
        expected = {"429", "503"}
        expected |= {"401"} if operation.takes_token else set()
        expected |= {"403"} if operation.takes_token and operation.method != "GET" else set()
        expected |= {"404"} if "{" in operation.path else set()
        expected |= {"400", "411", "413", "415"} if "requestBody" in operation.said else set()
        assert expected <= operation.responses.keys(), operation
        assert any(status.startswith("2") for status in operation.responses), operation


def test_what_waits_says_how_long(operations: list[Operation]):
    for operation in operations:
        assert operation.responses["429"]["headers"]["Retry-After"]["required"], operation


def test_limits_say_their_numbers(operations: list[Operation]):
    for operation in operations:
        told = [one for status, one in operation.responses.items() if status == "429" or status.startswith("2")]
        if operation.takes_token:
            assert all({"RateLimit", "RateLimit-Policy"} <= one["headers"].keys() for one in told), operation
