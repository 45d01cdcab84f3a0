"""The table of codes: all that any view can give, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rest_framework.exceptions import APIException

import config.errors
import config.urls  # all views, and the exceptions that are theirs
from api import codes
from api.codes import CODES
from api.errors import OF_THE_DOMAIN, SAID_BY_THE_TABLE, of_exception
from chat.context import QueryTooLong
from inference.errors import InferenceError
from launcher import REPOSITORY
from limits.refusals import LimitReached

SITE = REPOSITORY / "site"
# What makes an error of a code that stands there: these functions have it second; exceptions second, or as `code`.
MAKERS = {"problem", "body", "openai_error", "error_body"}
# Of DRF and simplejwt, those that can come here: there is one permission, to be somebody, and one form of answers.
OF_LIBRARIES = {
    *("not_authenticated", "authentication_failed", "bad_authorization_header", "token_not_valid", "no_active_account"),
    *("user_not_found", "user_inactive", "parse_error", "invalid", "method_not_allowed", "unsupported_media_type"),
}


def all_of(kind: type[Any]) -> set[type[Any]]:
    """A class and those made of it."""
    return {kind}.union(*(all_of(one) for one in kind.__subclasses__()))


EXCEPTIONS = {kind.__name__ for kind in all_of(APIException)} - {"ValidationError"}  # that one is `invalid`, always


def in_source() -> Iterator[tuple[str, str]]:
    """Codes that are written where an error is made, and where that is."""
    for path in [*SITE.joinpath("api").rglob("*.py"), *SITE.joinpath("config").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for code in written(node):
                    yield code, f"{path.relative_to(SITE)}:{node.lineno}"


def written(call: ast.Call) -> list[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in MAKERS | EXCEPTIONS:
        return []
    places = [*call.args[1:2], *(one.value for one in call.keywords if one.arg == "code")]
    return [one.value for one in places if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def of_inference() -> set[str]:
    answers = [of_exception(kind("detail")) for kind in all_of(InferenceError) - {InferenceError}]
    return {found[1]["code"] for found in answers if found}


def of_pages() -> set[str]:
    return {one.code for one in vars(config.errors).values() if isinstance(one, config.errors.ErrorPage)}


def of_v1() -> set[str]:
    """/v1 gives these names to what else is said otherwise."""
    parsed = [ast.parse(path.read_text()) for path in Path(SITE, "api/openai").glob("*.py")]
    constants = {node.value for tree in parsed for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {code for code in (*codes.OF_OPENAI_BODY, "context_length_exceeded") if code in constants}


def given() -> set[str]:
    ours = {kind.default_code for kind in all_of(APIException) if kind.__module__.startswith(("api.", "limits."))}
    refused = {kind.code for kind in all_of(LimitReached)}
    return (
        {code for code, _ in in_source()}
        | {str(code) for code in ours}
        | refused
        | of_inference()
        | of_pages()
        | of_v1()
        | set(OF_THE_DOMAIN.values())
        | OF_LIBRARIES
    )


def test_every_code_that_is_written_somewhere_is_in_the_table():
    assert {code: where for code, where in in_source() if code not in CODES} == {}


def test_the_table_has_all_that_can_be_given_and_nothing_else():
    assert given() == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_status_of_an_error_and_a_sentence(code: str):
    row = CODES[code]
    assert 400 <= row.status < 600
    assert row.detail[0] == row.detail[0].upper()
    assert not row.retryable or row.status >= 409


@pytest.mark.parametrize("kind", sorted(all_of(InferenceError) - {InferenceError}, key=str))
def test_what_the_model_could_not_do_is_worth_a_retry_where_its_error_says_so(kind: type[InferenceError]):
    found = of_exception(kind("detail"))
    assert found is not None
    status, body = found
    assert body["retryable"] is kind.retryable
    assert (status, body["status"]) == (CODES[body["code"]].status,) * 2


def test_a_question_that_is_too_long_has_the_numbers():
    found = of_exception(QueryTooLong(9120, 6144))
    assert found is not None
    assert (found[0], found[1]["code"], found[1]["tokens"], found[1]["limit"]) == (400, "too_long", 9120, 6144)
    assert found[1]["detail"] == CODES["too_long"].detail


@pytest.mark.parametrize("code", sorted(SAID_BY_THE_TABLE))
def test_whatever_a_framework_says_a_client_is_told_what_to_do(code: str):
    error = APIException(f"a framework's words, {datetime.now(UTC).isoformat()}", code)
    error.status_code = CODES[code].status
    found = of_exception(error)
    assert found is not None
    assert (found[0], found[1]["detail"]) == (CODES[code].status, CODES[code].detail)


def test_the_guide_names_every_code():
    guide = (REPOSITORY / "docs/API.md").read_text()
    assert [code for code in CODES if f"`{code}`" not in guide] == []
