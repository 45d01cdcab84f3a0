"""Downloading one's data: all of it, nobody else's, and no secret."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from typing import Any

from accounts.models import ApiToken, User
from chat import own_data, sharing
from chat.database import in_thread
from chat.models import Preset
from chat.transfer.reading import chats_in
from limits.models import Usage
from tests.support.answers import make_answered, make_chain
from tests.support.site_server import SiteServer

ADDRESS = "/settings/account/data/"


async def archive_of(site: SiteServer, user: User) -> bytes:
    async with site.browser(user) as client, client.get(ADDRESS) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/zip"
        assert response.headers["Content-Disposition"].startswith('attachment; filename="parley-')
        return await response.read()


async def downloaded(site: SiteServer, user: User) -> dict[str, Any]:
    """The files of the archive by name."""
    archive = zipfile.ZipFile(io.BytesIO(await archive_of(site, user)))
    assert archive.testzip() is None
    texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {name: json.loads(text) if name.endswith(".json") else text for name, text in texts.items()}


def make_everything(user: User) -> None:
    made = make_answered(user, f"{user.username} asks")
    sharing.share(session=made.session)
    Preset.objects.create(owner=user, name=f"preset of {user.username}")
    Usage.objects.create(owner=user, day=date(2026, 11, 24), prompt_tokens=user.pk, generated_tokens=7)
    ApiToken.objects.create(owner=user, name=f"token of {user.username}", digest=f"digest-{user.pk}", hint="hint-abc")


async def test_it_has_everything_of_the_user_and_nothing_of_others(site: SiteServer, owner: User, stranger: User):
    for user in (owner, stranger):
        await in_thread(make_everything, user)
    files = await downloaded(site, owner)
    assert files["account.json"]["username"] == "owner"
    assert [one["name"] for one in files["presets.json"]] == ["preset of owner"]
    assert [one["name"] for one in files["api-tokens.json"]] == ["token of owner"]
    [usage] = files["usage.json"]
    assert usage == {"day": "2026-11-24", "prompt_tokens": owner.pk, "generated_tokens": 7}
    assert len(files["log-ins.json"]) == len(files["shared-links.json"]) == 1
    (chat,) = files["conversations.json"]["sessions"]
    assert [one["query_text"] for one in chat["interactions"]] == ["owner asks"]
    assert all(name in files["README.txt"] for name in files if name != "README.txt")
    assert "stranger" not in json.dumps(files)


async def test_its_chats_can_be_imported_again(site: SiteServer, owner: User):
    await in_thread(make_everything, owner)
    (found,) = chats_in(await archive_of(site, owner), limit=1_000_000)
    assert found.chat is not None
    assert [one.query_text for one in found.chat.interactions] == ["owner asks"]


async def test_it_has_no_secret(site: SiteServer, owner: User):
    await in_thread(make_everything, owner)
    log_in = await in_thread(lambda: User.objects.get(pk=owner.pk))
    text = json.dumps(await downloaded(site, owner))
    assert log_in.password not in text
    assert "digest-" not in text
    assert "hint-abc" not in text
    keys = await in_thread(lambda: list(owner.log_ins.values_list("session_key", flat=True)))
    assert keys
    assert not [key for key in keys if key in text]


async def test_a_visitor_is_sent_to_the_log_in_page(site: SiteServer):
    async with site.browser() as client, client.get(ADDRESS, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"].startswith("/accounts/login/")


async def test_a_large_account_goes_in_small_pieces(transactional_db: None, owner: User):
    chain = await in_thread(make_chain, owner, 10_000)
    pieces = [piece async for piece in own_data.zip_of(user=owner)]
    assert 0 < min(map(len, pieces)) <= max(map(len, pieces)) < 100_000
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    (chat,) = json.loads(archive.read("conversations.json"))["sessions"]
    assert [one["id"] for one in chat["interactions"]] == [str(one.pk) for one in chain]


async def test_a_download_that_is_broken_off_leaves_nothing_behind(site: SiteServer, owner: User):
    await in_thread(make_chain, owner, 2_000)
    async with site.browser(owner) as client:
        async with client.get(ADDRESS) as response:
            assert await response.content.read(100)
            response.close()
        async with client.get(ADDRESS) as response:
            assert zipfile.ZipFile(io.BytesIO(await response.read())).testzip() is None
