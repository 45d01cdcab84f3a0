"""The tree of a chat, one path at a time: /chat/<uuid>/?at=, ?before=, ?after=, and what the next question follows."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.http import Http404

from accounts.models import User
from chat import conversation, history
from chat.history import Variants
from chat.models import Interaction
from chat.presentation import TURNS_SHOWN
from tests.support.answers import make_answered, make_chain
from tests.support.browsers import Browser, is_page

SHOWN = re.compile(r'id="turn-([0-9a-f-]{36})"')
FOLLOWED = re.compile(r'name="after" value="([0-9a-f-]*)"')


def shown_in(response: Any) -> list[str]:
    """The ids of the turns in a page or fragment, in order."""
    assert response.status_code == 200
    return SHOWN.findall(response.text)


def ids(*interactions: Interaction) -> list[str]:
    return [str(one.pk) for one in interactions]


class Tree:
    """root ─ first ─ last
    └ second"""

    def __init__(self, owner: User) -> None:
        self.root = make_answered(owner, "root")
        self.first = make_answered(owner, "first", after=self.root)
        self.last = make_answered(owner, "last", after=self.first)
        self.second = make_answered(owner, "second", after=self.root)
        self.session = self.root.session
        self.page = self.session.get_absolute_url()


@pytest.fixture
def tree(owner: User) -> Tree:
    return Tree(owner)


# The path


def test_the_page_shows_the_path_of_the_newest_question(browser: Browser, tree: Tree):
    assert shown_in(browser.get(tree.page)) == ids(tree.root, tree.second)


def test_another_path_is_shown_down_to_its_newest_question(browser: Browser, tree: Tree):
    path = ids(tree.root, tree.first, tree.last)
    for one in (tree.first, tree.last):
        assert shown_in(browser.get(f"{tree.page}?at={one.pk}")) == path
        assert shown_in(browser.get(one.get_absolute_url().partition("#")[0])) == path


def test_where_paths_part_the_newest_is_taken(browser: Browser, owner: User, tree: Tree):
    make_answered(owner, "older", after=tree.second)
    newer = make_answered(owner, "newer", after=tree.second)
    assert shown_in(browser.get(f"{tree.page}?at={tree.second.pk}")) == ids(tree.root, tree.second, newer)
    assert shown_in(browser.get(f"{tree.page}?at={tree.root.pk}")) == ids(tree.root, tree.second, newer)


def test_a_turn_with_siblings_says_which_one_it_is_and_leads_to_the_others(browser: Browser, owner: User, tree: Tree):
    third = make_answered(owner, "third", after=tree.root)
    text = browser.get(f"{tree.page}?at={tree.second.pk}").text
    assert "2/3" in text
    for other, rel in ((tree.first, "prev"), (third, "next")):
        assert re.search(rf'rel="{rel}" href="{re.escape(tree.page)}\?at={other.pk}#turn-{other.pk}"', text)
    assert text.count('class="variants"') == 1, "the others have no siblings"


def test_at_the_ends_there_is_no_link_further(browser: Browser, tree: Tree):
    oldest, newest = browser.get(f"{tree.page}?at={tree.first.pk}").text, browser.get(tree.page).text
    assert ("1/2" in oldest, 'rel="prev"' in oldest, 'rel="next"' in oldest) == (True, False, True)
    assert ("2/2" in newest, 'rel="prev"' in newest, 'rel="next"' in newest) == (True, True, False)


def test_first_questions_are_siblings_too_but_only_those_of_one_chat(owner: User):
    root = make_answered(owner, "root")
    other = make_answered(owner, "another chat")
    edited = make_answered(owner, "edited", session=root.session)
    assert history.variants_of(root.session, [edited]) == {
        root.pk: Variants(1, 2, None, edited.pk),
        edited.pk: Variants(2, 2, root.pk, None),
    }
    assert history.variants_of(other.session, [other]) == {}


def test_the_siblings_of_a_whole_path_are_read_at_once(owner: User, django_assert_num_queries):
    path = make_chain(owner, 10)
    for one in path[:5]:
        make_answered(owner, "again", after=one)
    with django_assert_num_queries(4):  # the leaf, the ids of the path, its interactions, their siblings
        shown = history.window(path[0].session, size=20, at=None)
    assert [shown.variants[one.pk].place for one in shown.interactions[1:]] == [1, 1, 1, 1, 2]


def test_htmx_gets_the_turns_of_the_other_path_and_what_the_next_question_follows(browser: Browser, tree: Tree):
    response = browser.get(f"{tree.page}?at={tree.first.pk}", htmx=True)
    assert shown_in(response) == ids(tree.root, tree.first, tree.last)
    assert not is_page(response)
    assert response.text.lstrip().startswith('<div id="turns"')
    assert FOLLOWED.findall(response.text) == ids(tree.last)
    assert 'id="composer"' not in response.text, "what is typed there stays"


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_what_is_shared_is_the_path_that_is_shown(browser: Browser, tree: Tree, htmx: bool):
    assert f"/share/?at={tree.last.pk}" in browser.get(f"{tree.page}?at={tree.first.pk}", htmx=htmx).text
    asked = browser.post(tree.page, {"query": "And now?", "after": str(tree.last.pk)}, htmx=True)
    newest = Interaction.objects.latest("created")
    assert f"/share/?at={newest.pk}" in asked.text


@pytest.mark.parametrize("name", ["at", "before", "after"])
def test_what_is_not_in_the_chat_is_not_found(browser: Browser, owner: User, tree: Tree, name: str):
    elsewhere = make_answered(owner, "elsewhere")
    for value in (elsewhere.pk, uuid4(), "nonsense", "\x00"):
        for htmx in (True, False):
            response = browser.client.get(tree.page, {name: str(value)}, headers={"HX-Request": "true"} if htmx else {})
            assert response.status_code == 404
            assert is_page(response) is not htmx


def test_a_stranger_does_not_find_the_path_either(strange_browser: Browser, tree: Tree):
    for query in (f"?at={tree.first.pk}", f"?before={tree.second.pk}"):
        assert strange_browser.get(tree.page + query).status_code == 404


# What a question follows


def test_the_composer_names_the_last_turn_that_is_shown(browser: Browser, tree: Tree):
    assert FOLLOWED.findall(browser.get(tree.page).text) == ids(tree.second)
    assert FOLLOWED.findall(browser.get(f"{tree.page}?at={tree.first.pk}").text) == ids(tree.last)
    assert FOLLOWED.findall(browser.get("/chat/").text) == [""]


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_a_question_on_an_older_path_follows_what_is_shown_there(browser: Browser, tree: Tree, htmx: bool):
    response = browser.post(tree.page, {"query": "on it goes", "after": str(tree.last.pk)}, htmx=htmx)
    asked = Interaction.objects.get(query_text="on it goes")
    assert asked.parent == tree.last
    if htmx:
        assert shown_in(response) == ids(asked)
        assert FOLLOWED.findall(response.text) == ids(asked), "the next one follows this one"
    assert shown_in(browser.get(tree.page)) == ids(tree.root, tree.first, tree.last, asked)


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_two_tabs_that_ask_after_the_same_turn_make_siblings_and_both_are_reachable(
    browser: Browser, tree: Tree, htmx: bool
):
    for query in ("one tab", "other tab"):
        response = browser.post(tree.page, {"query": query, "after": str(tree.second.pk)}, htmx=htmx)
    one, other = (Interaction.objects.get(query_text=query) for query in ("one tab", "other tab"))
    assert one.parent == other.parent == tree.second
    text = response.text if htmx else browser.get(tree.page).text
    assert SHOWN.findall(text)[-1] == str(other.pk)
    assert "2/2" in text
    assert f"?at={one.pk}" in text


def test_without_saying_so_a_question_follows_the_newest(owner: User, tree: Tree):
    asked = conversation.ask(owner_id=owner.pk, query="x", session_id=tree.session.pk)
    assert asked.parent_id == tree.second.pk
    assert asked.has_siblings is False


def test_what_is_in_another_chat_cannot_be_followed(owner: User, stranger: User, tree: Tree):
    for elsewhere in (make_answered(owner, "elsewhere"), make_answered(stranger, "a stranger's")):
        with pytest.raises(Http404):
            conversation.ask(owner_id=owner.pk, query="x", session_id=tree.session.pk, after=elsewhere.pk)
    with pytest.raises(Http404):
        conversation.ask(owner_id=owner.pk, query="x", session_id=tree.session.pk, after=uuid4())
    assert not Interaction.objects.filter(query_text="x").exists()


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_where_what_it_was_to_follow_is_gone_nothing_typed_is_lost(browser: Browser, tree: Tree, htmx: bool):
    gone = tree.second.pk
    tree.second.delete()
    response = browser.post(tree.page, {"query": "Still here", "after": str(gone)}, htmx=htmx)
    assert response.status_code == 409
    assert "was deleted" in response.text
    assert "Still here</textarea>" in response.text
    assert FOLLOWED.findall(response.text) == [""], "sent again, it follows what is there"
    assert not Interaction.objects.filter(query_text="Still here").exists()


def test_what_is_refused_on_an_older_path_leaves_that_path_on_the_page(browser: Browser, tree: Tree):
    response = browser.post(tree.page, {"query": " ", "after": str(tree.last.pk)})
    assert SHOWN.findall(response.text) == ids(tree.root, tree.first, tree.last)
    assert FOLLOWED.findall(response.text) == ids(tree.last)


# Long conversations


def test_a_long_chat_opens_with_its_newest_turns_and_leads_to_the_ones_before(browser: Browser, owner: User):
    path = make_chain(owner, 2 * TURNS_SHOWN + 2)
    page = path[0].session.get_absolute_url()
    first = browser.get(page)
    assert shown_in(first) == ids(*path[-TURNS_SHOWN:])
    [earlier] = re.findall(r'id="show-earlier"[^>]* href="([^"]+)"', first.text.replace("&amp;", "&"))
    second = browser.get(earlier)
    assert is_page(second)
    assert shown_in(second) == ids(*path[2:-TURNS_SHOWN])
    assert shown_in(browser.get(f"{page}?before={path[2].pk}")) == ids(*path[:2])


def test_htmx_gets_the_earlier_turns_alone_and_a_link_to_the_ones_before(browser: Browser, owner: User):
    path = make_chain(owner, 2 * TURNS_SHOWN + 1)
    page = path[0].session.get_absolute_url()
    response = browser.get(f"{page}?at={path[-1].pk}&before={path[-TURNS_SHOWN].pk}", htmx=True)
    assert shown_in(response) == ids(*path[1 : TURNS_SHOWN + 1])
    assert not is_page(response)
    assert 'id="show-earlier"' in response.text
    assert 'id="turns"' not in response.text
    last = browser.get(f"{page}?before={path[1].pk}", htmx=True)
    assert (shown_in(last), "show-earlier" in last.text) == (ids(path[0]), False)


def test_on_a_page_of_earlier_turns_one_can_go_on_to_the_later_ones(browser: Browser, owner: User):
    path = make_chain(owner, 3 * TURNS_SHOWN)
    page = path[0].session.get_absolute_url()
    text = browser.get(f"{page}?at={path[-1].pk}&before={path[TURNS_SHOWN].pk}").text.replace("&amp;", "&")
    [later] = re.findall(r'id="show-later"[^>]* href="([^"]+)"', text)
    assert shown_in(browser.get(later)) == ids(*path[TURNS_SHOWN : 2 * TURNS_SHOWN])
    fragment = browser.get(later, htmx=True)
    assert shown_in(fragment) == ids(*path[TURNS_SHOWN : 2 * TURNS_SHOWN])
    assert not is_page(fragment)
    plain_dock = re.compile(r'class="dock"[^>]* hx-disable[ >]')
    assert plain_dock.search(text), "what is asked there would not stand below what is shown"
    assert not plain_dock.search(browser.get(page).text)


def test_above_the_first_turn_there_is_nothing_but_the_way_back(browser: Browser, owner: User):
    path = make_chain(owner, 3)
    response = browser.get(f"{path[0].session.get_absolute_url()}?before={path[0].pk}")
    assert shown_in(response) == []
    assert f'id="show-later" rel="next" href="{path[0].session.get_absolute_url()}?at={path[-1].pk}"' in response.text


def test_a_turn_far_up_is_shown_with_what_is_around_it(browser: Browser, owner: User):
    path = make_chain(owner, 3 * TURNS_SHOWN)
    page = path[0].session.get_absolute_url()
    sibling = make_answered(owner, "a sibling", after=path[4])
    shown = shown_in(browser.get(f"{page}?at={path[5].pk}"))
    assert shown == ids(*path[3 : 3 + TURNS_SHOWN])
    fragment = browser.get(f"{page}?at={path[5].pk}", htmx=True)
    assert fragment["HX-Redirect"] == f"{page}?at={path[5].pk}#turn-{path[5].pk}"
    assert shown_in(browser.get(f"{page}?at={sibling.pk}")) == ids(*path[:5], sibling)


def test_a_conversation_of_a_thousand_turns_costs_no_more_queries(
    browser: Browser, owner: User, django_assert_max_num_queries
):
    path = make_chain(owner, 1000)
    for one in path[::10]:
        make_answered(owner, "again", after=one)
    page = path[0].session.get_absolute_url()
    with django_assert_max_num_queries(8):
        browser.get(page)
    with django_assert_max_num_queries(10):
        assert str(path[500].pk) in shown_in(browser.get(f"{page}?at={path[500].pk}"))
