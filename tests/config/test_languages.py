"""Languages: the browser's, the user's own, and catalogs that lack nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from accounts.models import User
from chat import failures
from chat.admission import TooManyRunning
from config import catalogs
from config.env import REPOSITORY
from inference.errors import InferenceError
from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"
LOG_IN_IN = {"en": "Log in", "de": "Anmelden", "zh-hans": "登录", "ar": "تسجيل الدخول"}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")

pytestmark = pytest.mark.django_db
every_language = pytest.mark.parametrize("language", catalogs.LANGUAGES)


@pytest.fixture(autouse=True)
def _back_to_english() -> Iterator[None]:
    """The test client answers in this thread, which keeps the language."""
    yield
    translation.deactivate()


def page_in(client: Client, asked_for: str, path: str = LOGIN):
    return client.get(path, headers={"Accept-Language": asked_for})


# What is spoken


@pytest.mark.parametrize(
    ("asked_for", "language", "direction"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "ltr"),
        ("zh-CN", "zh-hans", "ltr"),
        ("ar-EG", "ar", "rtl"),
        ("en-GB", "en", "ltr"),
        ("tlh,fr;q=0.5", "en", "ltr"),
        ("\x7f;;q=x", "en", "ltr"),
    ],
)
def test_a_visitor_reads_the_language_that_the_browser_asks_for(
    client: Client, asked_for: str, language: str, direction: str
):
    response = page_in(client, asked_for)
    assert f'<html lang="{language}" dir="{direction}"' in response.text
    assert f"<h1>{LOG_IN_IN[language]}</h1>" in response.text
    assert response["Content-Language"] == language
    assert "Accept-Language" in response["Vary"]


def test_a_language_chosen_in_the_account_is_spoken_from_the_log_in_on_and_on_the_page_after_it(
    client: Client, owner: User
):
    User.objects.update(language="de")
    response = client.post(LOGIN, {"username": "owner", "password": PASSWORD})
    cookie = response.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("de", True, "Lax")
    assert '<html lang="de"' in page_in(client, "ar", "/chat/").text
    client.post("/accounts/logout/")
    assert '<html lang="de"' in page_in(client, "ar").text


def test_who_chose_no_language_gets_the_browsers_after_somebody_else_who_did(client: Client, owner: User):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    client.post(LOGIN, {"username": "owner", "password": PASSWORD})
    assert '<html lang="ar"' in page_in(client, "ar", "/chat/").text


def test_a_choice_made_on_another_device_arrives_with_the_next_page(client: Client, owner: User):
    client.force_login(owner)
    User.objects.update(language="de", theme="dark")
    client.get("/chat/")
    text = client.get("/chat/").text
    assert '<html lang="de" dir="ltr" data-theme="dark">' in text


def test_a_cookie_that_names_no_language_is_ignored(client: Client):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "../../etc"
    assert '<html lang="de"' in page_in(client, "de").text


def test_an_error_page_speaks_the_visitors_language(client: Client):
    response = page_in(client, "de", "/nowhere/")
    assert response.status_code == 404
    assert "Hier ist nichts" in response.text


def test_programs_are_answered_in_english(client: Client):
    response = page_in(client, "de", "/api/sessions/")
    assert response.status_code == 401
    assert response["Content-Language"] == "en"
    with translation.override("en"):
        assert str(response.json()["detail"]).isascii()


@every_language
def test_every_failure_of_an_answer_has_its_words(language: str):
    known = {one.code: one.message for one in (InferenceError, *InferenceError.__subclasses__())}
    assert {code: failures.MESSAGES.get(code) for code in known} == known
    with translation.override(language):
        for code, message in failures.MESSAGES.items():
            assert failures.in_words(code, message) != message
        told = failures.in_words(
            "too_long", "This message is too long for the model: 5000 tokens, of which it takes 4000."
        )
        assert re.findall(r"\d+", told) == ["5000", "4000"]
        assert failures.in_words("another", "Something else.") == "Something else."


@every_language
def test_too_many_answers_are_told_in_the_language_of_whoever_asks(language: str):
    error = TooManyRunning(8)
    with translation.override(language):
        assert "8" in str(error)
        assert "answers" not in str(error)


def test_no_template_says_anything_in_one_language_alone():
    templates = set((REPOSITORY / "templates").rglob("*.html"))
    templates -= set((REPOSITORY / "templates/api").iterdir())  # the API is in English, and so is its description
    found = {str(path): bare_texts(path.read_text()) for path in templates}
    assert {name: texts for name, texts in found.items() if texts} == {}


def bare_texts(template: str) -> list[str]:
    """Words of a template that are neither translated nor a name."""
    text = TRANSLATED.sub("", template)
    attributes = SPOKEN_ATTRIBUTES.findall(text)
    between_tags = re.findall(r">([^<>]*)<", UNSPOKEN.sub("", text))
    return [one for one in (*attributes, *between_tags) if re.search(r"[A-Za-z]{2}", one.replace("Parley", ""))]


TRANSLATED = re.compile(
    r"{% blocktranslate.*?{% endblocktranslate %}|{% block body_class %}.*?{% endblock %}|{%.*?%}|{{.*?}}|{#.*?#}",
    re.DOTALL,
)
SPOKEN_ATTRIBUTES = re.compile(r'(?:aria-label|title|placeholder|alt)="([^"]*)"')
UNSPOKEN = re.compile(r"<svg.*?</svg>|<code.*?</code>|<kbd.*?</kbd>", re.DOTALL)


# The catalogs


def messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def ids(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def strings(message: Message) -> list[str]:
    return [message.string or ""] if isinstance(message.string, (str, type(None))) else list(message.string)


@every_language
def test_everything_is_translated_and_nothing_else(language: str):
    wanted = {(message.context, *ids(message)) for message in messages(catalogs.gathered())}
    there = {(message.context, *ids(message)) for message in messages(catalogs.read(language))}
    assert (sorted(map(str, wanted - there)), sorted(map(str, there - wanted))) == ([], []), "run `make messages`"


@every_language
def test_no_translation_is_empty_or_a_guess(language: str):
    catalog = catalogs.read(language)
    poor = [message.id for message in messages(catalog) if message.fuzzy or not all(strings(message))]
    assert poor == []


@every_language
def test_every_number_of_things_has_its_form(language: str):
    catalog = catalogs.read(language)
    plural = [message for message in messages(catalog) if message.pluralizable]
    assert [message.id for message in plural if len(strings(message)) != catalog.num_plurals] == []


@every_language
def test_translations_have_the_placeholders_of_their_texts(language: str):
    wrong = [message.id for message in messages(catalogs.read(language)) if not placeholders_fit(message)]
    assert wrong == []


def placeholders_fit(message: Message) -> bool:
    """A form for one or two things may leave out the number that a text for many has; nothing may be added."""
    texts = ids(message)
    wanted = set(PLACEHOLDER.findall(texts[-1]))
    for string in strings(message):
        found = set(PLACEHOLDER.findall(string))
        if found - wanted or (not message.pluralizable and found != wanted):
            return False
    return any(set(PLACEHOLDER.findall(string)) == wanted for string in strings(message))


@every_language
def test_catalogs_are_compiled_for_django(language: str, tmp_path: Path):
    catalogs.compile_all(tmp_path)
    made = tmp_path / translation.to_locale(language) / "LC_MESSAGES" / "django.mo"
    before = made.stat().st_mtime_ns
    catalogs.compile_all(tmp_path)
    assert made.stat().st_mtime_ns == before, "what is the same is left alone: in an image nothing can be written"
    with translation.override(language):
        assert gettext("Log in") == LOG_IN_IN[language]


def test_texts_of_code_and_of_templates_are_gathered():
    gathered = catalogs.gathered()
    assert "There is nothing here" in gathered
    assert "Skip to the content" in gathered


def test_bringing_a_catalog_up_to_date_keeps_what_is_translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = {str(message.id): message.string for message in messages(catalogs.read("de"))}
    text = catalogs.path_of("de").read_text()
    monkeypatch.setattr(catalogs, "SOURCE", tmp_path)
    path = catalogs.path_of("de")
    path.parent.mkdir(parents=True)
    path.write_text(text + '\nmsgid "Nobody says this any more"\nmsgstr "Sagt niemand mehr"\n')
    catalogs.update("de")
    after = {str(message.id): message.string for message in messages(catalogs.read("de"))}
    assert {key: value for key, value in after.items() if value} == {
        key: value for key, value in before.items() if key in after
    }
    assert "Nobody says this any more" not in after
