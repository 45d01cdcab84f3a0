"""Fixtures for the API: clients with an access token."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.jwts import AccessToken
from accounts.models import User


def program_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


@pytest.fixture
def program(owner: User) -> APIClient:
    """A program of the owner."""
    return program_of(owner)


@pytest.fixture
def strange_program(stranger: User) -> APIClient:
    return program_of(stranger)


@pytest.fixture
def nobody() -> APIClient:
    """A program without a token."""
    return APIClient()
