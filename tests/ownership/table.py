"""Every route of the site and what each method of it answers to whom. A route, or a method of one, that has no row here
fails the test beside.

A row: the method, the route's name, whose it is, the status for its owner, and what is sent:

- OBJECT: the address or what is sent names something of one owner's. To all others it is not there: 404.
- OWN: about whoever asks. Everybody who has an account gets `ok`, and nothing of anybody else's.
- PUBLIC: for everybody alike.

`{session}`, `{interaction}`, `{preset}`, `{link}`, `{token}`, … in what is sent stand for the ids of `world.World`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


class Whose(Enum):
    OBJECT = auto()
    OWN = auto()
    PUBLIC = auto()


LOG_IN = "log in"  # sent to the log-in page

OBJECT, OWN, PUBLIC = Whose.OBJECT, Whose.OWN, Whose.PUBLIC


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        ok: the status for the owner.
        sent: the form of a page, or the JSON for the API.
        others: the status for who has an account and is not the owner; None: 404 for OBJECT, else `ok`.
        nobody: the status for who has no account that counts; None: the log-in page's address, or 401 for programs.
        personal: the status for a personal token, whoever has it; None: as for an access token.
        read: the status for one that may only read; None: `ok` for GET, else 403.
        query: of the address.
        headers: what is sent beside.
        at: which of the ids stands for the session in the address; `session` unless this says another.
    """

    method: str
    name: str
    whose: Whose
    ok: int | str = 200
    sent: Mapping[str, Any] | None = None
    others: int | None = None
    nobody: int | None = None
    personal: int | None = None
    read: int | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    at: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.name}{self.query}"


PASSWORDS = {"old_password": "{password}", "new_password1": "another horse 1", "new_password2": "another horse 1"}
AFTER = {"message": "Hi", "session_id": "{session}", "parent_id": "{interaction}"}
API_PASSWORDS = {"current_password": "{password}", "new_password": "another horse 1"}
NEW_ACCOUNT = {"username": "newcomer-{unique}", "password1": "another horse 1", "password2": "another horse 1"}
ASKED = {"messages": [{"role": "user", "content": "Hi"}]}
INSTRUCTED = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}

