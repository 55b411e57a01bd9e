"""`session()` as a decorator of every kind of function."""

import asyncio
import inspect
import threading

import pytest

from sessioneval.instrument.session_scope import session


@pytest.fixture
def decorate(recorder):
    """The decorator bound to the recorder's provider."""

    def make(*args, **kwargs):
        return session(*args, tracer_provider=recorder.provider, **kwargs)

    return make


def test_a_function_runs_inside_and_keeps_its_name_and_result(recorder, decorate):
    """A decorated function is still that function to everyone else."""

    @decorate("chat")
    def answer(question, *, polite):
        """Answer."""
        recorder.span("turn")
        return question, polite

    assert answer("why", polite=True) == ("why", True)
    assert (answer.__name__, answer.__doc__) == ("answer", "Answer.")
    recorder.span("after")
    assert recorder.sessions() == {"turn": "chat", "after": None}


def test_each_call_is_a_new_session_unless_an_id_is_given(recorder, decorate):
    """One decorated request handler serves many conversations."""

    @decorate()
    def fresh(name):
        recorder.span(name)

    @decorate("fixed")
    def fixed(name):
        recorder.span(name)

    for name in ("a", "b"):
        fresh(name)
        fixed(name + "-fixed")
    sessions = recorder.sessions()
    assert sessions["a"] != sessions["b"]
    assert sessions["a-fixed"] == sessions["b-fixed"] == "fixed"


def test_a_function_may_call_itself(recorder, decorate):
    """Recursion enters the same scope again before it is left."""

    @decorate("chat")
    def count(n):
        recorder.span(str(n))
        if n:
            count(n - 1)
        recorder.span(f"{n} again")

    count(2)
    recorder.span("after")
    sessions = recorder.sessions()
    assert sessions.pop("after") is None
    assert set(sessions.values()) == {"chat"}


def test_async_functions_stay_async_and_calls_at_once_do_not_mix(recorder, decorate):
    """Frameworks ask whether a handler is a coroutine function, and run many at once."""

    @decorate()
    async def handle(name, barrier):
        recorder.span(f"{name} 1")
        await barrier.wait()
        recorder.span(f"{name} 2")

    async def app():
        barrier = asyncio.Barrier(3)
        await asyncio.gather(*(handle(name, barrier) for name in "abc"))
        recorder.span("after")

    assert inspect.iscoroutinefunction(handle)
    asyncio.run(app())
    sessions = recorder.sessions()
    assert sessions.pop("after") is None
    assert len(set(sessions.values())) == 3
    assert all(sessions[f"{name} 1"] == sessions[f"{name} 2"] for name in "abc")


def _talk(recorder):
    recorder.span("start")
    with recorder.tracer.start_as_current_span("whole"):
        try:
            received = yield "hello"
            recorder.span("resumed")
            yield received
        finally:
            recorder.span("closing")
    return "result"


def test_a_generator_keeps_the_session_to_itself(recorder, decorate):
    """While it is suspended the caller's spans are not in the session, and send and return still work."""

    def consume():
        result = yield from decorate("chat")(_talk)(recorder)
        assert result == "result"

    stream = consume()
    assert next(stream) == "hello"
    recorder.span("caller")
    assert stream.send("more") == "more"
    assert list(stream) == []
    assert recorder.sessions() == {
        "start": "chat",
        "caller": None,
        "resumed": "chat",
        "closing": "chat",
        "whole": "chat",
    }
    spans = recorder.spans()
    assert spans["resumed"].parent.span_id == spans["whole"].context.span_id
    assert spans["caller"].parent is None


def test_a_generator_gets_what_the_caller_throws(recorder, decorate):
    """Exceptions thrown in reach the body, inside the session; what the body does not catch comes out."""

    @decorate("chat")
    def patient():
        try:
            yield 1
        except ValueError:
            recorder.span("caught")
            yield 2

    stream = patient()
    next(stream)
    assert stream.throw(ValueError("x")) == 2
    with pytest.raises(KeyError, match="y"):
        stream.throw(KeyError("y"))
    assert recorder.sessions() == {"caught": "chat"}


