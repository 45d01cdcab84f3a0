"""Tokens that somebody made up: nothing but HS256 with the site's own key for tokens is taken, for its own purpose."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import SlidingToken, UntypedToken

from accounts.jwts import AccessToken, RefreshToken
from accounts.models import User
from tests.api.test_tokens import refresh, status_with

KEY = str(api_settings.SIGNING_KEY)


def part(value: bytes | dict[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def unsigned(token: str) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims_of(token))}."


def unsigned_with_a_signature(token: str) -> str:
    return unsigned(token) + token.rsplit(".", 1)[1]


def none_in_capitals(token: str) -> str:
    return f"{part({'alg': 'nOnE'})}.{part(claims_of(token))}."


def signed_with_the_secret_key(token: str) -> str:
    return jwt.encode(claims_of(token), settings.SECRET_KEY, algorithm="HS256")


def signed_with_an_empty_key(token: str) -> str:
    head = f"{part({'alg': 'HS256'})}.{part(claims_of(token))}"
    return f"{head}.{part(hmac.new(b'', head.encode(), hashlib.sha256).digest())}"


def naming_another_algorithm(token: str) -> str:
    """The key of HS256 is right, and yet: what a header says is not what decides."""
    head = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims_of(token))}"
    return f"{head}.{part(hmac.new(KEY.encode(), head.encode(), hashlib.sha256).digest())}"


def naming_its_own_key(token: str) -> str:
    own = {"kty": "oct", "k": part(b"x" * 32)}
    return jwt.encode(claims_of(token), "x" * 32, algorithm="HS256", headers={"jwk": own, "kid": "../../dev/null"})


def signed_with_another_hash(token: str) -> str:
    return jwt.encode(claims_of(token), KEY, algorithm="HS512")


def with_another_user(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{part(claims_of(token) | {'user_id': '1'})}.{signature}"


def with_a_longer_life(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{part(claims_of(token) | {'exp': 4102444800})}.{signature}"


def with_a_piece_of_the_signature(token: str) -> str:
    return token[:-6]


def with_another_signature(token: str) -> str:
    return token[:-20] + token[-19] + token[-20] + token[-18:] if token[-20] != token[-19] else token[:-20] + "A" * 20


FORGERIES = [
    unsigned,
    unsigned_with_a_signature,
    none_in_capitals,
    signed_with_the_secret_key,
    signed_with_an_empty_key,
    naming_another_algorithm,
    naming_its_own_key,
    signed_with_another_hash,
    with_another_user,
    with_a_longer_life,
    with_a_piece_of_the_signature,
    with_another_signature,
]


def asking_with(client: APIClient, token: str) -> int:
    """POST /api/chat/ looks at tokens by itself. No process answers here: 503 comes after a good token."""
    headers = {"Authorization": f"Bearer {token}"}
    status: int = client.post("/api/chat/", {"message": "Hi"}, format="json", headers=headers).status_code
    return status


def statuses(client: APIClient, access: str, refreshing: str) -> tuple[int, int, int]:
    return status_with(client, access), asking_with(client, access), refresh(client, refreshing).status_code


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_token_is_none(forge: Callable[[str], str], nobody: APIClient, owner: User):
    access, refreshing = str(AccessToken.for_user(owner)), str(RefreshToken.for_user(owner))
    assert statuses(nobody, forge(access), forge(refreshing)) == (401, 401, 401)
    assert statuses(nobody, access, refreshing) == (200, 503, 200)


def signed(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


def test_each_kind_of_token_is_good_for_its_own_purpose_alone(nobody: APIClient, owner: User):
    access, refreshing = str(AccessToken.for_user(owner)), str(RefreshToken.for_user(owner))
    assert statuses(nobody, refreshing, access) == (401, 401, 401)
    for other in (SlidingToken.for_user(owner), UntypedToken.for_user(owner)):
        other.set_exp(lifetime=timedelta(minutes=1))
        assert statuses(nobody, str(other), str(other)) == (401, 401, 401)


@pytest.mark.parametrize("missing", ["exp", "jti", "token_type", "user_id"])
def test_a_token_that_lacks_a_claim_is_refused_though_it_is_signed(missing: str, nobody: APIClient, owner: User):
    tokens = []
    for made in (AccessToken.for_user(owner), RefreshToken.for_user(owner)):
        claims = claims_of(str(made))
        del claims[missing]
        tokens.append(signed(claims))
    assert statuses(nobody, *tokens) == (401, 401, 401)


@pytest.mark.parametrize("user_id", ["", "x", None, [], 10**30, "9" * 30, -1, "\x00"])
def test_a_token_of_nobody_is_refused_though_it_is_signed(user_id: object, nobody: APIClient, owner: User):
    access = claims_of(str(AccessToken.for_user(owner))) | {"user_id": user_id}
    refreshing = claims_of(str(RefreshToken.for_user(owner))) | {"user_id": user_id}
    assert (status_with(nobody, signed(access)), refresh(nobody, signed(refreshing)).status_code) == (401, 401)


def test_the_scheme_is_bearer(nobody: APIClient, owner: User):
    token = str(AccessToken.for_user(owner))
    for value in (token, f"Token {token}", f"Basic {token}", f"Bearer {token} more", "Bearer", "Bearer "):
        assert nobody.get("/api/sessions/", headers={"Authorization": value}).status_code == 401


def test_a_token_in_the_address_or_in_a_cookie_is_none(nobody: APIClient, owner: User):
    token = str(AccessToken.for_user(owner))
    nobody.cookies["access"] = nobody.cookies["Authorization"] = token
    assert nobody.get(f"/api/sessions/?access={token}&token={token}&access_token={token}").status_code == 401
