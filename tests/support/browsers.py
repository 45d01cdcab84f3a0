"""Browsers for tests of pages: requests as a plain page sends them, or as HTMX does."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import User

HTMX = {"HX-Request": "true"}


class Browser:
    """A client with the session of `user`, or of nobody."""

    def __init__(self, user: User | None) -> None:
        self.client = Client()
        if user is not None:
            self.client.force_login(user)

    def get(self, path: str, *, htmx: bool = False) -> Any:
        return self.client.get(path, headers=HTMX if htmx else {})

    def post(self, path: str, form: dict[str, str] | None = None, *, htmx: bool = False, on: str = "/chat/") -> Any:
        """Send a form; `on`: the address of the page that it stands on, which HTMX tells."""
        headers = {**HTMX, "HX-Current-URL": f"http://testserver{on}"} if htmx else {}
        return self.client.post(path, form or {}, headers=headers)


def is_page(response: Any) -> bool:
    """A whole page, and no fragment of one."""
    return bool(response.text.lstrip().lower().startswith("<!doctype html>"))
