"""From a model id to a file; the Hub is a loopback server with its routes."""

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tgi.serverprocess import run_to_end
from tgi.gguf import context_length
from tgi.models import BUNDLED_ID, ModelError, choose_file, is_path, resolve


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def text(value: str) -> bytes:
    return u64(len(value)) + value.encode()


def entry(key: str, kind: int, value: bytes) -> bytes:
    """A key, the type of its value, and the value, as in a GGUF file."""
    return text(key) + u32(kind) + value


def header(*entries: bytes) -> bytes:
    """The start of a GGUF file, version 3, without tensors."""
    return b"GGUF" + u32(3) + u64(0) + u64(len(entries)) + b"".join(entries)


def test_the_context_length_is_found_behind_values_of_every_shape(tmp_path: Path):
    file = tmp_path / "m"
    strings = entry("tokens", 9, u32(8) + u64(2) + text("a") + text("bc"))
    numbers = entry("scores", 9, u32(6) + u64(3) + bytes(12))
    nested = entry("nested", 9, u32(9) + u64(1) + u32(0) + u64(2) + b"ab")
    wide = entry("wide", 10, u64(1))
    file.write_bytes(header(strings, numbers, nested, wide, entry("x.context_length", 10, u64(4096))))
    assert context_length(file) == 4096


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "not a GGUF file"),
        (b"GGUF", "a damaged GGUF file"),
        (header(text("a")), "a damaged GGUF file"),
        (header(entry("a", 99, b"")), "a damaged GGUF file"),
        (header(entry("x.context_length", 8, text("a"))), "a damaged GGUF file"),
        (header(u64(2**60)), "a damaged GGUF file"),
        (header(entry("a", 7, b"\1")), "without a context length"),
    ],
)
def test_a_file_without_a_context_length_is_refused(tmp_path: Path, content: bytes, message: str):
    file = tmp_path / "m"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        context_length(file)


def test_nothing_given_is_the_bundled_model():
    model = resolve(None)
    assert model.id == BUNDLED_ID
    assert model.path.read_bytes()[:4] == b"GGUF"


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("/models/a", True),
        ("./a", True),
        ("~/a", True),
        ("models/a.gguf", True),
        ("a.GGUF", True),
        ("owner/name", False),
        ("owner/name-GGUF", False),
        ("owner/name:file.gguf", False),
    ],
)
def test_what_is_a_path(model_id: str, expected: bool):
    assert is_path(model_id) == expected


def test_a_path_is_taken_as_it_is(tmp_path: Path):
    file = tmp_path / "model.gguf"
    file.write_bytes(header(entry("general.name", 8, text("x")), entry("llama.context_length", 4, u32(77))))
    model = resolve(str(file))
    assert (model.id, model.path, model.context_length) == (str(file), file, 77)


def test_a_path_that_is_no_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"MODEL_ID=.*no such file"):
        resolve(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelError, match=r"MODEL_ID=.*Is a directory"):
        resolve(str(tmp_path))
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ModelError, match="not a GGUF file"):
        resolve(str(tmp_path / "text.gguf"))


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (["README.md", "m-Q8_0.gguf", "m-q4_k_m.gguf"], "m-q4_k_m.gguf"),
        (["m-f16.gguf", "m-Q8_0.gguf"], "m-Q8_0.gguf"),
        (["m-f32.gguf", "m-f16.gguf"], "m-f16.gguf"),
        (["m-Q4_K_M-00001-of-00002.gguf", "m-Q8_0.gguf"], "m-Q8_0.gguf"),
    ],
)
def test_the_best_file_of_a_repository(files: list[str], chosen: str):
    assert choose_file(files, "owner/name") == chosen


def test_a_repository_without_a_gguf_file_is_refused():
    with pytest.raises(ModelError, match="no single GGUF file"):
        choose_file(["model.safetensors"], "owner/name")


class FakeHub(BaseHTTPRequestHandler):
    """Three repositories: one with a (useless) GGUF file, one gated, and all others missing."""

    CONTENT = b"GGUF but no model"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        """A file's facts."""
        self.do_GET()

    def do_GET(self) -> None:
        """A listing or a file."""
        headers: dict[str, str] = {}
        if self.path.startswith("/api/models/owner/gated"):
            status, body, headers = 403, b"{}", {"X-Error-Code": "GatedRepo"}
        elif self.path.startswith("/api/models/owner/open"):
            siblings = [{"rfilename": "m-Q8_0.gguf"}, {"rfilename": "m-Q4_K_M.gguf"}]
            status, body = 200, json.dumps({"id": "owner/open", "siblings": siblings}).encode()
        elif self.path.startswith("/owner/open/resolve/main/m-Q4_K_M.gguf"):
            status, body = 200, self.CONTENT
            headers = {"ETag": '"abc"', "X-Repo-Commit": "0" * 40}
        elif self.path.startswith("/owner/open/resolve/"):
            status, body, headers = 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "0" * 40}
        else:
            status, body, headers = 401, b"{}", {"X-Error-Code": "RepoNotFound"}
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def start_with(model_id: str, endpoint: str, home: Path) -> str:
    """What the server says before it gives up; the Hub's address is read when it starts."""
    ended = run_to_end("--port", "0", MODEL_ID=model_id, HF_ENDPOINT=endpoint, HF_HOME=str(home))
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def test_a_file_is_chosen_downloaded_and_kept(hub: str, tmp_path: Path):
    # It gets as far as reading the file, which is no model.
    assert "MODEL_ID=owner/open: a damaged GGUF file" in start_with("owner/open", hub, tmp_path)
    kept = list(tmp_path.rglob("snapshots/*/m-Q4_K_M.gguf"))
    assert [file.read_bytes() for file in kept] == [FakeHub.CONTENT]


def test_what_was_downloaded_works_offline(hub: str, tmp_path: Path):
    start_with("owner/open", hub, tmp_path)
    line = start_with("owner/open", "http://127.0.0.1:9", tmp_path)
    assert "MODEL_ID=owner/open: a damaged GGUF file" in line


@pytest.mark.parametrize(
    ("model_id", "message"),
    [
        ("owner/missing", "MODEL_ID=owner/missing: no such repository"),
        ("owner/gated", "MODEL_ID=owner/gated: access is gated. Accept its licence"),
        ("owner/open:other.gguf", "MODEL_ID=owner/open: the repository has no file other.gguf"),
        ("not a repository", "MODEL_ID=not a repository: no such repository"),
    ],
)
def test_what_the_hub_refuses_is_one_clear_line(hub: str, tmp_path: Path, model_id: str, message: str):
    assert start_with(model_id, hub, tmp_path).startswith(message)


def test_no_network_is_one_clear_line(tmp_path: Path):
    line = start_with("owner/name", "http://127.0.0.1:9", tmp_path)
    assert line.startswith("MODEL_ID=owner/name: the Hugging Face Hub cannot be reached")
