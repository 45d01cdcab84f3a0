"""Who asks: the kinds of callers, how each says who it is, and what a row of the table lets it have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.urls import reverse

from accounts.models import User
from tests.ownership import world
from tests.ownership.table import LOG_IN, OBJECT, PUBLIC, Row
from tests.ownership.world import Headers


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of caller.

    Attributes:
        headers: how it says who it is.
        status: what it gets from a row that names what is the owner's.
        is_owner: whether it may change things.
    """

    name: str
    headers: Callable[[User], Headers]
    status: Callable[[Row], int | str]
    is_owner: bool = False


def _owner(row: Row) -> int | str:
    return row.ok


def _personal(row: Row) -> int | str:
    return row.ok if row.personal is None else row.personal


def _reader(row: Row) -> int | str:
    if row.read is not None:
        return row.read
    return _personal(row) if row.method == "GET" or row.whose is PUBLIC else 403


def _other(row: Row) -> int | str:
    if row.others is not None:
        return row.others
    return 404 if row.whose is OBJECT else row.ok


def _other_personal(row: Row) -> int | str:
    return _other(row) if row.personal is None else row.personal


def _nobody_on_a_page(row: Row) -> int | str:
    if row.whose is PUBLIC:
        return row.ok
    return LOG_IN if row.nobody is None else row.nobody


def _nobody(row: Row) -> int | str:
    if row.whose is PUBLIC:
        return row.ok
    return 401 if row.nobody is None else row.nobody


def _anonymous(user: User) -> Headers:
    return {}


def _anonymous_browser(user: User) -> Headers:
    return world.with_cookie("")


def _program_on_a_page(user: User) -> Headers:
    return world.with_cookie("") | world.program_of(user)


def _personal_program_on_a_page(user: User) -> Headers:
    return world.with_cookie("") | world.personal_program_of(user)


BROWSERS = [
    Caller("owner", world.browser_of, _owner, is_owner=True),
    Caller("stranger", world.browser_of, _other),
    Caller("administrator", world.browser_of, _other),
    Caller("nobody", _anonymous_browser, _nobody_on_a_page),
    Caller("expired log-in", world.expired_browser_of, _nobody_on_a_page),
    Caller("deactivated", world.browser_of, _nobody_on_a_page),
    Caller("access token on a page", _program_on_a_page, _nobody_on_a_page),
    Caller("personal token on a page", _personal_program_on_a_page, _nobody_on_a_page),
]
PROGRAMS = [
    Caller("owner", world.program_of, _owner, is_owner=True),
    Caller("owner's personal token", world.personal_program_of, _personal, is_owner=True),
    Caller("owner's token that may only read", world.reading_program_of, _reader, is_owner=True),
    Caller("stranger", world.program_of, _other),
    Caller("stranger's personal token", world.personal_program_of, _other_personal),
    Caller("administrator", world.program_of, _other),
    Caller("nobody", _anonymous, _nobody),
    Caller("expired access token", world.expired_program_of, _nobody),
    Caller("revoked access token", world.revoked_program_of, _nobody),
    Caller("refresh token", world.refreshing_program_of, _nobody),
    Caller("expired personal token", world.expired_personal_program_of, _nobody),
    Caller("revoked personal token", world.ended_personal_program_of, _nobody),
    Caller("browser's cookie", world.browser_of, _nobody),
    Caller("deactivated", world.program_of, _nobody),
    Caller("deactivated, personal token", world.personal_program_of, _nobody),
]
# Callers who have an account of their own: to them, what is another's must look like what is not there.
OTHERS = {"stranger", "stranger's personal token", "administrator"}


@lru_cache
def is_for_programs(name: str) -> bool:
    return world.World.missing().url(name).startswith(("/api/", "/v1/"))


def callers_of(row: Row) -> list[Caller]:
    return PROGRAMS if is_for_programs(row.name) else BROWSERS


def log_in_page() -> str:
    return reverse("login")
