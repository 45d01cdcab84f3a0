"""The administration over sessions and interactions."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.models import Interaction, Status
from tests.support.answers import make_interaction


@pytest.fixture
def made(owner: User) -> Interaction:
    return make_interaction(owner, "Where is it?", status=Status.COMPLETE, final_response_text="Over there.")


@pytest.fixture
def administrator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("admin"))
    return client


@pytest.mark.parametrize("name", ["chatsession", "interaction"])
def test_lists_are_searched_and_opened(name: str, administrator: Client, made: Interaction):
    found = administrator.get(reverse(f"admin:chat_{name}_changelist"), {"q": "owner"})
    pk = made.pk if name == "interaction" else made.session_id
    url = reverse(f"admin:chat_{name}_change", args=[pk])
    assert url in found.text
    assert administrator.get(url).status_code == 200
    assert url not in administrator.get(reverse(f"admin:chat_{name}_changelist"), {"q": "nobody at all"}).text


def test_answers_are_looked_at_and_not_changed(administrator: Client, made: Interaction):
    url = reverse("admin:chat_interaction_change", args=[made.pk])
    assert "Over there." in administrator.get(url).text
    assert administrator.post(url, {"final_response_text": "Somewhere else."}).status_code == 403
    assert administrator.get(reverse("admin:chat_interaction_add")).status_code == 403
    made.refresh_from_db()
    assert made.final_response_text == "Over there."


def test_others_are_sent_to_the_log_in(client: Client, owner: User, made: Interaction):
    client.force_login(owner)
    response = client.get(reverse("admin:chat_interaction_changelist"))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("admin:login"))
