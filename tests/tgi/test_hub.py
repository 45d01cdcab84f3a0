"""Models from the Hub: a loopback server with its routes, asked by the real client over real sockets."""

import json
import os
import pty
import subprocess
import termios
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.tgi.hubstub import COMMIT, OLDER_COMMIT, TOKEN, HubStub, run_hub
from tests.tgi.serverprocess import ROOT, command, environment, run_server, run_to_end
from tests.tgi.test_models import entry, header, u32
from tgi.models import resolve

# Enough to be read as a model, and refused when it is loaded: so a start ends soon after the download.
SMALL = header(entry("llama.context_length", 4, u32(512))) + bytes(4096)
FILES = {
    "owner/open": {
        "README.md": b"",
        "m-Q8_0.gguf": SMALL + b"8",
        "m-Q4_K_M.gguf": SMALL,
        "mmproj-Q4_K_M.gguf": b"eyes",
    },
    "owner/parts": {f"m-0000{part}-of-00002.gguf": SMALL for part in (1, 2)},
    "owner/cut": {"cut.gguf": SMALL + bytes(24_000_000)},
    "owner/gated": {"m.gguf": SMALL},
    "owner/folder": {
        "config.json": json.dumps({"max_position_embeddings": 256}).encode(),
        "model.safetensors": b"",
        "original.bin": b"twice",
    },
}


@pytest.fixture
def hub() -> Iterator[HubStub]:
    with run_hub(HubStub(FILES, gated=frozenset({"owner/gated"}))) as stub:
        yield stub


def start(model_id: str, endpoint: str, home: Path, *flags: str, **extra: Any) -> "subprocess.CompletedProcess[str]":
    """Start a server that has no model it can load."""
    ended = run_to_end("--port", "0", *flags, MODEL_ID=model_id, HF_ENDPOINT=endpoint, HF_HOME=str(home), **extra)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended


def last_line(ended: "subprocess.CompletedProcess[str]") -> str:
    return ended.stderr.strip().splitlines()[-1]


def downloaded(home: Path) -> set[str]:
    """The files in the cache, as <commit>/<name>."""
    return {"/".join(file.parts[-2:]) for file in home.rglob("snapshots/*/*")}


