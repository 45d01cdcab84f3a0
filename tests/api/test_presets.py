"""/api/presets/ and /api/presets/<uuid>/"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from chat import presets
from chat.models import ChatSession, Preset
from tests.api.test_every_route import is_problem

URL = "/api/presets/"


def make(owner: User, name: str, **fields: Any) -> Preset:
    return presets.make(owner=owner, name=name, **{"system_prompt": "", "parameters": {}, **fields})


def create(program: APIClient, **given: Any) -> Any:
    return program.post(URL, given, format="json")


def test_a_preset_is_made_and_read(program: APIClient, owner: User):
    given = {"name": "Short", "system_prompt": "Be brief.", "parameters": {"temperature": 0.2}}
    response = create(program, **given)
    assert response.status_code == 201
    made = Preset.objects.get()
    assert (made.owner, made.name, made.system_prompt, made.parameters) == (owner, *given.values())
    assert response["Location"] == f"{URL}{made.pk}/"
    read = program.get(response["Location"])
    assert read.json() == response.json() == {**response.json(), **given, "id": str(made.pk)}
    assert read["ETag"] == response["ETag"]


def test_a_name_is_enough(program: APIClient):
    made = create(program, name=" Plain ").json()
    assert (made["name"], made["system_prompt"], made["parameters"]) == ("Plain", "", {})


def test_sessions_take_what_a_preset_has(program: APIClient, owner: User):
    preset = make(owner, "Short", system_prompt="Be brief.", parameters={"temperature": 0.2})
    made = program.post("/api/sessions/", {"preset_id": str(preset.pk)}, format="json").json()
    assert (made["system_prompt"], made["parameters"]) == ("Be brief.", {"temperature": 0.2})
    program.delete(f"{URL}{preset.pk}/")
    assert ChatSession.objects.get(pk=UUID(made["id"])).system_prompt == "Be brief."


def test_the_list_is_by_name_in_pages_and_has_ones_own_alone(
    program: APIClient, strange_program: APIClient, owner: User, stranger: User
):
    for number in (3, 1, 5, 2, 4):
        make(owner, f"preset {number}")
    make(stranger, "preset 0")
    found, address = [], f"{URL}?page_size=2"
    while address:
        page = program.get(address).json()
        assert set(page) == {"results", "next", "previous"}
        found += [one["name"] for one in page["results"]]
        address = page["next"]
    assert found == [f"preset {number}" for number in range(1, 6)]
    assert [one["name"] for one in strange_program.get(URL).json()["results"]] == ["preset 0"]


def test_a_list_costs_the_same_however_long_it_is(
    program: APIClient, owner: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make(owner, f"preset {number}")
    found: CaptureQueriesContext
    with django_assert_max_num_queries(2) as found:
        assert len(program.get(URL).json()["results"]) == 20
    assert len(found) > 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "There already"}, "name"),
        ({"system_prompt": "x" * 20_001}, "system_prompt"),
        ({"system_prompt": "a\x00b"}, "system_prompt"),
        ({"parameters": {"temperature": "hot"}}, "parameters"),
        ({"parameters": {"stop": ["a\x00b"]}}, "parameters"),
    ],
)
def test_what_cannot_be_used_is_named_and_changes_nothing(
    program: APIClient, owner: User, changes: dict[str, Any], field: str
):
    make(owner, "There already")
    mine = make(owner, "Mine", system_prompt="Before")
    for response in (
        create(program, **{"name": "New", **changes}),
        program.patch(f"{URL}{mine.pk}/", {"system_prompt": "After", **changes}, format="json"),
    ):
        assert is_problem(response, 400, "invalid")
        assert list(response.json()["errors"]) == [field]
    assert Preset.objects.count() == 2
    mine.refresh_from_db()
    assert (mine.name, mine.system_prompt) == ("Mine", "Before")


def test_a_name_has_to_be_given(program: APIClient):
    assert list(create(program, system_prompt="x").json()["errors"]) == ["name"]


def test_others_may_use_the_same_name_and_so_may_the_preset_itself(program: APIClient, owner: User, stranger: User):
    make(stranger, "Short")
    made = create(program, name="Short")
    assert made.status_code == 201
    assert program.patch(made["Location"], {"name": "Short"}, format="json").status_code == 200


def test_what_is_given_is_changed_and_the_rest_stays(program: APIClient, owner: User):
    mine = make(owner, "Mine", system_prompt="Before", parameters={"top_p": 0.5})
    response = program.patch(f"{URL}{mine.pk}/", {"system_prompt": "After"}, format="json")
    assert response.status_code == 200
    mine.refresh_from_db()
    assert (mine.name, mine.system_prompt, mine.parameters) == ("Mine", "After", {"top_p": 0.5})
    assert response["ETag"] == program.get(f"{URL}{mine.pk}/")["ETag"]


def test_who_has_not_read_the_last_change_neither_changes_nor_deletes(program: APIClient, owner: User):
    url = f"{URL}{make(owner, 'Mine').pk}/"
    etag = program.get(url)["ETag"]
    assert program.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert program.patch(url, {"name": "New"}, format="json", headers={"If-Match": etag}).status_code == 200
    for late in (
        program.patch(url, {"name": "Newer"}, format="json", headers={"If-Match": etag}),
        program.delete(url, headers={"If-Match": etag}),
    ):
        assert is_problem(late, 412, "precondition_failed")
        assert late["ETag"] == program.get(url)["ETag"]
    assert program.get(url).json()["name"] == "New"
    assert program.delete(url, headers={"If-Match": program.get(url)["ETag"]}).status_code == 204


def test_one_that_is_deleted_is_gone(program: APIClient, owner: User):
    url = f"{URL}{make(owner, 'Mine').pk}/"
    assert program.delete(url).status_code == 204
    assert is_problem(program.get(url), 404, "not_found")
    assert is_problem(program.delete(url), 404, "not_found")
