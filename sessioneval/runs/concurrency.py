"""Bounded concurrency: a fixed set of workers over one shared stream, and async code from sync code."""

import asyncio
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
)
from concurrent.futures import Future, wait
from contextlib import aclosing, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from sessioneval.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
Stream = Iterable[Item] | AsyncIterable[Item]


async def run_bounded(
    work: Callable[[Item], Awaitable[Result]],
    items: Stream[Item],
    *,
    limit: int,
    emit: Callable[[Result], object],
) -> None:
    """Do `work` on every item, at most `limit` at once, and hand each result to `emit` as it comes.

    Items are pulled only when a worker is free, so a reader behind `items` is never more than
    `limit` ahead and memory stays flat. `work` returns failures as data: an exception that escapes
    it (or `items`, or `emit`) is a bug or a broken store, cancels the rest and is raised as itself.

    Args:
        work: Called once an item.
        items: A sync or async iterable; it is closed at the end, also after an error.
        limit: Workers, at least 1.
        emit: Called once a result, in order of completion, on the event loop.

    Raises:
        InputError: `limit` is below 1.
    """
    if limit < 1:
        raise InputError(f"limit of concurrent work is {limit!r}; it must be 1 or more")
    async with aclosing(_stream(items)) as stream:
        await _drain(work, _Shared(stream), limit, emit)


async def _drain(
    work: Callable[[Item], Awaitable[Result]],
    shared: "_Shared[Item]",
    limit: int,
    emit: Callable[[Result], object],
) -> None:
    """Run the workers; the group of their errors is unwrapped, so callers catch what they know."""

    async def worker() -> None:
        async for item in shared:
            emit(await work(item))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _stream(items: Stream[Item]) -> AsyncGenerator[Item, None]:
    """Yield from either kind of iterable and close it at the end, where it can be closed."""
    if isinstance(items, AsyncIterable):
        try:
            async for item in items:
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()
        return
    try:
        for item in items:
            yield item
    finally:
        if isinstance(items, Generator):
            items.close()


class _Shared(AsyncIterator[Item]):
    """One iterator for many workers: an async generator must not be advanced twice at once."""

    def __init__(self, stream: AsyncIterator[Item]) -> None:
        self._stream = stream
        self._lock = asyncio.Lock()

    async def __anext__(self) -> Item:
        async with self._lock:
            return await anext(self._stream)


def run_blocking(coroutine_factory: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine to its end from sync code, also where a loop is running already (notebooks).

    In a notebook it runs in a worker thread under a copy of the caller's context variables, so
    session and suppression context hold. Ctrl-C there cancels the coroutine and waits for its clean-up.

    Example:
        >>> async def answer():
        ...     return 42
        >>> run_blocking(answer)
        42
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine_factory())
    return _in_thread(coroutine_factory)


def _in_thread(coroutine_factory: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    context = copy_context()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []
    interrupted = threading.Event()
    done: Future[Result] = Future()

    async def main() -> Result:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        if interrupted.is_set():
            raise asyncio.CancelledError
        return await coroutine_factory()

    def run() -> None:
        try:
            done.set_result(context.run(lambda: asyncio.run(main())))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller's thread
            done.set_exception(error)

    try:
        threading.Thread(target=run, name="sessioneval-run").start()
        return done.result()
    except KeyboardInterrupt:
        interrupted.set()
        _cancel(running)
        wait([done])
        raise


def _cancel(running: Iterable[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]]) -> None:
    for loop, task in running:
        if task is not None:
            with suppress(RuntimeError):  # the loop closed meanwhile: it is done
                loop.call_soon_threadsafe(task.cancel)
