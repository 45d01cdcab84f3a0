"""Pure: looking into data of which nothing is certain."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

# Seconds since 1970 are below this until the year 5138; milliseconds and less are above it.
_SECONDS = 1e11


def at(value: Any, *names: str) -> Any:
    """What is in an object in an object under these names; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any, most: int | None = None) -> str:
    return value[:most] if isinstance(value, str) else ""


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def when(value: Any) -> datetime | None:
    """A time in seconds since 1970, or in thousandths, millionths or billionths of them."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e21 or math.isnan(value):
        return None
    while value >= _SECONDS:
        value /= 1000
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
