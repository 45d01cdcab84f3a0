"""A small client of Parley's API. Copy it: it needs `requests` and nothing else.

parley = Parley("http://127.0.0.1:8000", token="parley_…")
print(parley.ask("Why is the sky blue?")["response"])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, TypedDict, cast

import requests

Status = Literal["queued", "generating", "complete", "stopped", "failed"]


class Usage(TypedDict):
    prompt_tokens: int | None
    generated_tokens: int | None


class Failure(TypedDict):
    code: str
    message: str


class Answer(TypedDict):
    """What POST /api/chat/ gives when the answer is whole."""

    session_id: str
    interaction_id: str
    status: Status
    response: str
    usage: Usage
    finish_reason: str
    error: Failure | None


class Session(TypedDict):
    id: str
    title: str
    system_prompt: str
    parameters: dict[str, Any]
    pinned: bool
    archived: bool
    created: str
    updated: str


class Interaction(TypedDict):
    """A question and its answer, as far as most programs look at it."""

    id: str
    session_id: str
    parent_id: str | None
    query_text: str
    status: Status
    final_response_text: str
    error_code: str
    finish_reason: str
    rating: int | None
    created: str
    finished: str | None


class Problem(TypedDict, total=False):
    """An error. `code` is stable; `retryable`: whether the same request may succeed later."""

    status: int
    code: str
    detail: str
    retryable: bool
    errors: dict[str, Any]


class ParleyError(Exception):
    """The API refused. `problem` says why, `retry_after` after how many seconds it is worth another try."""

    def __init__(self, response: requests.Response) -> None:
        try:
            self.problem = cast("Problem", response.json())
        except ValueError:
            self.problem = Problem(status=response.status_code, code="unknown", detail=response.reason)
        self.retry_after = int(response.headers.get("Retry-After", 0))
        super().__init__(f"{self.problem.get('code')}: {self.problem.get('detail')} {self.problem.get('errors', '')}")


class Parley:
    """Calls with one token. Every method raises ParleyError for a 4xx or 5xx."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._http = requests.Session()
        self._refresh = ""
        self.use(token)

    def use(self, token: str) -> None:
        """Make the next calls with this token."""
        self._http.headers["Authorization"] = f"Bearer {token}"
        if not token:
            del self._http.headers["Authorization"]

    def log_in(self, username: str, password: str) -> None:
        """With access tokens. They last 15 minutes; when one has ended, a call gets the next by itself."""
        self._take(self.post("/api/token/", {"username": username, "password": password}))

    def renew(self) -> None:
        """Get the next tokens."""
        refresh, self._refresh = self._refresh, ""
        self._take(self.post("/api/token/refresh/", {"refresh": refresh}))

    def log_out(self) -> None:
        self.post("/api/token/blacklist/", {"refresh": self._refresh})
        self._refresh = ""
        self.use("")

    def _take(self, tokens: dict[str, str]) -> None:
        self._refresh = tokens["refresh"]
        self.use(tokens["access"])

    # Any operation: JSON in, JSON out.

    def get(self, path: str, **query: Any) -> Any:
        return self._json(self.call("GET", path, params=query))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._json(self.call("POST", path, json=body, headers=headers))

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self._json(self.call("PATCH", path, json=body, headers=headers))

    def delete(self, path: str) -> None:
        self.call("DELETE", path)

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Every row of a list, page after page."""
        page = self.get(path, **query)
        yield from page["results"]
        while page["next"]:
            page = self.get(page["next"].removeprefix(self.url))
            yield from page["results"]

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """The response itself, with its headers. `options` are those of requests."""
        options.setdefault("timeout", 300)
        response = self._http.request(method, self.url + path, **options)
        if response.status_code == 401 and self._refresh:
            self.renew()
            response = self._http.request(method, self.url + path, **options)
        if not response.ok:
            raise ParleyError(response)
        return response

    @staticmethod
    def _json(response: requests.Response) -> Any:
        return response.json() if response.content else None

    # Asking.

    def ask(self, message: str, **more: Any) -> Answer:
        """Wait for the whole answer. `more`: session_id, parent_id, parameters."""
        return cast("Answer", self.post("/api/chat/", {"message": message, **more}))

    def stream(self, message: str, **more: Any) -> Iterator[tuple[str, Any]]:
        """Ask, and take the answer as it is written: `("delta", {"text", "offset"})`, …, `("done", the interaction)`.
        If the connection breaks, the stream goes on where it was."""
        body = {"message": message, **more, "stream": True}
        response = self.call("POST", "/api/chat/", json=body, stream=True)
        yield from self._resumed(_events(response), "")

    def follow(self, interaction_id: str, after: int = 0) -> Iterator[tuple[str, Any]]:
        """The same of an answer that is there, or is being written. `after`: so many characters you have."""
        headers = {"Last-Event-ID": str(after)}
        response = self.call("GET", f"/api/interactions/{interaction_id}/stream/", headers=headers, stream=True)
        yield from self._resumed(_events(response), interaction_id, after)

    def _resumed(
        self, events: Iterator[tuple[str, Any]], interaction_id: str, after: int = 0
    ) -> Iterator[tuple[str, Any]]:
        try:
            for name, data in events:
                if name == "status":
                    interaction_id = data["interaction_id"]
                elif name == "delta":
                    after = data["offset"] + len(data["text"])
                yield name, data
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            if not interaction_id:
                raise
            yield from self.follow(interaction_id, after)


def _events(response: requests.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in _lines(response):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def _lines(response: requests.Response) -> Iterator[str]:
    """They end with a line feed alone: a text may hold what else ends lines."""
    rest = b""
    for chunk in response.iter_content(chunk_size=None):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in whole)
