"""Fixtures for `/v1`: all of Parley with the real model, and an account that programs use it with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.stack import Stack


@dataclass(frozen=True, slots=True)
class Door:
    """What an OpenAI client is configured with.

    Attributes:
        url: the base URL, with `/v1`.
        key: an access token.
        model: the id of the model that is served.
        site_url: of Parley itself.
    """

    url: str
    key: str
    model: str
    site_url: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@pytest.fixture(scope="session")
def door(stack: Stack) -> Door:
    person = {"username": "program", "password": "correct horse battery"}
    requests.post(f"{stack.url}/api/register/", json=person, timeout=30).raise_for_status()
    key = requests.post(f"{stack.url}/api/token/", json=person, timeout=30).json()["access"]
    [model] = requests.get(f"{stack.tgi_url}/v1/models", timeout=30).json()["data"]
    return Door(f"{stack.url}/v1", key, model["id"], stack.url)


@pytest.fixture(autouse=True)
def quiet_clients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No client may look for keys in the environment, or tell anybody what it does."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "LANGSMITH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "false")
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path / "llm"))
