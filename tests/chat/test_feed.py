"""The text of one answer in memory, and waiting for more of it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from chat.feed import Feed
from chat.models import Interaction, Status


async def waiting_for(feed: Feed, seen: int) -> asyncio.Task[bool]:
    """A task that waits for the feed, and has begun to."""
    task = asyncio.create_task(feed.changed(seen, timeout_s=5))
    await asyncio.sleep(0)  # one turn of the loop: the task runs up to its wait
    return task


async def test_text_makes_a_queued_answer_a_generating_one():
    feed = Feed(uuid4())
    feed.set_status(Status.QUEUED, waiting_for="overloaded")
    feed.append("Hello")
    assert (feed.text, feed.status, feed.waiting_for) == ("Hello", Status.GENERATING, "")


async def test_everybody_who_waits_is_told_of_a_change():
    feed = Feed(uuid4())
    waiters = [await waiting_for(feed, 0) for _ in range(3)]
    feed.append("x")
    assert await asyncio.gather(*waiters) == [True, True, True]


async def test_a_change_since_the_version_seen_needs_no_wait():
    feed = Feed(uuid4())
    feed.append("x")
    assert await feed.changed(0, timeout_s=0)


async def test_waiting_without_news_ends_after_its_time():
    feed = Feed(uuid4())
    assert not await feed.changed(feed.version, timeout_s=0.01)


async def test_the_same_status_again_is_no_news():
    feed = Feed(uuid4())
    feed.set_status(Status.QUEUED, waiting_for="turn")
    version = feed.version
    feed.set_status(Status.QUEUED, waiting_for="turn")
    assert feed.version == version


async def test_one_waiter_that_gives_up_does_not_disturb_the_others():
    feed = Feed(uuid4())
    leaves, stays = await waiting_for(feed, 0), await waiting_for(feed, 0)
    leaves.cancel()
    await asyncio.wait([leaves])
    feed.append("x")
    assert await stays


async def test_a_finished_feed_has_the_saved_text_and_is_closed():
    feed = Feed(uuid4(), text="par")
    feed.finish(Interaction(status=Status.COMPLETE, final_response_text="whole"))
    assert (feed.text, feed.status, feed.closed) == ("whole", Status.COMPLETE, True)
