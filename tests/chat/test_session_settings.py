"""What answers are made with: /chat/<uuid>/settings/, /settings/model/, /settings/presets/"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from chat import conversation
from chat.models import ChatSession, Preset
from tests.support.answers import make_interaction
from tests.support.browsers import Browser

MODEL, PRESETS, NEW = "/settings/model/", "/settings/presets/", "/settings/presets/new/"
GIVEN = {
    "system_prompt": "You are brief.",
    "temperature": "0.25",
    "top_p": "0.5",
    "max_tokens": "300",
    "seed": "7",
    "stop": "END\r\n\r\n two words \r\n",
}
PARAMETERS = {"temperature": 0.25, "top_p": 0.5, "max_tokens": 300, "seed": 7, "stop": ["END", " two words "]}


@pytest.fixture
def session(owner: User) -> ChatSession:
    return make_interaction(owner).session


def url_of(session: ChatSession) -> str:
    return f"{session.get_absolute_url()}settings/"


def of(session: ChatSession) -> tuple[str, dict[str, Any]]:
    session.refresh_from_db()
    return session.system_prompt, session.parameters


def make_preset(owner: User, name: str = "Brief") -> Preset:
    return Preset.objects.create(owner=owner, name=name, system_prompt="You are brief.", parameters={"seed": 7})


# One chat's


def test_a_chats_settings_are_kept_and_shown(browser: Browser, session: ChatSession):
    response = browser.post(url_of(session), {**GIVEN, "do": "save"})
    assert (response.status_code, response["Location"]) == (303, url_of(session))
    assert of(session) == ("You are brief.", PARAMETERS)
    page = browser.get(url_of(session)).text
    assert "You are brief.</textarea>" in page
    assert 'value="0.25"' in page
    assert "Saved." in page


def test_empty_fields_leave_the_choice_to_the_server(browser: Browser, session: ChatSession):
    browser.post(url_of(session), {**GIVEN, "do": "save"})
    browser.post(url_of(session), {"do": "save"})
    assert of(session) == ("", {})


def test_what_a_program_set_and_the_form_does_not_show_stays(browser: Browser, session: ChatSession):
    ChatSession.objects.update(parameters={"frequency_penalty": 0.5, "seed": 1})
    browser.post(url_of(session), {"temperature": "1", "do": "save"})
    assert of(session)[1] == {"frequency_penalty": 0.5, "temperature": 1.0}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("temperature", "2.1", "The temperature is a number from 0 to 2."),
        ("temperature", "-1", "The temperature is a number from 0 to 2."),
        ("temperature", "warm", "The temperature is a number from 0 to 2."),
        ("temperature", "nan", "The temperature is a number from 0 to 2."),
        ("top_p", "0", "Top p is a number above 0, up to 1."),
        ("top_p", "1.5", "Top p is a number above 0, up to 1."),
        ("max_tokens", "0", "The longest answer is a whole number from 1 to 1000000."),
        ("max_tokens", "1.5", "The longest answer is a whole number from 1 to 1000000."),
        ("seed", "9223372036854775808", "The seed is a whole number from 0 to 9223372036854775807."),
        ("seed", "-1", "The seed is a whole number from 0 to 9223372036854775807."),
        ("stop", "a\nb\nc\nd\ne", "Up to 4 texts of up to 200 characters can be given."),
        ("stop", "x" * 201, "Up to 4 texts of up to 200 characters can be given."),
        ("stop", "a\x00", "This text contains a NUL character. Remove it."),
        ("system_prompt", "a\x00", "This text contains a NUL character. Remove it."),
        ("system_prompt", "x" * 20_001, "This text is too long: 20001 characters, of which 20000 fit."),
    ],
)
def test_what_cannot_be_used_is_told_with_its_limits_and_nothing_typed_is_lost(
    browser: Browser, session: ChatSession, field: str, value: str, says: str
):
    given = {**GIVEN, "do": "save", "name": "A preset", field: value}
    for url in (url_of(session), MODEL, NEW):
        response = browser.post(url, given)
        assert response.status_code == 422
        assert says in response.text
        assert 'aria-invalid="true"' in response.text
        assert ("You are brief." in response.text) is (field != "system_prompt")
    assert (of(session), session.owner.parameters, Preset.objects.count()) == (("", {}), {}, 0)


def test_settings_can_be_kept_as_a_preset_and_used_in_another_chat(browser: Browser, owner: User, session: ChatSession):
    other = make_interaction(owner).session
    browser.post(url_of(session), {**GIVEN, "do": "keep", "preset_name": "Brief"})
    preset = Preset.objects.get()
    assert (preset.owner, preset.name, preset.system_prompt, preset.parameters) == (
        owner,
        "Brief",
        "You are brief.",
        PARAMETERS,
    )
    response = browser.post(url_of(other), {"do": "use", "preset": str(preset.pk)})
    assert (response.status_code, response["Location"]) == (303, url_of(other))
    assert of(session) == of(other) == ("You are brief.", PARAMETERS)


@pytest.mark.parametrize(
    ("name", "says"), [("", "Give the preset a name."), ("Brief", "You have a preset of this name.")]
)
def test_a_preset_without_a_name_of_its_own_is_not_kept(
    browser: Browser, owner: User, session: ChatSession, name: str, says: str
):
    make_preset(owner)
    response = browser.post(url_of(session), {**GIVEN, "do": "keep", "preset_name": name})
    assert response.status_code == 422
    assert says in response.text
    assert (of(session), Preset.objects.count()) == (("", {}), 1)


def test_a_strangers_preset_cannot_be_used(browser: Browser, owner: User, stranger: User, session: ChatSession):
    make_preset(owner, "Mine")
    theirs = make_preset(stranger, "Theirs")
    for wrong in (str(theirs.pk), "x", "", "\x00"):
        response = browser.post(url_of(session), {"do": "use", "preset": wrong})
        assert response.status_code == 422
        assert "Theirs" not in response.text
    assert of(session) == ("", {})


# New chats'


def test_new_chats_begin_with_the_defaults_and_old_ones_keep_theirs(
    browser: Browser, owner: User, session: ChatSession
):
    response = browser.post(MODEL, GIVEN)
    assert (response.status_code, response["Location"]) == (303, MODEL)
    owner.refresh_from_db()
    assert (owner.system_prompt, owner.parameters) == ("You are brief.", PARAMETERS)
    begun = conversation.ask(owner_id=owner.pk, query="Hi").session
    assert of(begun) == ("You are brief.", PARAMETERS)
    assert of(session) == ("", {})


# Presets


def test_a_preset_is_made_listed_changed_and_deleted(browser: Browser, session: ChatSession):
    assert "There are no presets yet." in browser.get(PRESETS).text
    assert browser.post(NEW, {"name": "Brief", **GIVEN})["Location"] == PRESETS
    assert "Brief" in browser.get(PRESETS).text
    preset = Preset.objects.get()
    edit, delete = reverse("edit_preset", args=[preset.pk]), reverse("delete_preset", args=[preset.pk])
    assert 'value="Brief"' in browser.get(edit).text
    assert browser.post(edit, {"name": "Very brief", "seed": "8"}).status_code == 303
    preset.refresh_from_db()
    assert (preset.name, preset.system_prompt, preset.parameters) == ("Very brief", "", {"seed": 8})
    assert "Delete this preset?" in browser.get(delete).text
    assert Preset.objects.exists()
    assert (browser.post(delete).status_code, Preset.objects.exists()) == (303, False)


def test_two_presets_cannot_have_one_name(browser: Browser, owner: User, stranger: User):
    make_preset(stranger, "Long")
    preset = make_preset(owner, "Brief")
    assert browser.post(NEW, {"name": "Long"}).status_code == 303, "somebody else's name is free"
    for url in (NEW, reverse("edit_preset", args=[preset.pk])):
        response = browser.post(url, {"name": "Long", "system_prompt": "typed"})
        assert response.status_code == 422
        assert "You have a preset of this name." in response.text
        assert "typed</textarea>" in response.text


def test_a_deleted_preset_leaves_its_chats_as_they_are(browser: Browser, owner: User, session: ChatSession):
    preset = make_preset(owner)
    browser.post(url_of(session), {"do": "use", "preset": str(preset.pk)})
    browser.post(reverse("delete_preset", args=[preset.pk]))
    assert of(session) == ("You are brief.", {"seed": 7})


# Whose they are


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_strangers_settings_and_presets_are_not_there(
    strange_browser: Browser, owner: User, session: ChatSession, method: str
):
    preset = make_preset(owner)
    for url in (url_of(session), reverse("edit_preset", args=[preset.pk]), reverse("delete_preset", args=[preset.pk])):
        assert getattr(strange_browser, method)(url).status_code == 404
    assert "Brief" not in strange_browser.get(PRESETS).text
    assert (of(session), Preset.objects.count()) == (("", {}), 1)


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_is_sent_to_log_in(visitor: Browser, owner: User, session: ChatSession, method: str):
    preset = make_preset(owner)
    edit, delete = reverse("edit_preset", args=[preset.pk]), reverse("delete_preset", args=[preset.pk])
    for url in (url_of(session), MODEL, NEW, edit, delete):
        response = getattr(visitor, method)(url)
        assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={url}")
    assert Preset.objects.count() == 1