def test_a_generator_may_be_closed_by_another_thread(recorder, decorate, caplog):
    """Servers close abandoned streams elsewhere; OTel must not complain about foreign contexts."""
    stream = decorate("chat")(_talk)(recorder)
    next(stream)
    thread = threading.Thread(target=stream.close)
    thread.start()
    thread.join()
    assert recorder.sessions()["closing"] == "chat"
    assert caplog.records == []


def test_abandoned_generators_do_not_leak_either(recorder, decorate):
    """Many open streams at once, none finished: the caller stays outside all of them."""
    streams = [decorate()(_talk)(recorder) for _ in range(3)]
    for stream in streams:
        next(stream)
    recorder.span("caller")
    for stream in streams:
        stream.close()
    assert recorder.sessions()["caller"] is None


class _Pause:
    """Give the event loop one round."""

    def __await__(self):
        yield


async def _talk_async(recorder):
    recorder.span("start")
    with recorder.tracer.start_as_current_span("whole"):
        try:
            await _Pause()
            received = yield "hello"
            recorder.span("resumed")
            await _Pause()
            yield received
        finally:
            await _Pause()
            recorder.span("closing")


def test_an_async_generator_keeps_the_session_to_itself(recorder, decorate):
    """As for generators, also across real suspensions and when each step is taken by another task."""

    async def app():
        stream = decorate("chat")(_talk_async)(recorder)
        assert await anext(stream) == "hello"
        recorder.span("caller")
        assert await asyncio.create_task(stream.asend("more")) == "more"
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(app())
    assert recorder.sessions() == {
        "start": "chat",
        "caller": None,
        "resumed": "chat",
        "closing": "chat",
        "whole": "chat",
    }
    spans = recorder.spans()
    assert spans["resumed"].parent.span_id == spans["whole"].context.span_id


def test_an_async_generator_may_be_closed_by_another_task(recorder, decorate, caplog):
    """A disconnected client's stream is closed by the server's task (opentelemetry-python #2606)."""

    async def app():
        stream = decorate("chat")(_talk_async)(recorder)
        await anext(stream)
        await asyncio.create_task(stream.aclose())

    asyncio.run(app())
    assert recorder.sessions()["closing"] == "chat"
    assert caplog.records == []


def test_an_async_generator_gets_errors_and_cancellation(recorder, decorate):
    """What the consumer throws, and a cancelled step, arrive in the body."""

    @decorate("chat")
    async def patient(entered):
        try:
            yield 1
        except ValueError:
            recorder.span("caught")
        try:
            entered.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            recorder.span("cancelled")
            raise
        yield 2

    async def app():
        entered = asyncio.Event()
        stream = patient(entered)
        await anext(stream)
        step = asyncio.create_task(stream.athrow(ValueError("x")))
        await entered.wait()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step

    asyncio.run(app())
    assert recorder.sessions() == {"caught": "chat", "cancelled": "chat"}


def test_async_for_left_early_ends_cleanly(recorder, decorate, caplog):
    """`break` is the usual end of a stream: the loop closes the generator once, and inside the session."""

    @decorate("chat")
    async def talk(closed):
        try:
            yield "hello"
        finally:
            await _Pause()
            recorder.span("closing")
            closed.set()

    async def app():
        closed = asyncio.Event()
        async for item in talk(closed):
            assert item == "hello"
            break
        recorder.span("caller")
        await asyncio.wait_for(closed.wait(), timeout=10)

    asyncio.run(app())
    assert recorder.sessions() == {"caller": None, "closing": "chat"}
    assert caplog.records == []


def test_a_loop_that_ends_with_a_stream_half_closed_is_silent(decorate, caplog):
    """The loop must know the wrapper only: closing the body as well logs 'asynchronous generator is already running'."""

    @decorate("chat")
    async def talk():
        try:
            yield "hello"
        finally:
            await _Pause()

    async def app():
        async for _ in talk():
            break

    asyncio.run(app())
    assert caplog.records == []
