"""/api/log-ins/"""

from __future__ import annotations

from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import LogIn, User
from tests.api.test_every_route import is_problem
from tests.api.test_tokens import log_in, refresh, status_with
from tests.conftest import PASSWORD

URL = "/api/log-ins/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1"


def browser(user: User, agent: str = FIREFOX) -> Client:
    client = Client(headers={"User-Agent": agent})
    form = {"username": user.username, "password": PASSWORD}
    assert client.post("/accounts/login/", form).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/chat/").status_code == 200


def test_browsers_are_listed_newest_first_without_what_is_as_good_as_a_password(
    program: APIClient, owner: User, stranger: User
):
    for user, agent in ((owner, FIREFOX), (owner, SAFARI), (stranger, FIREFOX)):
        browser(user, agent)
    page = program.get(URL)
    assert set(page.json()) == {"results", "next", "previous"}
    assert [one["browser"] for one in page.json()["results"]] == ["Safari on iPhone", "Firefox on Linux"]
    assert {key for one in page.json()["results"] for key in one} == {"id", "browser", "created"}
    for key in LogIn.objects.values_list("session_key", flat=True):
        assert key not in page.text


def test_one_is_ended_and_the_others_stay(program: APIClient, owner: User):
    old, new = browser(owner), browser(owner, SAFARI)
    url = f"{URL}{program.get(URL).json()['results'][1]['id']}/"
    assert program.delete(url).status_code == 204
    assert (is_in(old), is_in(new)) == (False, True)
    assert is_problem(program.delete(url), 404, "not_found")
    assert program.get(URL).status_code == 200


def test_a_strangers_log_in_stays(strange_program: APIClient, program: APIClient, owner: User):
    mine = browser(owner)
    url = f"{URL}{program.get(URL).json()['results'][0]['id']}/"
    assert is_problem(strange_program.delete(url), 404, "not_found")
    assert is_in(mine)


def test_logging_out_everywhere_ends_browsers_and_programs_of_this_account_alone(
    program: APIClient, strange_program: APIClient, nobody: APIClient, owner: User, stranger: User
):
    mine, theirs = browser(owner), browser(stranger)
    pair = log_in(nobody)
    _, personal = tokens.create(owner=owner, name="stays")
    assert program.post(f"{URL}end-all/").status_code == 204
    assert (is_in(mine), is_in(theirs)) == (False, True)
    assert is_problem(program.get(URL), 401, "token_not_valid")
    assert (status_with(nobody, pair["access"]), refresh(nobody, pair["refresh"]).status_code) == (401, 401)
    assert strange_program.get(URL).status_code == 200
    assert status_with(nobody, personal) == 200
