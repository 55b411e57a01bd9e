"""Async code from sync code: contexts, errors and Ctrl-C behave as in any other function."""

import asyncio
import contextvars
import os
import signal
import threading

import pytest

from sessioneval.errors import StoreError
from sessioneval.runs.concurrency import run_blocking
from sessioneval.runs.stopping import Stop

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


@pytest.mark.parametrize("in_notebook", [False, True])
def test_the_first_interrupt_only_asks(in_notebook):
    """What is in flight is paid for: it is finished, and then the caller learns that there was a Ctrl-C."""
    finished = []

    async def work(stop):
        asked = asyncio.Event()
        stop.listen(asked.set)
        threading.Thread(target=signal_main, args=(threading.main_thread().ident,)).start()
        await asyncio.wait_for(asked.wait(), 10)
        finished.append(True)

    def blocking():
        stop = Stop()
        with pytest.raises(KeyboardInterrupt):
            run_blocking(lambda: work(stop), on_interrupt=stop.request)

    async def notebook():
        blocking()

    if in_notebook:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(notebook())
        loop.close()
    else:
        blocking()
    assert finished == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("in_notebook", [False, True])
def test_the_second_interrupt_ends_it(in_notebook):
    """A server that hangs must not keep somebody who wants to leave; clean-up is done all the same."""
    cleaned = []

    async def work(stop):
        asked = asyncio.Event()
        stop.listen(asked.set)
        main = threading.main_thread().ident
        threading.Thread(target=signal_main, args=(main,)).start()
        try:
            await asyncio.wait_for(asked.wait(), 10)
            threading.Thread(target=signal_main, args=(main,)).start()
            await asyncio.wait_for(asyncio.Event().wait(), 10)
        finally:
            cleaned.append(True)

    def blocking():
        stop = Stop()
        with pytest.raises(KeyboardInterrupt):
            run_blocking(lambda: work(stop), on_interrupt=stop.request)

    async def notebook():
        blocking()

    if in_notebook:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(notebook())
        loop.close()
    else:
        blocking()
    assert cleaned == [True]


def test_a_handler_of_the_apps_own_is_left_alone():
    """A service that handles SIGINT itself keeps doing so."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(True))

    async def work():
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.05)

    try:
        run_blocking(work, on_interrupt=lambda: seen.append("ours"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [True]
