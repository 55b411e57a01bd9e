"""Bounded concurrency: never more at once, never more ahead, nothing lost, nothing twice."""

import asyncio
import contextvars
import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError, StoreError
from sessioneval.runs.concurrency import run_blocking, run_bounded


async def later(item):
    """Let others run first, as a call over the network does."""
    await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(int))], timeout=0)
    return item


async def asynchronous(items):
    for item in items:
        await later(item)
        yield item


@given(n_items=st.integers(0, 30), limit=st.integers(1, 8), use_async=st.booleans())
def test_every_item_is_done_exactly_once(n_items, limit, use_async):
    """Whatever the number of workers and the kind of stream."""
    done = []
    items = asynchronous(range(n_items)) if use_async else iter(range(n_items))
    asyncio.run(run_bounded(later, items, limit=limit, emit=done.append))
    assert sorted(done) == list(range(n_items))


@pytest.mark.parametrize("use_async", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 16])
def test_never_more_than_the_limit_at_once_nor_ahead(limit, use_async):
    """Backpressure: the reader behind the items waits for the workers, so memory stays flat."""
    pulled, finished, peak, ahead = [], [], [0], [0]
    running = set()

    def reader():
        for item in range(100):
            pulled.append(item)
            ahead[0] = max(ahead[0], len(pulled) - len(finished))
            yield item

    async def work(item):
        running.add(item)
        peak[0] = max(peak[0], len(running))
        await later(item)
        running.remove(item)
        return item

    items = asynchronous(reader()) if use_async else reader()
    asyncio.run(run_bounded(work, items, limit=limit, emit=finished.append))
    # A stream that is slow itself may not keep all workers busy.
    assert peak[0] <= limit if use_async else peak[0] == limit
    assert ahead[0] <= limit


def test_results_are_emitted_as_they_come():
    """Live progress: a slow first item holds up no other."""
    order = []

    async def main():
        slow = asyncio.Event()

        async def work(item):
            if item == 0:
                await slow.wait()
            elif item == 5:
                slow.set()
            return item

        await run_bounded(work, range(6), limit=2, emit=order.append)

    asyncio.run(main())
    assert sorted(order) == list(range(6))
    assert order.index(0) >= 5


@pytest.mark.parametrize("where", ["work", "items", "emit"])
def test_an_error_ends_the_run_as_itself(where):
    """Callers catch StoreError, not a group of errors; the rest is cancelled, not left behind."""
    cancelled = []

    def fail_at(place, item):
        if place == where and item == 3:
            raise StoreError("disk gone")

    def items():
        for item in range(10):
            fail_at("items", item)
            yield item

    async def work(item):
        fail_at("work", item)
        if item == 0:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(item)
                raise
        return item

    with pytest.raises(StoreError, match="disk gone"):
        asyncio.run(run_bounded(work, items(), limit=2, emit=lambda item: fail_at("emit", item)))
    assert cancelled == [0]


@pytest.mark.parametrize("use_async", [False, True])
def test_the_stream_is_closed_after_an_error(use_async):
    """An open Parquet reader is let go."""
    closed = []

    def sync_items():
        try:
            yield from range(10)
        finally:
            closed.append("sync")

    async def async_items():
        try:
            for item in range(10):
                yield item
        finally:
            closed.append("async")

    async def work(_):
        raise ValueError("bug")

    async def main():
        await run_bounded(work, async_items() if use_async else sync_items(), limit=2, emit=print)

    async def observed():
        with pytest.raises(ValueError, match="bug"):
            await main()
        return list(closed)

    assert asyncio.run(observed()) == ["async" if use_async else "sync"]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit):
    """No workers would mean no work and no word."""
    with pytest.raises(InputError, match=f"{limit}"):
        asyncio.run(run_bounded(later, [1], limit=limit, emit=print))


def test_cancelling_the_run_cancels_the_workers():
    """Ctrl-C and time-outs end it."""

    async def main():
        run = asyncio.create_task(run_bounded(lambda _: asyncio.Event().wait(), range(3), limit=2, emit=print))
        await asyncio.wait([run], timeout=0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())


VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


async def seen():
    return VARIABLE.get(), threading.current_thread() is threading.main_thread()


def test_scripts_run_in_their_own_thread():
    """Nothing is started that is not needed."""
    VARIABLE.set("script")
    assert run_blocking(seen) == ("script", True)


def test_a_running_loop_is_no_obstacle_and_context_is_kept():
    """Notebooks run a loop; the session and suppression contexts must still hold inside."""

    async def notebook():
        VARIABLE.set("notebook")
        return run_blocking(seen)

    assert asyncio.run(notebook()) == ("notebook", False)


@pytest.mark.parametrize("in_notebook", [False, True])
def test_errors_come_out_as_they_are(in_notebook):
    """The same `except` works in scripts and notebooks."""

    async def broken():
        raise StoreError("no store")

    async def notebook():
        run_blocking(broken)

    with pytest.raises(StoreError, match="no store"):
        asyncio.run(notebook()) if in_notebook else run_blocking(broken)


def test_interrupting_a_notebook_cell_cancels_the_run_and_waits_for_its_clean_up():
    """Ctrl-C keeps what is done: the run closes its journal before the cell ends."""
    cleaned = []
    main_thread = threading.main_thread().ident

    async def long_run():
        try:
            interrupt = threading.Thread(target=signal_main, args=(main_thread,))
            interrupt.start()
            await asyncio.wait_for(asyncio.Event().wait(), 10)
        finally:
            cleaned.append(True)

    async def notebook():
        with pytest.raises(KeyboardInterrupt):
            run_blocking(long_run)
        return list(cleaned)

    # Not asyncio.run: it would take the interrupt for itself, where IPython lets it reach the cell.
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(notebook()) == [True]
    finally:
        loop.close()


def signal_main(thread_id):
    signal.pthread_kill(thread_id, signal.SIGINT)