PAGES = [
    Row("GET", "home", PUBLIC, 302),
    Row("GET", "new_chat", OWN),
    Row("POST", "new_chat", OWN, 303, {"query": "Hi"}),
    Row("GET", "all_sessions", OWN),
    Row("POST", "all_sessions", OBJECT, 303, {"pin": "{session}"}, others=303),
    Row("POST", "all_sessions", OBJECT, 303, {"archive": "{session}"}, others=303),
    Row("POST", "all_sessions", OBJECT, 303, {"delete": "{session}"}, others=303),
    Row("GET", "export_sessions", OWN, query="?format=json"),
    Row("GET", "export_sessions", OBJECT, query="?format=json&session={session}", others=200),
    Row("POST", "export_sessions", OBJECT, 200, {"format": "json", "session": "{session}"}, others=200),
    Row("GET", "import_sessions", OWN),
    Row("POST", "import_sessions", OWN, 422),
    Row("POST", "undelete_sessions", OBJECT, 303, {"deleted": "{deleted_at}"}, others=410),
    Row("GET", "session", OBJECT),
    Row("POST", "session", OBJECT, 303, {"query": "Hi"}),
    Row("GET", "live_session", OBJECT, 303),
    Row("GET", "rename_session", OBJECT),
    Row("POST", "rename_session", OBJECT, 303, {"title": "x"}),
    Row("GET", "delete_session", OBJECT),
    Row("POST", "delete_session", OBJECT, 303),
    Row("GET", "export_session", OBJECT, query="?format=json"),
    Row("GET", "share_session", OBJECT),
    Row("POST", "share_session", OBJECT, 303, {"at": "{interaction}"}),
    Row("POST", "revoke_link", OBJECT, 303, {"token": "{link}"}),
    Row("GET", "shared", PUBLIC),
    Row("GET", "session_settings", OBJECT),
    Row("POST", "session_settings", OBJECT, 303, {"system_prompt": "x"}),
    Row("GET", "model_defaults", OWN),
    Row("POST", "model_defaults", OWN, 303, {"system_prompt": "x"}),
    Row("GET", "presets", OWN),
    Row("GET", "new_preset", OWN),
    Row("POST", "new_preset", OWN, 303, {"name": "Another"}),
    Row("GET", "edit_preset", OBJECT),
    Row("POST", "edit_preset", OBJECT, 303, {"name": "Another"}),
    Row("GET", "delete_preset", OBJECT),
    Row("POST", "delete_preset", OBJECT, 303),
    Row("GET", "stream_interaction", OBJECT, nobody=401),
    Row("POST", "stop_interaction", OBJECT, 303),
    Row("POST", "continue_interaction", OBJECT, 303),
    Row("POST", "regenerate_interaction", OBJECT, 303),
    Row("GET", "edit_interaction", OBJECT),
    Row("POST", "edit_interaction", OBJECT, 303, {"query": "x"}),
    Row("POST", "rate_interaction", OBJECT, 303, {"rating": "up"}),
    Row("GET", "interaction_source", OBJECT),
    Row("GET", "general_settings", OWN),
    Row("POST", "general_settings", OWN, 303, {"theme": "dark", "enter_sends": "no"}),
    Row("GET", "account_settings", OWN),
    Row("POST", "account_settings", OWN, 303, PASSWORDS),
    Row("GET", "download_data", OWN),
    Row("GET", "delete_account", OWN),
    Row("POST", "delete_account", OWN, 303, {"password": "{password}"}),
    Row("GET", "account_deleted", PUBLIC),
    Row("GET", "log_ins", OWN),
    Row("POST", "log_ins", OWN, 303),
    Row("POST", "log_ins", OBJECT, 303, {"id": "{log_in}"}, others=303),
    Row("GET", "api_tokens", OWN),
    Row("POST", "api_tokens", OWN, 201, {"name": "x", "scope": "chat", "expires": "30"}),
    Row("POST", "revoke_token", OBJECT, 303),
    Row("GET", "signup", OWN, 302, nobody=200),
    Row("POST", "signup", OWN, 302, NEW_ACCOUNT, nobody=302),
    Row("GET", "login", OWN, 302, nobody=200),
    Row("POST", "login", OWN, 302, {"username": "x", "password": "x"}, nobody=200),
    Row("PUT", "login", OWN, 302, nobody=200),
    Row("PATCH", "login", OWN, 302, nobody=405),
    Row("DELETE", "login", OWN, 302, nobody=405),
    Row("POST", "logout", PUBLIC, LOG_IN),
    Row("GET", "healthz", PUBLIC),
    Row("GET", "readyz", PUBLIC),
]

