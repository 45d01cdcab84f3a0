"""Somebody with an account, one of everything that one can own, and all ways to say who one is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver
from django.utils import timezone

from accounts import log_ins, tokens
from accounts.jwts import GENERATION, AccessToken, RefreshToken
from accounts.models import ApiToken, LogIn, User
from chat.models import ChatSession, Interaction, Preset, SharedLink, Status

PASSWORD = "correct horse battery"
# In everything that is somebody's own: nobody else may ever see it.
MARK = "confidential"
FORM_TOKEN = "f" * 32
NOT_THERE = 2**62
# Columns that change without anybody doing anything to what is in the row.
RESTLESS = {"last_used", "last_login", "session_data", "expire_date"}


@lru_cache
def routes() -> dict[str, URLPattern]:
    """Every route of the site by its full name; those of the administration that have none by their address."""
    return _walk(get_resolver(), ())


def _walk(resolver: URLResolver, namespaces: tuple[str, ...]) -> dict[str, URLPattern]:
    found: dict[str, URLPattern] = {}
    for one in resolver.url_patterns:
        if isinstance(one, URLPattern):
            found[":".join((*namespaces, one.name or str(one.pattern)))] = one
        else:
            found |= _walk(one, (*namespaces, one.namespace) if one.namespace else namespaces)
    return found


@dataclass(frozen=True)
class World:
    """What one user owns, by the names that rows use."""

    user: User
    ids: Mapping[str, str]

    @classmethod
    def of(cls, user: User) -> World:
        session = ChatSession.objects.create(owner=user, title=f"{MARK} title")
        interaction = Interaction.objects.create(
            session=session,
            query_text=f"{MARK} question",
            status=Status.STOPPED,
            final_response_text=f"{MARK} answer",
            idempotency_key=f"{MARK} key",
        )
        deleted = ChatSession.objects.create(owner=user, title=f"{MARK} title", deleted=timezone.now())
        preset = Preset.objects.create(owner=user, name=f"{MARK} preset")
        link = SharedLink.objects.create(session=session, leaf=interaction)
        token, _ = tokens.create(owner=user, name=f"{MARK} token")
        browser_of(user)
        ids = {
            "session": session.pk,
            "interaction": interaction.pk,
            "preset": preset.pk,
            "deleted": deleted.pk,
            "deleted_at": deleted.deleted.isoformat() if deleted.deleted else "",
            "link": link.token,
            "token": token.pk,
            "log_in": log_ins.known(user=user, current=None)[0].id,
        }
        return cls(user, {name: str(value) for name, value in ids.items()})

    @classmethod
    def missing(cls) -> World:
        """The ids of nothing."""
        ids = {name: str(uuid4()) for name in ("session", "deleted", "interaction", "preset")}
        more = {
            "deleted_at": timezone.now().isoformat(),
            "link": secrets.token_urlsafe(16),
            "token": str(NOT_THERE),
            "log_in": secrets.token_hex(16),
        }
        return cls(User(), ids | more)

    def url(self, name: str, query: str = "", *, at: str = "") -> str:
        values = {
            "session_id": self.ids[at or "session"],
            "interaction_id": self.ids["interaction"],
            "preset_id": self.ids["preset"],
            "token": self.ids["link"],
            "token_id": self.ids["token"],
            "log_in_id": self.ids["log_in"],
            "model_id": "stub",
        }
        wanted = routes()[name].pattern.converters
        return reverse(name, kwargs={key: values[key] for key in wanted}) + str(self.filled(query))

    def filled(self, given: Any) -> Any:
        """What a row sends, with the ids in it."""
        if isinstance(given, str):
            values = {**self.ids, "password": PASSWORD, "unique": uuid4().hex[:12]}
            return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], given)
        if isinstance(given, Mapping):
            return {name: self.filled(value) for name, value in given.items()}
        return [self.filled(one) for one in given] if isinstance(given, list) else given

    def rows(self, *, log_ins: bool) -> list[tuple[Any, ...]]:
        """All that is the user's, to see whether anything of it has changed; with `log_ins`, those, too."""
        found = []
        for rows in (
            User.objects.filter(pk=self.user.pk),
            ChatSession.objects.filter(owner=self.user),
            Interaction.objects.filter(session__owner=self.user),
            Preset.objects.filter(owner=self.user),
            SharedLink.objects.filter(session__owner=self.user),
            ApiToken.objects.filter(owner=self.user),
            LogIn.objects.filter(user=self.user) if log_ins else LogIn.objects.none(),
        ):
            names = [one.attname for one in rows.model._meta.concrete_fields if one.attname not in RESTLESS]
            found += [tuple(map(str, row)) for row in rows.order_by("pk").values_list(*names)]
        return found


def make_user(*, is_staff: bool = False) -> User:
    name = f"user-{uuid4().hex[:12]}"
    user: User = User.objects.create_user(name, password=PASSWORD, is_staff=is_staff, is_superuser=is_staff)
    return user


# Ways to say who one is: headers of a request.

Headers = dict[str, str]


def browser_of(user: User) -> Headers:
    client = Client()
    client.force_login(user)
    return with_cookie(client.cookies[settings.SESSION_COOKIE_NAME].value)


def with_cookie(session_key: str) -> Headers:
    """With the token of a form, as every browser has it."""
    cookies = f"{settings.SESSION_COOKIE_NAME}={session_key}; {settings.CSRF_COOKIE_NAME}={FORM_TOKEN}"
    return {"Cookie": cookies, "X-CSRFToken": FORM_TOKEN}


def with_token(token: object) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def expired_browser_of(user: User) -> Headers:
    before = set(user.log_ins.values_list("pk", flat=True))
    headers = browser_of(user)
    user.log_ins.exclude(pk__in=before).update(expire_date=timezone.now() - timedelta(seconds=1))
    return headers


def program_of(user: User) -> Headers:
    return with_token(AccessToken.for_user(user))


def expired_program_of(user: User) -> Headers:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(seconds=-1))
    return with_token(token)


def revoked_program_of(user: User) -> Headers:
    token = AccessToken.for_user(user)
    token[GENERATION] = user.token_generation - 1
    return with_token(token)


def refreshing_program_of(user: User) -> Headers:
    return with_token(RefreshToken.for_user(user))


def personal_program_of(user: User) -> Headers:
    return with_token(tokens.create(owner=user, name="Its own")[1])


def reading_program_of(user: User) -> Headers:
    return with_token(tokens.create(owner=user, name="Its own", scopes=["read"])[1])


def expired_personal_program_of(user: User) -> Headers:
    row, token = tokens.create(owner=user, name="Its own")
    ApiToken.objects.filter(pk=row.pk).update(expires=timezone.now())
    return with_token(token)


def ended_personal_program_of(user: User) -> Headers:
    row, token = tokens.create(owner=user, name="Its own")
    tokens.revoke(owner=user, token_id=row.pk)
    return with_token(token)
