"""Runs functions, coroutines and generators inside a session."""

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import Any, Protocol, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
NewScope = Callable[[], AbstractContextManager[object]]


class _Run(Protocol):
    def __call__(self, step: Callable[..., Any], /, *args: Any) -> Any: ...


def in_session(function: Function, new_scope: NewScope) -> Function:
    """Wrap `function` so that each call runs inside a scope of its own, made by `new_scope`.

    The wrapper is of the same kind as the function: plain, coroutine, generator or async generator function.
    """
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator_function(function, new_scope)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator_function(function, new_scope)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine_function(function, new_scope)
    else:
        wrapper = _plain_function(function, new_scope)
    return cast("Function", functools.wraps(function)(wrapper))


def _plain_function(function: Callable[..., Any], new_scope: NewScope) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with new_scope():
            return function(*args, **kwargs)

    return call


def _coroutine_function(function: Callable[..., Any], new_scope: NewScope) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with new_scope():
            return await function(*args, **kwargs)

    return call


def _generator_function(function: Callable[..., Any], new_scope: NewScope) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _steps(function(*args, **kwargs), _runner(new_scope)))

    return call


def _async_generator_function(function: Callable[..., Any], new_scope: NewScope) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        run = _runner(new_scope)
        body: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        step = _first_step(body)
        while True:
            try:
                item = await _Step(step, run)
            except StopAsyncIteration:
                return
            try:
                step = body.asend((yield item))
            except GeneratorExit:
                await _Step(body.aclose(), run)
                raise
            except BaseException as error:  # noqa: BLE001 - whatever the consumer throws belongs to the body
                step = body.athrow(error)

    return call


def _first_step(body: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Begin `body` without the event loop noticing: the wrapper is what the loop closes, and it closes the body.

    If the loop knew both, it would close the body a second time at its end, outside the session.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _runner(new_scope: NewScope) -> _Run:
    """Return a function that runs steps in one private copy of the context, inside a new scope.

    A ``with`` held across ``yield`` would leak the session to the consumer while the generator is suspended.
    Its own context also means that a generator may be closed from another task or thread without OTel's
    "Failed to detach context" (open-telemetry/opentelemetry-python #2606).
    """
    with new_scope():
        return copy_context().run


def _steps(body: Generator[Any, Any, Any], run: _Run) -> Generator[Any, Any, Any]:
    """Delegate to `body` as ``yield from`` does, each step called through `run`."""
    step = functools.partial(run, body.send, None)
    while True:
        try:
            item = step()
        except StopIteration as stop:
            return stop.value
        try:
            step = functools.partial(run, body.send, (yield item))
        except GeneratorExit:
            run(body.close)
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the consumer throws belongs to the body
            step = functools.partial(run, body.throw, error)


class _Step:
    """One step of an async generator; everything up to its end runs through `run`."""

    def __init__(self, awaitable: Awaitable[Any], run: _Run) -> None:
        self._awaitable = awaitable
        self._run = run

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from _steps(self._awaitable.__await__(), self._run))
