"""Limits so wide that no test meets them unless it is about them: all of a test's people come from one address."""

from __future__ import annotations

# Environment variables and their values.
WIDE = {
    "ANSWERS_PER_MINUTE": "1000000",
    "REQUESTS_PER_MINUTE": "1000000",
    "REQUESTS_PER_MINUTE_PER_TOKEN": "1000000",
    "ANONYMOUS_REQUESTS_PER_MINUTE": "1000000",
    "LOGINS_PER_MINUTE": "1000000",
    "SIGNUPS_PER_HOUR": "1000000",
    "WRONG_PASSWORDS": "1000",
    "WRONG_PASSWORDS_PER_ADDRESS": "1000000",
    "WRONG_PASSWORDS_PER_ACCOUNT": "1000000",
    "TOKENS_PER_DAY": "0",
}
