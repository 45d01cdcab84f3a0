"""Every `code` that an error of the API may have: its status, whether a retry helps, and an example of its text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One row.

    Attributes:
        detail: an example of the text; the text itself where nothing more can be said.
        fields: an example of `errors`, where it has them.
        retryable: whether the very same request may succeed later, without anything else being done: what errors say
            of themselves as `retryable`.
    """

    status: int
    detail: str
    fields: dict[str, list[str]] | None = None
    retryable: bool = False


CODES: dict[str, Code] = {
    # 400
    "invalid": Code(
        400,
        "Some fields cannot be used; `errors` says why.",
        {"message": ["This field may not be blank."]},
    ),
    "bad_request": Code(400, "This request cannot be read. Look at its address, its headers and its body."),
    "unknown_host": Code(
        400,
        "This server does not answer to that name. If you run it, add the name to ALLOWED_HOSTS and start it again.",
    ),
    "parse_error": Code(400, "The body is not valid JSON."),
    "too_long": Code(
        400,
        "This message is too long for the model: it has 9120 tokens, and 6144 fit. Shorten it, or send it in parts.",
    ),
    "rejected": Code(400, "Input validation error: `max_new_tokens` must be strictly positive"),
    # 400, of /v1: OpenAI's own
    "invalid_value": Code(400, "`temperature`: should be less than or equal to 2."),
    "invalid_type": Code(400, "`temperature`: should be a valid number."),
    "missing_required_parameter": Code(400, "`messages` is missing."),
    "unknown_parameter": Code(400, "`temprature` is not known here. Leave it out."),
    "unsupported_parameter": Code(400, "`n`: one answer is made of a request; send it several times."),
    "context_length_exceeded": Code(
        400,
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 36 `inputs` tokens and "
        "5000 `max_new_tokens`",
    ),
    "not_an_export": Code(400, "This file is not JSON, or is damaged. Choose the file as it was exported."),
    # 401
    "not_authenticated": Code(401, "Send an access token: `Authorization: Bearer <token>`, from POST /api/token/."),
    "authentication_failed": Code(401, "Log in at POST /api/token/, and send the access token."),
    "bad_authorization_header": Code(401, "Send one token, without spaces in it: `Authorization: Bearer <token>`."),
    "token_not_valid": Code(
        401,
        "This token has ended, was revoked, or is not known. Get a new access token from POST /api/token/refresh/, or "
        "log in again at POST /api/token/; make a new personal API token at POST /api/tokens/.",
    ),
    "user_not_found": Code(
        401,
        "This account was deleted or deactivated, or this token was revoked: log in again at POST /api/token/.",
    ),
    "user_inactive": Code(401, "This account was deactivated. Ask the administrator."),
    "no_active_account": Code(401, "There is no active account with this name and this password. Check both."),
    # 403
    "wrong_scope": Code(403, "This API token may only read. Make one that may chat in the settings."),
    "access_token_required": Code(
        403, "A personal API token may not do this. Log in at POST /api/token/, and send the access token."
    ),
    "signup_closed": Code(403, "Sign-up is closed. Ask the administrator for an account."),
    "forbidden": Code(403, "You may not do this. Log in with an account that may."),
    "csrf_failed": Code(403, "This is for forms of the pages. Send a token: `Authorization: Bearer <token>`."),
    # 404, 405, 409, 411, 412, 413, 415
    "not_found": Code(404, "There is nothing here. Check the address and the id."),
    "model_not_found": Code(
        404, "There is no model `gpt-4o` here. Ask for `HuggingFaceTB/SmolLM2-135M-Instruct` or `tgi`."
    ),
    "session_not_found": Code(404, "You have no such session. Send `new` to begin one."),
    "nothing_to_follow": Code(
        404,
        "The interaction that this was to follow is not in the session, or no more. Read the session's interactions, "
        "and choose another, or leave `parent_id` out to follow the newest.",
    ),
    "method_not_allowed": Code(405, "This address does not take this method. The `Allow` header has those it takes."),
    "not_continuable": Code(409, "This answer is whole, or still being written."),
    "not_finished": Code(409, "This answer is still being written. Do this when it is finished.", retryable=True),
    "nothing_to_share": Code(409, "There is no finished answer to share yet. Wait for it, then share."),
    "too_many_links": Code(409, "This session has as many links as it may have. Delete one of them first."),
    "too_many_tokens": Code(409, "You have as many API tokens as one may have. Delete those that you do not need."),
    "last_administrator": Code(
        409,
        "You are the only administrator, and there are other accounts. Make somebody else an administrator first.",
    ),
    "precondition_failed": Code(
        412,
        "This was changed since you read it. Read it again, make your change to what it is now, and send that with its "
        "ETag in If-Match; the `ETag` header has it.",
    ),
    "length_required": Code(411, "This request does not say how long it is. Send it with a Content-Length header."),
    "too_large": Code(413, "This is too much at once. Shorten it, or send it in parts: 3 MB are taken at a time."),
    "unsupported_media_type": Code(415, "Send JSON, with `Content-Type: application/json`."),
    # 429, 431
    "throttled": Code(429, "That was too much at once. Try again in 7 seconds.", retryable=True),
    "quota_exceeded": Code(
        429,
        "You have used 100012 tokens today, of which you have 100000 a day. Try again in 5 hours.",
        retryable=True,
    ),
    "too_many_running": Code(429, "8 answers are being written. Wait for one to end, or stop one.", retryable=True),
    "overloaded": Code(429, "The model is busy with other answers. Try again in a moment.", retryable=True),
    "head_too_large": Code(431, "Send headers of 64 KB at most, in all."),
    # 500, 502, 503, 504
    "server_error": Code(
        500, "Something went wrong on our side. Nothing you wrote is lost. Try again in a moment.", retryable=True
    ),
    "broken_off": Code(502, "The answer was cut off. Try again.", retryable=True),
    "generation_failed": Code(502, "The model failed on this message. Try again.", retryable=True),
    "misconfigured": Code(502, "The connection to the model is not set up correctly. Please tell the administrator."),
    "unreachable": Code(503, "The model is not running at the moment. Try again in a minute.", retryable=True),
    "unavailable": Code(503, "The model is starting or unwell. Try again in a minute.", retryable=True),
    "timed_out": Code(504, "The model took too long. Try again.", retryable=True),
    "database_away": Code(
        503,
        "Parley is away for a moment. The database cannot be reached. Try again in a few seconds.",
        retryable=True,
    ),
    "restarting": Code(503, "The server is restarting. Send the request again in a moment.", retryable=True),
    "interrupted": Code(503, "The answer goes on. Read it at /api/interactions/019ab7c4-2f6e-7d53-9b1a-5c0e8f7d2a46/."),
}

# What an operation has for being what it is.
OF_ALL = ("throttled", "database_away")
OF_BODY = ("invalid", "parse_error", "length_required", "too_large", "unsupported_media_type")
OF_QUERY = ("invalid", "bad_request")
OF_PATH = ("not_found",)
OF_TOKEN = (
    "not_authenticated",
    "authentication_failed",
    "bad_authorization_header",
    "token_not_valid",
    "user_not_found",
    "user_inactive",
)
OF_CHANGE = ("wrong_scope",)
OF_ACCESS_TOKEN = ("access_token_required",)

# Of those that wait for the model itself.
OF_MODEL = (
    "rejected",
    "too_many_running",
    "quota_exceeded",
    "overloaded",
    "broken_off",
    "generation_failed",
    "misconfigured",
    "restarting",
    "unreachable",
    "unavailable",
    "timed_out",
)
OF_OPENAI_BODY = (
    "invalid_value",
    "invalid_type",
    "missing_required_parameter",
    "unknown_parameter",
    "unsupported_parameter",
    *(code for code in OF_BODY if code != "invalid"),
)
