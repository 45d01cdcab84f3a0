"""For Schemathesis, which loads this file: whose requests they are."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import requests
import schemathesis
from schemathesis import AuthContext, Case

URL = os.environ["SITE_URL"]
PASSWORD = "correct horse battery"
# These end the account or its tokens: each call of them is made by an account of its own.
ENDS_ACCESS = frozenset(os.environ["ENDS_ACCESS"].split())

_numbers = count()


def make_account() -> dict[str, str]:
    """A new account; gives its tokens."""
    given = {"username": f"explorer-{os.getpid()}-{next(_numbers)}", "password": PASSWORD}
    requests.post(f"{URL}/api/register/", json=given, timeout=30).raise_for_status()
    made = requests.post(f"{URL}/api/token/", json=given, timeout=30)
    made.raise_for_status()
    tokens: dict[str, str] = made.json()
    return tokens


SHARED = make_account()["access"]


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case: Case[Any], context: AuthContext) -> str:
        return make_account()["access"] if _name(case) in ENDS_ACCESS else SHARED

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.serializer("application/zip")
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes) else str(value).encode()


def _name(case: Case[Any]) -> str:
    return str(case.operation.definition.raw["operationId"])


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Ids and tokens that are made up lead nowhere: in phases that follow no links, requests that fit the description
    are for something that was made for them."""
    if not case.meta or not case.meta.generation.mode.is_positive or case.meta.phase.name.value == "stateful":
        return
    wanted = case.path_parameters.keys() & {
        "session_id",
        "interaction_id",
        "preset_id",
        "token_id",
        "token",
        "model_id",
    }
    if wanted:
        made = _made(case.operation.path)
        case.path_parameters.update({name: made[name] for name in wanted})
    if _name(case) in {"token_refresh", "token_blacklist"} and isinstance(case.body, dict):
        case.body["refresh"] = make_account()["refresh"]


def _made(path: str) -> dict[str, str]:
    """A new one of what the path names, and what that is in."""
    if "{preset_id}" in path:
        return {"preset_id": _post("presets/", {"name": f"Preset {next(_numbers)}"})["id"]}
    if "{token_id}" in path:
        return {"token_id": str(_post("tokens/", {"name": "script", "scopes": ["read"]})["id"])}
    if "{model_id}" in path:
        return {"model_id": "tgi"}
    answer = _post("chat/", {"message": "Hi"})
    made = {"session_id": answer["session_id"], "interaction_id": answer["interaction_id"]}
    if "{token}" in path:
        made["token"] = _post(f"sessions/{made['session_id']}/links/", {})["token"]
    return made


def _post(path: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {SHARED}"}
    made = requests.post(f"{URL}/api/{path}", json=body, headers=headers, timeout=30)
    made.raise_for_status()
    return made.json()
