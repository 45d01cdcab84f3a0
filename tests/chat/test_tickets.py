"""The ticket with which a browser opens the stream of what it has just asked."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from chat import tickets
from chat.models import uuid7

KEY = "k" * 32


@pytest.fixture
def answer() -> UUID:
    return uuid7()


def test_a_ticket_is_good_for_its_answer_and_its_log_in(answer: UUID):
    assert tickets.is_good(tickets.make(answer, KEY), answer, KEY)


def test_a_ticket_is_good_for_nothing_else(answer: UUID):
    ticket = tickets.make(answer, KEY)
    assert not tickets.is_good(ticket, uuid7(), KEY)
    assert not tickets.is_good(ticket, answer, "another" * 5)
    assert not tickets.is_good(ticket, answer, None)


def test_a_ticket_is_good_for_a_few_seconds(answer: UUID, monkeypatch: pytest.MonkeyPatch):
    ticket = tickets.make(answer, KEY)
    made = time.time()
    monkeypatch.setattr(time, "time", lambda: made + tickets.GOOD_FOR_S - 2)
    assert tickets.is_good(ticket, answer, KEY)
    monkeypatch.setattr(time, "time", lambda: made + tickets.GOOD_FOR_S + 1)
    assert not tickets.is_good(ticket, answer, KEY)


def test_a_ticket_cannot_be_made_to_last(answer: UUID):
    expires, _, signature = tickets.make(answer, KEY).partition("-")
    assert not tickets.is_good(f"{int(expires) + 60}-{signature}", answer, KEY)


@pytest.mark.parametrize("ticket", ["", "-", "x", "99999999999", "99999999999-", "²-x", "9" * 40 + "-x", "1-é"])
def test_what_is_no_ticket_is_not_good(answer: UUID, ticket: str):
    assert not tickets.is_good(ticket, answer, KEY)


def test_who_has_no_log_in_gets_no_ticket(answer: UUID):
    assert tickets.make(answer, None) == ""
