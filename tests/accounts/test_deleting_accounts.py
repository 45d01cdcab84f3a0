"""/settings/account/delete/"""

from __future__ import annotations

import pytest

from accounts.models import LogIn, User
from chat import leaving
from chat.database import in_thread
from chat.models import ChatSession, Interaction, Preset, ResponseChunk
from chat.process import ChatProcess
from tests.conftest import PASSWORD
from tests.support.answers import ask, make_interaction, make_running
from tests.support.browsers import Browser
from tests.support.stub_tgi import StubTgi
from tests.support.waiting import until

URL = "/settings/account/delete/"


@pytest.fixture
def browser(owner: User) -> Browser:
    return Browser(owner)


def test_the_page_says_what_goes(browser: Browser):
    page = browser.get(URL).text
    assert "<strong>owner</strong>" in page
    assert "cannot be undone" in page


def test_the_password_deletes_the_account_and_everything_that_is_its_owners(
    browser: Browser, owner: User, stranger: User
):
    make_interaction(owner)
    kept = make_interaction(stranger)
    make_running(owner, "still going", text="so far")
    Preset.objects.create(owner=owner, name="mine")
    response = browser.post(URL, {"password": PASSWORD})
    assert (response.status_code, response["Location"]) == (303, "/settings/account/deleted/")
    assert "Your account is deleted" in browser.get(response["Location"]).text
    assert list(User.objects.all()) == [stranger]
    assert list(Interaction.objects.all()) == [kept]
    assert list(ChatSession.objects.all()) == [kept.session]
    assert not Preset.objects.exists()
    assert not ResponseChunk.objects.exists()
    assert not LogIn.objects.exists()
    assert browser.get("/chat/").status_code == 302


@pytest.mark.parametrize(("password", "says"), [("wrong", "This is not your password."), ("", "Give your password.")])
def test_without_the_password_nothing_goes(browser: Browser, owner: User, password: str, says: str):
    response = browser.post(URL, {"password": password})
    assert response.status_code == 422
    assert says in response.text
    assert User.objects.filter(pk=owner.pk).exists()


def test_the_only_administrator_of_others_stays_and_is_told_what_to_do(browser: Browser, owner: User, stranger: User):
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    for response in (browser.get(URL), browser.post(URL, {"password": PASSWORD})):
        assert "Make somebody else an administrator first" in response.text
    assert User.objects.count() == 2
    User.objects.filter(pk=stranger.pk).update(is_superuser=True)
    assert browser.post(URL, {"password": PASSWORD}).status_code == 303


def test_a_deactivated_administrator_is_nobody_to_leave_it_to(browser: Browser, owner: User, stranger: User):
    User.objects.update(is_superuser=True)
    User.objects.filter(pk=stranger.pk).update(is_active=False)
    assert browser.post(URL, {"password": PASSWORD}).status_code == 422


def test_an_administrator_who_is_alone_may_go(browser: Browser, owner: User):
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    assert browser.post(URL, {"password": PASSWORD}).status_code == 303
    assert not User.objects.exists()


@pytest.fixture
def rare_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would end such answers, too, and later."""
    monkeypatch.setattr("chat.checkpoint.TICK_S", 600)


async def test_answers_that_run_end_with_the_account(
    rare_checkpoints: None, process: ChatProcess, stub: StubTgi, owner: User
):
    stub.behaviour.pieces, stub.behaviour.delay_s = ["word "] * 1000, 0.05
    asked = await ask(owner)
    await until(lambda: stub.running)
    await in_thread(leaving.delete_account, user=owner)
    await until(lambda: asked.pk not in process.runs and not stub.running)
    assert not await in_thread(User.objects.exists)