def test_a_repository_is_downloaded_and_served(tmp_path: Path):
    model = resolve(None).path.read_bytes()
    with run_hub(HubStub({"owner/real": {"real-Q4_K_M.gguf": model}})) as hub:
        endpoint: dict[str, Any] = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
        with run_server("--model-id", "owner/real", **endpoint) as server:
            with urllib.request.urlopen(f"{server.url}/info") as response:
                info = json.load(response)
            assert (info["model_id"], info["model_sha"]) == ("owner/real", COMMIT)
            body = json.dumps({"inputs": "Once upon a time", "parameters": {"max_new_tokens": 2}}).encode()
            request = urllib.request.Request(f"{server.url}/generate", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as response:
                assert json.load(response)["generated_text"]


def test_the_best_file_is_downloaded_and_kept(hub: HubStub, tmp_path: Path):
    assert "llama.cpp cannot load" in last_line(start("owner/open", hub.url, tmp_path))
    assert downloaded(tmp_path) == {f"{COMMIT}/m-Q4_K_M.gguf"}
    start("owner/open", hub.url, tmp_path)
    assert len(hub.asked_for("m-Q4_K_M.gguf")) == 1


def test_a_terminal_sees_a_progress_bar(hub: HubStub, tmp_path: Path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        command("--port", "0"),
        cwd=ROOT,
        env=environment(MODEL_ID="owner/open", HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path)),
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = read_all(ours)
        assert process.wait(30) == 2
    assert "m-Q4_K_M.gguf: 100%" in seen


def read_all(descriptor: int) -> str:
    """All that is written to a terminal until its last writer has gone."""
    seen = b""
    with suppress(OSError):  # how Linux says so
        while part := os.read(descriptor, 65536):
            seen += part
    os.close(descriptor)
    return seen.decode()


def test_all_parts_of_a_model_are_downloaded(hub: HubStub, tmp_path: Path):
    assert "llama.cpp cannot load" in last_line(start("owner/parts", hub.url, tmp_path))
    assert downloaded(tmp_path) == {f"{COMMIT}/m-0000{part}-of-00002.gguf" for part in (1, 2)}


def test_a_revision_is_what_is_downloaded(hub: HubStub, tmp_path: Path):
    start("owner/open", hub.url, tmp_path, "--revision", "old")
    assert downloaded(tmp_path) == {f"{OLDER_COMMIT}/m-Q4_K_M.gguf"}
    start("owner/open:m-Q8_0.gguf", hub.url, tmp_path, REVISION=COMMIT)
    assert f"{COMMIT}/m-Q8_0.gguf" in downloaded(tmp_path)


def test_a_download_goes_on_where_it_broke_off(hub: HubStub, tmp_path: Path):
    hub.cut["cut.gguf"] = 1
    assert "llama.cpp cannot load" in last_line(start("owner/cut", hub.url, tmp_path))
    first, second = hub.asked_for("cut.gguf")
    assert "Range" not in first
    assert int(second["Range"].removeprefix("bytes=").removesuffix("-")) > 8_000_000
    assert [file.read_bytes() for file in tmp_path.rglob("snapshots/*/cut.gguf")] == [FILES["owner/cut"]["cut.gguf"]]


def test_a_download_that_keeps_breaking_off_goes_on_at_the_next_start(hub: HubStub, tmp_path: Path):
    hub.cut["cut.gguf"] = 5
    line = last_line(start("owner/cut", hub.url, tmp_path))
    assert line.startswith("MODEL_ID=owner/cut: the download failed: ")
    assert line.endswith("Try again: it goes on where it stopped.")
    assert "llama.cpp cannot load" in last_line(start("owner/cut", hub.url, tmp_path))
    assert "Range" in hub.asked_for("cut.gguf")[-1]


def test_what_was_downloaded_works_offline(hub: HubStub, tmp_path: Path):
    start("owner/open", hub.url, tmp_path)
    assert "llama.cpp cannot load" in last_line(start("owner/open", "http://127.0.0.1:9", tmp_path))
    assert "llama.cpp cannot load" in last_line(start("owner/open", hub.url, tmp_path, HF_HUB_OFFLINE="1"))


def test_no_network_is_one_clear_line(tmp_path: Path):
    line = last_line(start("owner/name", "http://127.0.0.1:9", tmp_path))
    assert line.startswith("MODEL_ID=owner/name: the Hugging Face Hub cannot be reached")


def test_the_token_opens_a_gated_repository(hub: HubStub, tmp_path: Path):
    assert "llama.cpp cannot load" in last_line(start("owner/gated", hub.url, tmp_path, HF_TOKEN=TOKEN))
    assert downloaded(tmp_path) == {f"{COMMIT}/m.gguf"}


@pytest.mark.parametrize(
    ("model_id", "environment", "message"),
    [
        ("owner/missing", {}, "owner/missing: no such repository"),
        ("not a repository", {}, "not a repository: no such repository"),
        ("owner/gated", {}, "owner/gated: access is gated. Accept its licence on https://huggingface.co/owner/gated"),
        ("owner/gated", {"HF_TOKEN": "hf_wrong"}, "owner/gated: the Hugging Face Hub refuses HF_TOKEN"),
        ("owner/open:other.gguf", {}, "owner/open: the repository has no file other.gguf"),
        ("owner/open", {"REVISION": "none"}, "owner/open: the repository has no revision none"),
        ("owner/open:m-Q8_0.gguf", {"REVISION": "none"}, "owner/open: the repository has no revision none"),
        ("owner/folder", {}, "owner/folder: this repository has no GGUF file"),
        ("owner/open", {"ENGINE": "transformers"}, "owner/open: the repository has no config.json"),
    ],
)
def test_what_the_hub_refuses_is_one_clear_line(
    hub: HubStub, tmp_path: Path, model_id: str, environment: dict[str, str], message: str
):
    assert last_line(start(model_id, hub.url, tmp_path, **environment)).startswith(f"MODEL_ID={message}")


def test_transformers_gets_the_folder_and_its_weights_once(hub: HubStub, tmp_path: Path):
    start("owner/folder", hub.url, tmp_path, "--engine", "transformers")
    assert downloaded(tmp_path) == {f"{COMMIT}/config.json", f"{COMMIT}/model.safetensors"}
