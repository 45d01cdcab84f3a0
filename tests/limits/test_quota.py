"""Tokens a day: what is charged, what is refused, and what nobody gets back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat import conversation, leaving, shelf
from chat.database import in_thread
from chat.models import Interaction, Status
from chat.process import ChatProcess
from limits import quota
from limits.models import Allowance, Usage
from limits.refusals import QuotaExceeded
from tests.api.conftest import program_of
from tests.limits.conftest import Limit
from tests.support.answers import ask, finished, saved
from tests.support.browsers import HTMX
from tests.support.site_server import SiteServer
from tests.support.stub_tgi import StubTgi
from tests.support.waiting import until


def today() -> Any:
    return datetime.now(UTC).date()


def used(owner: User) -> tuple[int, int]:
    """Prompt and generated tokens of today."""
    day = quota.numbers_of(owner.pk).today
    return day.prompt_tokens, day.generated_tokens


def use(owner: User, tokens: int, *, days_ago: int = 0) -> None:
    day = today() - timedelta(days=days_ago)
    Usage.objects.create(owner=owner, day=day, prompt_tokens=0, generated_tokens=tokens)


async def test_an_answer_is_charged_when_it_ends_and_several_add_up(process: ChatProcess, owner: User, stranger: User):
    for _ in range(2):
        await finished(process, await ask(owner))
    await finished(process, await ask(stranger))
    assert await in_thread(used, owner) == (14, 8)
    assert await in_thread(used, stranger) == (7, 4)


async def test_a_continued_answer_is_charged_for_what_was_added(process: ChatProcess, owner: User, stub: StubTgi):
    stub.behaviour.delay_s = 0.02
    stub.behaviour.pieces = ["word "] * 200
    asked = await ask(owner)
    run = process.runs[asked.pk]
    await until(lambda: len(run.feed.text) > 20)
    await in_thread(conversation.request_stop, interaction=asked)
    first = await finished(process, asked)
    assert first.status == Status.STOPPED
    _, charged = await in_thread(used, owner)
    assert charged == first.generated_tokens
    stub.behaviour.delay_s, stub.behaviour.pieces = 0, ["word "] * (charged + 2)
    await in_thread(conversation.continue_answer, interaction=first)
    second = await finished(process, asked)
    assert (await in_thread(used, owner))[1] == second.generated_tokens == charged + 2
    assert (await saved(asked)).charged_tokens == second.generated_tokens


async def test_deleting_gives_nothing_back(process: ChatProcess, owner: User, stub: StubTgi):
    whole = await finished(process, await ask(owner))
    await in_thread(conversation.delete_interaction, interaction=whole)
    await in_thread(shelf.delete, owner_id=owner.pk, session_ids=[whole.session_id])
    assert await in_thread(used, owner) == (7, 4)
    stub.behaviour.delay_s = 0.02
    stub.behaviour.pieces = ["word "] * 500
    running = await ask(owner)
    await until(lambda: in_thread(lambda: (Interaction.objects.get(pk=running.pk).generated_tokens or 0) > 5))
    await in_thread(conversation.delete_interaction, interaction=running)
    assert (await in_thread(used, owner))[1] > 9, "what came of it until the last checkpoint"


async def test_deleting_the_account_deletes_its_numbers(process: ChatProcess, owner: User, stranger: User):
    for user in (owner, stranger):
        await finished(process, await ask(user))
    await in_thread(leaving.delete_account, user=owner)
    assert await in_thread(lambda: [row.owner_id for row in Usage.objects.all()]) == [stranger.pk]
    await in_thread(quota.charge, {owner.pk: (1, 1), stranger.pk: (1, 1)})
    assert await in_thread(lambda: [row.owner_id for row in Usage.objects.all()]) == [stranger.pk]


def test_who_has_used_up_the_day_is_refused_whatever_they_ask(owner: User, stranger: User, limit: Limit):
    limit(tokens_per_day=100)
    done = conversation.ask(owner_id=owner.pk, query="Hi")
    type(done).objects.filter(pk=done.pk).update(status=Status.STOPPED, final_response_text="Hello")
    done.refresh_from_db()
    use(owner, 99)
    conversation.ask(owner_id=owner.pk, query="Still")
    Usage.objects.update(generated_tokens=100)
    refusals: list[Callable[[], Interaction]] = [
        lambda: conversation.ask(owner_id=owner.pk, query="Hi"),
        lambda: conversation.ask(owner_id=owner.pk, query="Hi", session_id=done.session_id),
        lambda: conversation.regenerate(interaction=done),
        lambda: conversation.edit(interaction=done, query="Ho"),
        lambda: conversation.continue_answer(interaction=done),
    ]
    before = Interaction.objects.count()
    for refused in refusals:
        with pytest.raises(QuotaExceeded) as error:
            refused()
        assert (error.value.used, error.value.allowed) == (100, 100)
        assert 0 < error.value.retry_after_s <= 86_400
    assert Interaction.objects.count() == before, "what is refused is not written either"
    conversation.ask(owner_id=stranger.pk, query="Hi")


def test_a_new_day_begins_with_nothing_used(owner: User, limit: Limit):
    limit(tokens_per_day=100)
    use(owner, 5000, days_ago=1)
    conversation.ask(owner_id=owner.pk, query="Hi")


def test_what_was_accepted_before_is_found_again_by_its_key(owner: User, limit: Limit):
    limit(tokens_per_day=100)
    made = conversation.ask(owner_id=owner.pk, query="Hi", idempotency_key="k")
    use(owner, 100)
    assert conversation.ask(owner_id=owner.pk, query="Hi", idempotency_key="k") == made


@pytest.mark.parametrize(("own", "is_allowed"), [(50, False), (200, True), (0, True)])
def test_staff_may_give_somebody_another_number(owner: User, limit: Limit, own: int, is_allowed: bool):
    limit(tokens_per_day=100)
    Allowance.objects.create(user=owner, tokens_per_day=own)
    use(owner, 60 if own == 50 else 150)
    if is_allowed:
        conversation.ask(owner_id=owner.pk, query="Hi")
    else:
        with pytest.raises(QuotaExceeded):
            conversation.ask(owner_id=owner.pk, query="Hi")


def test_without_a_quota_nothing_is_looked_up(owner: User, django_assert_num_queries: Any):
    use(owner, 10**9)
    Allowance.objects.create(user=owner, tokens_per_day=1)
    conversation.ask(owner_id=owner.pk, query="Hi")
    with django_assert_num_queries(0):
        quota.check(owner.pk)


@pytest.mark.django_db(transaction=True)
async def test_the_page_says_so_and_keeps_the_draft(site: SiteServer, owner: User, limit: Limit):
    limit(tokens_per_day=100)
    await in_thread(use, owner, 123)
    async with site.browser(owner) as client:
        async with client.get("/chat/") as page:
            token = (await page.text()).split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {"query": "My long draft", "csrfmiddlewaretoken": token}
        for headers in ({}, HTMX):
            async with client.post("/chat/", data=form, headers=headers) as page:
                text = await page.text()
            assert page.status == 429
            assert 0 < int(page.headers["Retry-After"]) <= 86_400
            assert "You have used 123 tokens today, of which you have 100 a day. Try again in " in text
            assert "My long draft" in text


@pytest.mark.django_db(transaction=True)
async def test_programs_are_refused_at_each_door_with_its_own_shape(site: SiteServer, owner: User, limit: Limit):
    limit(tokens_per_day=100)
    await in_thread(use, owner, 100)
    async with site.program(owner) as client:
        for path, field in {"/api/chat/": "message", "/api/generate/": "inputs"}.items():
            async with client.post(path, json={field: "Hi"}) as answer:
                problem = await answer.json(content_type=None)
            assert (answer.status, problem["code"], problem["retryable"]) == (429, "quota_exceeded", True), path
            assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        body: dict[str, Any] = {"model": "stub", "messages": [{"role": "user", "content": "Hi"}]}
        for stream in (False, True):
            async with client.post("/v1/chat/completions", json={**body, "stream": stream}) as answer:
                error = (await answer.json(content_type=None))["error"]
            assert (answer.status, error["code"], error["type"]) == (429, "quota_exceeded", "rate_limit_error")
            assert 0 < int(answer.headers["Retry-After"]) <= 86_400


@pytest.mark.django_db(transaction=True)
async def test_what_v1_generates_is_charged_though_it_is_not_stored(site: SiteServer, owner: User):
    body: dict[str, Any] = {"model": "stub", "messages": [{"role": "user", "content": "Hi"}]}
    async with site.program(owner) as client:
        for stream in (False, True):
            async with client.post("/v1/chat/completions", json={**body, "stream": stream}) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
    await until(lambda: in_thread(lambda: used(owner) == (14, 8)))


@pytest.mark.django_db
def test_one_sees_what_one_has_used(owner: User, stranger: User, limit: Limit):
    use(owner, 30)
    use(owner, 10, days_ago=1)
    use(owner, 10, days_ago=30)
    use(stranger, 7)
    first = {"day": str(today()), "prompt_tokens": 0, "generated_tokens": 30, "tokens": 30}
    answer = program_of(owner).get("/api/usage/").json()
    assert 0 < answer.pop("resets_in_s") <= 86_400
    assert answer == {
        "today": first,
        "tokens_per_day": None,
        "tokens_left": None,
        "days": [first, {**first, "day": str(today() - timedelta(days=1)), "generated_tokens": 10, "tokens": 10}],
    }
    limit(tokens_per_day=100)
    answer = program_of(owner).get("/api/usage/").json()
    assert (answer["tokens_per_day"], answer["tokens_left"]) == (100, 70)
    Allowance.objects.create(user=owner, tokens_per_day=20)
    answer = program_of(owner).get("/api/usage/").json()
    assert (answer["tokens_per_day"], answer["tokens_left"]) == (20, 0)


def test_who_has_used_nothing_sees_that(owner: User):
    answer = program_of(owner).get("/api/usage/").json()
    assert (answer["today"]["tokens"], answer["days"]) == (0, [])


def test_staff_sees_and_sets_numbers_in_the_administration(owner: User, stranger: User, client: Client):
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    use(stranger, 77)
    client.force_login(owner)
    assert "77" in client.get("/admin/limits/usage/").content.decode()
    made = client.post("/admin/limits/allowance/add/", {"user": stranger.pk, "tokens_per_day": 5000})
    assert made.status_code == 302
    assert Allowance.objects.get().tokens_per_day == 5000