API = [
    Row("GET", "api_schema", PUBLIC),
    Row("GET", "api_docs", PUBLIC),
    Row("GET", "api_redoc", PUBLIC),
    Row("POST", "api_register", PUBLIC, 201, {"username": "newcomer-{unique}", "password": "another horse 1"}),
    Row("POST", "api_token", PUBLIC, 401, {"username": "x", "password": "x"}),
    Row("POST", "api_token_refresh", PUBLIC, 401, {"refresh": "x"}),
    Row("POST", "api_token_blacklist", PUBLIC, 401, {"refresh": "x"}),
    Row("POST", "api_generate", OWN, 200, {"inputs": "Hi"}),
    Row("GET", "api_server", PUBLIC),
    Row("GET", "api_model", OWN),
    Row("GET", "api_account", OWN),
    Row("PATCH", "api_account", OWN, 200, {"theme": "dark"}),
    Row("POST", "api_account_password", OWN, 200, API_PASSWORDS, personal=403),
    Row("POST", "api_account_delete", OWN, 204, {"password": "{password}"}, personal=403),
    Row("GET", "api_account_data", OWN, personal=403),
    Row("GET", "api_usage", OWN),
    Row("GET", "api_personal_tokens", OWN, personal=403),
    Row("POST", "api_personal_tokens", OWN, 201, {"name": "x", "scopes": ["read"]}, personal=403),
    Row("DELETE", "api_personal_token", OBJECT, 204, personal=403),
    Row("GET", "api_log_ins", OWN, personal=403),
    Row("DELETE", "api_log_in", OBJECT, 204, personal=403),
    Row("POST", "api_log_ins_end_all", OWN, 204, personal=403),
    Row("GET", "api_presets", OWN),
    Row("POST", "api_presets", OWN, 201, {"name": "Another"}),
    Row("GET", "api_preset", OBJECT),
    Row("PATCH", "api_preset", OBJECT, 200, {"name": "Another"}),
    Row("DELETE", "api_preset", OBJECT, 204),
    Row("POST", "process_chat_message", OWN, 200, {"message": "Hi"}),
    Row("POST", "process_chat_message", OBJECT, 200, {"message": "Hi", "session_id": "{session}"}),
    Row("POST", "process_chat_message", OBJECT, 200, {"message": "x", "session_id": "{session}", "stream": True}),
    Row("POST", "process_chat_message", OBJECT, 200, AFTER),
    Row("GET", "api_sessions", OWN),
    Row("GET", "api_sessions", OWN, query="?search=answer"),
    Row("POST", "api_sessions", OWN, 201, {"title": "x"}),
    Row("POST", "api_sessions", OBJECT, 201, {"preset_id": "{preset}"}),
    Row("GET", "api_session", OBJECT),
    Row("PATCH", "api_session", OBJECT, 200, {"title": "x"}),
    Row("PATCH", "api_session", OBJECT, 200, {"preset_id": "{preset}"}),
    Row("DELETE", "api_session", OBJECT, 204),
    Row("POST", "api_sessions_bulk", OBJECT, 200, {"action": "delete", "ids": ["{session}"]}, others=200),
    Row("POST", "api_session_undelete", OBJECT, at="deleted"),
    Row("GET", "api_session_interactions", OBJECT),
    Row("GET", "api_session_links", OBJECT),
    Row("POST", "api_session_links", OBJECT, 201, {"interaction_id": "{interaction}"}),
    Row("DELETE", "api_session_link", OBJECT, 204),
    Row("GET", "api_shared", PUBLIC),
    Row("GET", "api_session_export", OBJECT),
    Row("GET", "api_export", OWN),
    Row("GET", "api_export", OBJECT, query="?session_id={session}", others=200),
    Row("POST", "api_import", OWN, 400, {}),
    Row("GET", "api_interaction", OBJECT),
    Row("DELETE", "api_interaction", OBJECT, 204),
    Row("GET", "api_interaction_stream", OBJECT),
    Row("POST", "api_interaction_stop", OBJECT, 202),
    Row("POST", "api_interaction_continue", OBJECT, 202),
    Row("POST", "api_interaction_regenerate", OBJECT, 202),
    Row("POST", "api_interaction_edit", OBJECT, 202, {"message": "x"}),
    Row("POST", "api_interaction_rate", OBJECT, 200, {"rating": 1}),
]

OPENAI = [
    Row("GET", "openai_models", OWN),
    Row("GET", "openai_model", OWN),
    Row("POST", "openai_chat_completions", OWN, 200, ASKED),
    Row("POST", "openai_chat_completions", OWN, 200, {**ASKED, "stream": True}),
    Row("POST", "openai_chat_completions", OBJECT, 200, {**ASKED, "metadata": {"session_id": "{session}"}}),
    Row("POST", "openai_chat_completions", OBJECT, 200, ASKED, headers={"X-Parley-Session": "{session}"}),
    Row("POST", "openai_chat_completions", OBJECT, 200, INSTRUCTED, headers={"X-Parley-Session": "{session}"}),
    Row("POST", "openai_completions", OWN, 200, {"prompt": "Hi"}),
]

ROWS = [*PAGES, *API, *OPENAI]
