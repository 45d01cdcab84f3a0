"""The Hugging Face Hub as a loopback server: its routes, headers and refusals, over a few small repositories."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT, OLDER_COMMIT = "c" * 40, "0" * 40
TOKEN = "hf_a_token_of_the_tests"


@dataclass
class HubStub:
    """What the Hub has, and what it was asked. Files in ``cut`` break off half-way, so many times."""

    files: dict[str, dict[str, bytes]]
    gated: frozenset[str] = frozenset()
    cut: dict[str, int] = field(default_factory=dict)
    url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def asked_for(self, file: str) -> list[dict[str, str]]:
        """Headers of the GET requests for a file, in order."""
        return [headers for method, path, headers in self.requests if method == "GET" and path.endswith("/" + file)]


class _Handler(BaseHTTPRequestHandler):
    hub: HubStub

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        """A file's facts."""
        self.do_GET()

    def do_GET(self) -> None:
        """A listing (``/api/models/<repository>``) or a file (``/<repository>/resolve/<revision>/<file>``)."""
        self.hub.requests.append((self.command, self.path, dict(self.headers)))
        path = self.path.removeprefix("/api/models").split("?")[0].strip("/").split("/")
        repository, rest = "/".join(path[:2]), path[2:]
        authorization = self.headers.get("Authorization")
        if authorization not in (None, f"Bearer {TOKEN}"):
            self._refuse(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif repository not in self.hub.files:
            self._refuse(401, {"X-Error-Code": "RepoNotFound"})
        elif repository in self.hub.gated and authorization is None:
            self._refuse(401, {"X-Error-Code": "GatedRepo"})
        elif rest[:1] == ["revision"] or not rest:
            self._listing(repository, rest[1] if rest else "main")
        else:
            self._file(repository, rest[1], "/".join(rest[2:]))

    def _listing(self, repository: str, revision: str) -> None:
        commit = _commit(revision)
        if commit is None:
            self._refuse(404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [{"rfilename": name} for name in self.hub.files[repository]]
        body = json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode()
        self._send(200, body, {"Content-Type": "application/json"})

    def _file(self, repository: str, revision: str, name: str) -> None:
        commit, content = _commit(revision), self.hub.files[repository].get(name)
        if commit is None:
            self._refuse(404, {"X-Error-Code": "RevisionNotFound"})
            return
        if content is None:
            self._refuse(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        breaks_off = self.command == "GET" and self.hub.cut.get(name, 0) > 0
        if breaks_off:
            self.hub.cut[name] -= 1
        self._send(206 if start else 200, content[start:], headers, breaks_off=breaks_off)

    def _refuse(self, status: int, headers: dict[str, str]) -> None:
        self._send(status, b"{}", headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, breaks_off: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if breaks_off else body)


def _commit(revision: str) -> str | None:
    return {"main": COMMIT, "old": OLDER_COMMIT}.get(revision, revision if revision in (COMMIT, OLDER_COMMIT) else None)


@contextmanager
def run_hub(hub: HubStub) -> Iterator[HubStub]:
    """Serve it on a port the system chooses."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
