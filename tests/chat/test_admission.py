"""How many answers one user may have running."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from chat import conversation
from chat.admission import TooManyRunning
from chat.models import Interaction, Status
from tests.support.answers import make_interaction

LIMIT = 8


@pytest.fixture
def busy(owner: User) -> Interaction:
    """As many unfinished answers as one may have, and one that was cut."""
    for status in [Status.QUEUED, Status.GENERATING] * (LIMIT // 2):
        make_interaction(owner, status=status)
    return make_interaction(owner, status=Status.STOPPED, final_response_text="So")


def test_one_more_is_refused_and_nothing_is_saved(busy: Interaction, owner: User):
    with pytest.raises(TooManyRunning, match="8 of your answers"):
        conversation.ask(owner_id=owner.pk, query="One more")
    for verb in (conversation.regenerate, conversation.continue_answer):
        with pytest.raises(TooManyRunning, match="8 of your answers"):
            verb(interaction=busy)
    assert Interaction.objects.count() == LIMIT + 1


def test_another_user_is_not_held_up(busy: Interaction, stranger: User):
    assert conversation.ask(owner_id=stranger.pk, query="Hi").status == Status.QUEUED


def test_a_finished_answer_makes_room(busy: Interaction, owner: User):
    Interaction.objects.filter(status=Status.GENERATING).update(status=Status.COMPLETE)
    assert conversation.ask(owner_id=owner.pk, query="Hi").status == Status.QUEUED


@pytest.mark.django_db(transaction=True)
def test_two_at_once_cannot_both_take_the_last_place(owner: User):
    for _ in range(LIMIT - 1):
        make_interaction(owner)

    def attempt(_: int) -> bool:
        try:
            conversation.ask(owner_id=owner.pk, query="Me!")
        except TooManyRunning:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(attempt, range(4))) == 1


@pytest.mark.parametrize("htmx", [True, False])
def test_the_page_says_so_and_keeps_what_was_typed(htmx: bool, busy: Interaction, client: Client, owner: User):
    client.force_login(owner)
    headers = {"HX-Request": "true"} if htmx else {}
    response = client.post(reverse("new_chat"), {"query": "Typed with care"}, headers=headers)
    assert (response.status_code, response["Retry-After"]) == (429, "5")
    assert "8 of your answers" in response.text
    assert "Typed with care" in response.text
    for name in ("regenerate_interaction", "continue_interaction"):
        response = client.post(reverse(name, args=[busy.pk]), headers=headers)
        assert (response.status_code, response["Retry-After"]) == (429, "5")
        assert response.headers.get("HX-Retarget") == ("#notice" if htmx else None)


def test_the_api_says_so_with_a_code(busy: Interaction, owner: User):
    client = APIClient()
    client.force_authenticate(owner)
    response = client.post(reverse("api_interaction_regenerate", args=[busy.pk]))
    assert (response.status_code, response["Retry-After"]) == (429, "5")
    assert response.json()["code"] == "too_many_running"
