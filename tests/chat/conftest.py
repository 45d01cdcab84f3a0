"""Fixtures for the pages: browsers of the owner, of a stranger and of nobody."""

from __future__ import annotations

import pytest

from accounts.models import User
from tests.support.browsers import Browser


@pytest.fixture
def browser(owner: User) -> Browser:
    """The owner's."""
    return Browser(owner)


@pytest.fixture
def strange_browser(stranger: User) -> Browser:
    return Browser(stranger)


@pytest.fixture
def visitor(db: None) -> Browser:
    """Nobody is logged in."""
    return Browser(None)
