"""Stopping and asking again: /interactions/<uuid>/stop/ and /interactions/<uuid>/regenerate/"""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.models import User
from chat.models import Interaction, Status
from tests.support.answers import make_interaction, make_running
from tests.support.browsers import Browser, is_page


def url_of(interaction: Interaction, action: str) -> str:
    return f"/interactions/{interaction.pk}/{action}/"


@pytest.fixture
def running(owner: User) -> Interaction:
    return make_running(owner, "another", text="so far")


def test_a_stop_is_noted_for_whichever_process_answers(browser: Browser, running: Interaction):
    response = browser.post(url_of(running, "stop"))
    assert (response.status_code, response["Location"]) == (303, running.get_absolute_url())
    running.refresh_from_db()
    assert (running.stop_requested, running.status) == (True, "generating")


def test_htmx_needs_nothing_back_from_a_stop(browser: Browser, running: Interaction):
    response = browser.post(url_of(running, "stop"), htmx=True)
    assert (response.status_code, response.content) == (204, b"")
    running.refresh_from_db()
    assert running.stop_requested


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.STOPPED, Status.FAILED])
def test_stopping_what_has_ended_changes_nothing(browser: Browser, owner: User, status: str):
    made = make_interaction(owner, status=status)
    assert browser.post(url_of(made, "stop")).status_code == 303
    made.refresh_from_db()
    assert (made.status, made.stop_requested) == (status, False)


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_asking_again_makes_a_sibling_and_keeps_the_first(browser: Browser, owner: User, htmx: bool):
    root = make_interaction(owner, "root", status=Status.COMPLETE)
    made = make_interaction(
        owner, "again?", session=root.session, parent=root, status=Status.FAILED, final_response_text="par"
    )
    response = browser.post(url_of(made, "regenerate"), htmx=htmx)
    again = Interaction.objects.exclude(pk__in=[root.pk, made.pk]).get()
    assert (again.parent, again.query_text, again.status) == (root, "again?", "queued")
    made.refresh_from_db()
    assert (made.status, made.final_response_text) == ("failed", "par")
    if htmx:
        assert response.status_code == 200
        assert f'id="turn-{again.pk}"' in response.text
        assert not is_page(response)
    else:
        assert (response.status_code, response["Location"]) == (303, again.get_live_url())


every_action = pytest.mark.parametrize("action", ["stop", "regenerate", "edit", "rate"])


@every_action
@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_what_is_a_strangers_and_what_is_not_there_look_the_same(
    strange_browser: Browser, running: Interaction, action: str, htmx: bool
):
    theirs = strange_browser.post(url_of(running, action), htmx=htmx)
    missing = strange_browser.post(f"/interactions/{uuid4()}/{action}/", htmx=htmx)
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.text == missing.text
    running.refresh_from_db()
    assert not running.stop_requested
    assert Interaction.objects.count() == 1


@every_action
def test_nobody_is_sent_to_log_in(visitor: Browser, running: Interaction, action: str):
    url = url_of(running, action)
    plain, htmx = visitor.post(url), visitor.post(url, htmx=True)
    assert (plain.status_code, plain["Location"]) == (302, f"/accounts/login/?next={url}")
    assert (htmx.status_code, htmx["HX-Retarget"]) == (401, "#notice")
    running.refresh_from_db()
    assert not running.stop_requested
    assert Interaction.objects.count() == 1
