"""Who runs next."""

import asyncio

import pytest

from tgi.engines.queue import BatchQueue


async def settle() -> None:
    """Let every task that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slots_are_given_in_order_and_given_back():
    queue = BatchQueue(slots=2, tokens=100)
    waiting = [asyncio.create_task(queue.enter(10)) for _ in range(4)]
    await settle()
    assert [task.done() for task in waiting] == [True, True, False, False]
    queue.leave(10)
    await settle()
    assert [task.done() for task in waiting] == [True, True, True, False]
    queue.leave(10)
    await waiting[3]


async def test_a_large_job_waits_for_tokens_and_holds_back_smaller_ones():
    queue = BatchQueue(slots=9, tokens=100)
    await queue.enter(60)
    large, small = asyncio.create_task(queue.enter(50)), asyncio.create_task(queue.enter(1))
    await settle()
    assert not large.done()
    assert not small.done()
    queue.leave(60)
    await asyncio.gather(large, small)


async def test_a_cancelled_job_in_the_queue_makes_way():
    queue = BatchQueue(slots=1, tokens=100)
    await queue.enter(60)
    large, small = asyncio.create_task(queue.enter(100)), asyncio.create_task(queue.enter(40))
    await settle()
    large.cancel()
    queue.leave(60)
    with pytest.raises(asyncio.CancelledError):
        await large
    await small


async def test_a_job_cancelled_as_it_is_admitted_gives_its_place_back():
    queue = BatchQueue(slots=1, tokens=100)
    await queue.enter(100)
    task = asyncio.create_task(queue.enter(100))
    await settle()
    queue.leave(100)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(queue.enter(100), timeout=5)
