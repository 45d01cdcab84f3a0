"""The description as the code makes it, and its operations one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS

from api.schema.views import described_api


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the description, errors' references followed."""

    method: str
    path: str
    said: dict[str, Any]
    responses: dict[str, dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def takes_token(self) -> bool:
        return bool(self.said.get("security"))

    def bodies(self) -> list[tuple[str, dict[str, Any]]]:
        """Where there is JSON or text: of the request, and of each success; with its schema and examples."""
        found = [("request", one) for one in self.said.get("requestBody", {}).get("content", {}).values()]
        for status, one in self.responses.items():
            if status.startswith("2"):
                found += [(status, content) for content in one.get("content", {}).values()]
        return found


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    made = described_api()
    assert not GENERATOR_STATS, "drf-spectacular warns: run `make schema` to see of what"
    return made


@pytest.fixture(scope="session")
def operations(description: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, said, _responses(description, said))
        for path, methods in description["paths"].items()
        for method, said in methods.items()
    ]


def _responses(description: dict[str, Any], said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    shared = description["components"]["responses"]
    return {
        status: shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        for status, one in said["responses"].items()
    }
