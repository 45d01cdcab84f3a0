"""Two clients that have read the same, and change it at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts.models import User
from chat import presets
from chat.models import Preset
from tests.support.locks import until_waiting

pytestmark = pytest.mark.django_db(transaction=True)


def statuses(program: APIClient, url: str, etag: str, *changes: dict[str, str] | None) -> list[int]:
    """Make these changes (None: a deletion) from threads that all have come to the row before one may pass."""

    def change(fields: dict[str, str] | None) -> int:
        headers = {"If-Match": etag}
        try:
            if fields is None:
                return program.delete(url, headers=headers).status_code
            return program.patch(url, fields, format="json", headers=headers).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(changes)) as threads:
        with transaction.atomic():
            list(Preset.objects.select_for_update())
            list(User.objects.select_for_update())
            sent = [threads.submit(change, one) for one in changes]
            until_waiting(len(changes))
        return sorted(one.result(timeout=10) for one in sent)


def test_of_two_changes_of_an_account_one_comes_too_late(program: APIClient):
    etag = program.get("/api/account/")["ETag"]
    assert statuses(program, "/api/account/", etag, {"theme": "dark"}, {"theme": "light"}) == [200, 412]


def test_of_two_changes_of_a_preset_one_comes_too_late(program: APIClient, owner: User):
    url = f"/api/presets/{presets.make(owner=owner, name='Mine', system_prompt='', parameters={}).pk}/"
    etag = program.get(url)["ETag"]
    assert statuses(program, url, etag, {"name": "One"}, {"name": "Another"}) == [200, 412]


def test_of_two_deletions_of_a_preset_one_finds_nothing(program: APIClient, owner: User):
    url = f"/api/presets/{presets.make(owner=owner, name='Mine', system_prompt='', parameters={}).pk}/"
    assert statuses(program, url, program.get(url)["ETag"], None, None) == [204, 404]
