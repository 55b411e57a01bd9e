"""Places: as many evaluations at once as allowed, and none idle because one waits for a retry."""

import asyncio

import pytest

from sessioneval.runs.places import Places


def test_one_that_pauses_gives_its_place_away():
    """A server that asks to wait a minute must not stop a run of four workers for a minute."""

    async def main():
        places = Places(1)
        await places.take()
        pausing = asyncio.create_task(places.pause(0.05))
        await asyncio.wait_for(places.take(), 1)
        was_waiting = not pausing.done()
        places.leave()
        await pausing
        return was_waiting

    assert asyncio.run(main())


def test_only_as_many_wait_without_a_place_as_there_are_places():
    """Else an endpoint that throttles all calls would pull the whole list into memory."""

    async def main():
        places = Places(2)
        pausing = []
        for _ in range(2):
            await places.take()
            pausing.append(asyncio.create_task(places.pause(60)))
        await asyncio.sleep(0)
        for _ in range(2):
            await places.take()
        pausing.append(asyncio.create_task(places.pause(60)))
        third = asyncio.create_task(places.take())
        _, still = await asyncio.wait([third], timeout=0.02)
        for task in (*pausing, third):
            task.cancel()
        return bool(still)

    assert asyncio.run(main())


def test_who_waits_for_a_retry_is_let_go_at_once():
    """Ctrl-C does not wait for a Retry-After of two minutes."""

    async def main():
        places = Places(1)
        await places.take()
        pausing = asyncio.create_task(places.pause(60))
        await asyncio.sleep(0)
        places.stop_waiting()
        with pytest.raises(asyncio.CancelledError):
            await pausing

    asyncio.run(main())


@pytest.mark.parametrize(("concurrency", "n_places"), [(1, 1), (9, 9), (10, 11), (100, 110)])
def test_a_tenth_of_the_places_is_for_those_that_are_being_written(concurrency, n_places):
    """Calls stay within the concurrency; see `LimitedChannel`."""
    assert Places(concurrency).n_places == n_places
