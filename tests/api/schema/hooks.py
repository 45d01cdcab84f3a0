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


def make_account() -> str:
    """A new account; gives its access token."""
    given = {"username": f"explorer-{os.getpid()}-{next(_numbers)}", "password": PASSWORD}
    requests.post(f"{URL}/api/register/", json=given, timeout=30).raise_for_status()
    made = requests.post(f"{URL}/api/token/", json=given, timeout=30)
    made.raise_for_status()
    return str(made.json()["access"])


SHARED = make_account()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case: Case[Any], context: AuthContext) -> str:
        return make_account() if case.operation.definition.raw.get("operationId") in ENDS_ACCESS else SHARED

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.serializer("application/zip")
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes) else str(value).encode()
