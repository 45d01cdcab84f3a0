"""Asking as somebody whose account is deactivated between the log-in's check and the question."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from chat.admission import lock_owner
from chat.database import call_and_release
from chat.models import Interaction
from tests.support.browsers import Browser, is_page
from tests.support.locks import until_waiting

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def deactivated_on_the_way(owner: User) -> Iterator[None]:
    """The question gets as far as its statement, and no further before the account is deactivated."""
    with transaction.atomic():
        lock_owner(owner.pk)
        yield
        until_waiting(1)
        User.objects.filter(pk=owner.pk).update(is_active=False)


def send(browser: Browser, *, htmx: bool) -> Any:
    return call_and_release(browser.post, "/chat/", {"query": "Hi"}, htmx=htmx)


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_is_told_so_in_words_and_asks_nothing(owner: User, htmx: bool):
    browser = Browser(owner)
    with ThreadPoolExecutor(1) as threads:
        with deactivated_on_the_way(owner):
            sent = threads.submit(send, browser, htmx=htmx)
        response = sent.result()
    assert response.status_code == 403
    assert "You may not do this" in response.text
    assert is_page(response) is not htmx
    if htmx:
        assert response["HX-Retarget"] == "#notice"
    else:
        assert 'href="/accounts/login/"' in response.text
    assert Interaction.objects.count() == 0
