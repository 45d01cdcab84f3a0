"""What holds for every page route alike: methods, and forms from other sites."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.models import Interaction, Preset, SharedLink, Status
from chat.urls import urlpatterns
from tests.support.answers import make_interaction

ROUTES = {
    "home": {"GET"},
    "new_chat": {"GET", "POST"},
    "all_sessions": {"GET", "POST"},
    "export_sessions": {"GET", "POST"},
    "import_sessions": {"GET", "POST"},
    "undelete_sessions": {"POST"},
    "session": {"GET", "POST"},
    "live_session": {"GET"},
    "rename_session": {"GET", "POST"},
    "delete_session": {"GET", "POST"},
    "export_session": {"GET"},
    "share_session": {"GET", "POST"},
    "revoke_link": {"POST"},
    "shared": {"GET"},
    "session_settings": {"GET", "POST"},
    "model_defaults": {"GET", "POST"},
    "presets": {"GET"},
    "new_preset": {"GET", "POST"},
    "edit_preset": {"GET", "POST"},
    "delete_preset": {"GET", "POST"},
    "stream_interaction": {"GET"},
    "stop_interaction": {"POST"},
    "regenerate_interaction": {"POST"},
    "continue_interaction": {"POST"},
    "edit_interaction": {"GET", "POST"},
    "rate_interaction": {"POST"},
    "interaction_source": {"GET"},
}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def url_of(name: str, made: Interaction) -> str:
    pattern = next(one for one in urlpatterns if one.name == name)
    preset, _ = Preset.objects.get_or_create(owner_id=made.session.owner_id, name="A preset")
    link, _ = SharedLink.objects.get_or_create(session_id=made.session_id, leaf=made)
    values = {
        "session_id": made.session_id,
        "interaction_id": made.pk,
        "preset_id": preset.pk,
        "token": link.token,
    }
    return reverse(name, kwargs={key: value for key, value in values.items() if key in pattern.pattern.converters})


def test_every_route_is_looked_at_here():
    assert {pattern.name for pattern in urlpatterns} == set(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_another_method_is_refused_and_the_right_ones_are_named(name: str, client: Client, owner: User):
    client.force_login(owner)
    made = make_interaction(owner)
    for method in METHODS - ROUTES[name]:
        response = client.generic(method, url_of(name, made))
        assert response.status_code == 405
        assert set(response["Allow"].split(", ")) - {"HEAD"} == ROUTES[name]


@pytest.mark.parametrize("name", [name for name, methods in ROUTES.items() if "GET" in methods])
def test_head_is_get_without_the_body_and_changes_nothing(name: str, client: Client, owner: User):
    client.force_login(owner)
    made = make_interaction(owner, status=Status.COMPLETE, final_response_text="x")
    head, get = client.head(url_of(name, made)), client.get(url_of(name, made))
    assert head.status_code == get.status_code
    assert head.streaming or head.content == b""
    assert head.get("Content-Type") == get.get("Content-Type")
    assert Interaction.objects.filter(pk=made.pk, session__deleted=None).exists()


@pytest.mark.parametrize("name", [name for name, methods in ROUTES.items() if "POST" in methods])
@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_a_form_from_another_site_is_refused(name: str, htmx: bool, owner: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    made = make_interaction(owner)
    headers = {"HX-Request": "true"} if htmx else {}
    response = client.post(url_of(name, made), {"query": "x", "title": "x"}, headers=headers)
    assert response.status_code == 403
    assert "This form has expired" in response.text
    assert response.headers.get("HX-Retarget") == ("#notice" if htmx else None)
    assert Interaction.objects.count() == 1
    made.refresh_from_db()
    assert (made.stop_requested, made.session.title, made.session.deleted) == (False, "A chat", None)
