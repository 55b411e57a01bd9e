"""Async code from sync code, also inside a notebook, with Ctrl-C as a request first and an end second."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")
Factory = Callable[[], Coroutine[Any, Any, Result]]
_Running = list[tuple[asyncio.AbstractEventLoop, "asyncio.Task[Any] | None"]]


def run_blocking(coroutine_factory: "Factory[Result]", on_interrupt: Callable[[], object] | None = None) -> Result:
    """Run a coroutine to its end from sync code, also where a loop is running already (notebooks).

    In a notebook it runs in a worker thread under a copy of the caller's context variables, so
    session and suppression context hold.

    Args:
        coroutine_factory: Makes the coroutine.
        on_interrupt: Called at the first Ctrl-C, which then only asks: the coroutine is waited for, and after it
            `KeyboardInterrupt` is raised. The second Ctrl-C, or the first one without it, cancels the coroutine.

    Raises:
        KeyboardInterrupt: There was a Ctrl-C.

    Example:
        >>> async def answer():
        ...     return 42
        >>> run_blocking(answer)
        42
    """
    run = _in_thread if _is_loop_running() else _in_this_thread
    return run(coroutine_factory, on_interrupt)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_this_thread(coroutine_factory: "Factory[Result]", on_interrupt: Callable[[], object] | None) -> Result:
    with _first_interrupt(on_interrupt) as interrupted:
        result = asyncio.run(coroutine_factory())
    if interrupted.is_set():
        raise KeyboardInterrupt
    return result


@contextmanager
def _first_interrupt(react: Callable[[], object] | None) -> Iterator[threading.Event]:
    """React to the first Ctrl-C only; the next has its usual effect. Handlers of others are left alone."""
    interrupted = threading.Event()
    is_ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if react is None or not is_ours:
        yield interrupted
        return

    def handle(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted.set()
        react()

    signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _in_thread(coroutine_factory: "Factory[Result]", on_interrupt: Callable[[], object] | None) -> Result:
    context = copy_context()
    running: _Running = []
    cancelled = threading.Event()
    may_begin = threading.Event()
    done: Future[Result] = Future()

    async def main() -> Result:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        if cancelled.is_set():
            raise asyncio.CancelledError
        return await coroutine_factory()

    def run() -> None:
        may_begin.wait()
        try:
            done.set_result(context.run(lambda: asyncio.run(main())))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller's thread
            done.set_exception(error)

    def cancel() -> None:
        cancelled.set()
        _cancel(running)

    try:
        threading.Thread(target=run, name="sessioneval-run").start()
    except KeyboardInterrupt:  # before anything has begun
        cancel()
        may_begin.set()
        raise
    return _awaited(done, may_begin.set, on_interrupt, cancel)


def _awaited(
    done: "Future[Result]",
    begin: Callable[[], object],
    on_interrupt: Callable[[], object] | None,
    cancel: Callable[[], object],
) -> Result:
    """Begin and wait; the first Ctrl-C asks where there is somebody to ask, the next one cancels."""
    try:
        begin()
        return done.result()
    except KeyboardInterrupt:
        try:
            (on_interrupt or cancel)()
            wait([done])
        except KeyboardInterrupt:
            cancel()
            wait([done])
        raise


def _cancel(running: Iterable[tuple[asyncio.AbstractEventLoop, "asyncio.Task[Any] | None"]]) -> None:
    for loop, task in running:
        if task is not None:
            with suppress(RuntimeError):  # the loop closed meanwhile: it is done
                loop.call_soon_threadsafe(task.cancel)
