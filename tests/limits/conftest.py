"""Means for tests of limits: numbers of a test's own, and time that passes when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from limits.models import Attempt

Limit = Callable[..., None]


@pytest.fixture
def limit(settings: Any) -> Limit:
    """`limit(requests_per_minute=2)`"""

    def change(**values: Any) -> None:
        settings.ENV = settings.ENV.model_copy(update=values)

    return change


def let_pass(**time: float) -> None:
    """Everything that is counted of log-ins was so much earlier."""
    ago = timedelta(**time)
    Attempt.objects.update(until=F("until") - ago, kept_until=F("kept_until") - ago)


@pytest.fixture
def nobody() -> APIClient:
    """A program without a token."""
    return APIClient()
