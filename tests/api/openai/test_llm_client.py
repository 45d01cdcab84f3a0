"""The `llm` package's program, with a configuration that points it at `/v1`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from tests.api.openai.conftest import Door


@pytest.fixture
def llm_folder(door: Door, tmp_path: Path) -> Path:
    folder = tmp_path / "llm"
    folder.mkdir()
    model = {"model_id": "parley", "model_name": door.model, "api_base": door.url, "api_key_name": "parley"}
    stored = {**model, "model_id": "kept", "model_name": "tgi", "headers": {"X-Parley-Session": "new"}}
    (folder / "extra-openai-models.yaml").write_text(yaml.safe_dump([model, stored]))
    return folder


def run_llm(folder: Path, *arguments: str, key: str) -> str:
    """What it prints."""
    # Its plugins would load engines of their own.
    environment = {**os.environ, "LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": ""}
    argv = [sys.executable, "-m", "llm", *arguments, "--key", key]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_question_is_answered_in_a_stream_and_whole(llm_folder: Path, door: Door):
    ask = [
        "prompt",
        "-m",
        "parley",
        "-n",
        "-o",
        "temperature",
        "0",
        "-o",
        "max_tokens",
        "8",
        "Say hello in five words.",
    ]
    streamed = run_llm(llm_folder, *ask, key=door.key)
    whole = run_llm(llm_folder, *ask, "--no-stream", key=door.key)
    assert streamed.strip()
    assert streamed == whole


def test_a_header_of_its_configuration_keeps_what_is_asked(llm_folder: Path, door: Door):
    said = run_llm(llm_folder, "prompt", "-m", "kept", "-n", "-s", "Be brief.", "Say hello to the owl.", key=door.key)
    url = f"{door.site_url}/api/sessions/"
    [session] = requests.get(url, params={"search": "owl"}, headers=door.headers, timeout=30).json()["results"]
    [kept] = requests.get(f"{url}{session['id']}/interactions/", headers=door.headers, timeout=30).json()["results"]
    assert session["system_prompt"] == "Be brief."
    assert kept["final_response_text"].strip() == said.strip()
