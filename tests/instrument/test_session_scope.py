"""`session()` in every form that an app may use it in."""

import asyncio
import contextvars
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from openinference.instrumentation import TracerProvider as OpenInferenceTracerProvider
from openinference.instrumentation import get_attributes_from_context
from opentelemetry import baggage, context
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sessioneval.instrument.session_scope import session


@pytest.fixture
def scope_of(recorder):
    """`session()` bound to the recorder's provider instead of the global one."""

    def make(*args, **kwargs):
        return session(*args, tracer_provider=recorder.provider, **kwargs)

    return make


def test_every_attribute_reaches_a_plain_otel_span(recorder, scope_of):
    """Plain tracers do not read the OTel context, so the processor must set all six attributes."""
    with scope_of("chat", user_id="u", source="web", agent_version="v2", metadata={"é": [1]}, tags=["a", "b"]):
        recorder.span("turn")
    assert dict(recorder.spans()["turn"].attributes) == {
        "session.id": "chat",
        "user.id": "u",
        "session.source": "web",
        "agent.version": "v2",
        "metadata": '{"é": [1]}',
        "tag.tags": ("a", "b"),
    }


def test_openinference_tracers_and_instrumentors_see_the_session():
    """The context keys are those of using_attributes, which instrumentors read."""
    provider = OpenInferenceTracerProvider(shutdown_on_exit=False)
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with session("chat", user_id="u", source="web", metadata={"a": 1}, tags=["x"], tracer_provider=provider):
        seen = dict(get_attributes_from_context())
        provider.get_tracer("oi").start_span("turn", openinference_span_kind="chain").end()
    assert seen == {"session.id": "chat", "user.id": "u", "metadata": '{"a": 1}', "tag.tags": ["x"]}
    [span] = memory.get_finished_spans()
    assert dict(span.attributes) == {
        "session.id": "chat",
        "user.id": "u",
        "session.source": "web",
        "metadata": '{"a": 1}',
        "tag.tags": ("x",),
        "openinference.span.kind": "CHAIN",
    }


def test_nothing_is_left_behind_after_the_with(recorder, scope_of):
    """A session that leaks would swallow the next user's spans."""
    before = context.get_current()
    with scope_of("chat"):
        pass
    recorder.span("after")
    assert context.get_current() == before
    assert recorder.sessions() == {"after": None}


def test_the_session_ends_when_the_block_raises(recorder, scope_of):
    """Errors of the app pass through unchanged, and the session ends with them."""
    with pytest.raises(KeyError, match="app"), scope_of("chat"):
        raise KeyError("app")
    recorder.span("after")
    assert recorder.sessions() == {"after": None}


def test_without_an_id_one_is_made_and_kept_for_the_scope(recorder, scope_of):
    """The app can read the made id, and entering again goes on with the same session."""
    scope = scope_of()
    with scope as chat:
        recorder.span("first")
    with scope:
        recorder.span("second")
    assert uuid.UUID(chat.session_id).version == 4
    assert recorder.sessions() == {"first": chat.session_id, "second": chat.session_id}
    assert scope_of().session_id != chat.session_id


def test_an_inner_session_replaces_what_it_names_and_inherits_the_rest(recorder, scope_of):
    """A side conversation of the same user is its own session."""
    with scope_of("outer", user_id="u"):
        with scope_of("inner"):
            recorder.span("in")
        recorder.span("out")
    assert recorder.sessions() == {"in": "inner", "out": "outer"}
    assert recorder.spans()["in"].attributes["user.id"] == "u"


def test_one_scope_can_be_entered_inside_itself(recorder, scope_of):
    """Helpers of an app may enter the session object that they are handed."""
    scope = scope_of("chat")
    with scope:
        with scope:
            recorder.span("inner")
        recorder.span("outer")
    recorder.span("after")
    assert recorder.sessions() == {"inner": "chat", "outer": "chat", "after": None}


def test_leaving_in_another_context_is_silent(scope_of, caplog):
    """Web frameworks close streams from another task; OTel would log 'Failed to detach context'."""
    scope = scope_of("chat")
    contextvars.copy_context().run(scope.__enter__)
    scope.__exit__(None, None, None)
    assert caplog.records == []


def test_async_with_reaches_tasks_gather_threads_of_asyncio_and_tasks_that_outlive_it(recorder, scope_of):
    """These are the ways async apps split their work."""

    async def work(name, released=None):
        if released:
            await released.wait()
        recorder.span(name)

    async def app():
        released = asyncio.Event()
        async with scope_of("chat"):
            late = asyncio.create_task(work("late", released))
            await asyncio.create_task(work("task"))
            await asyncio.gather(work("gather-1"), work("gather-2"))
            await asyncio.to_thread(recorder.span, "to_thread")
            copied = contextvars.copy_context()
        recorder.span("after")
        released.set()
        await late
        thread = threading.Thread(target=copied.run, args=(recorder.span, "copied"))
        thread.start()
        thread.join()

    asyncio.run(app())
    sessions = recorder.sessions()
    assert sessions.pop("after") is None
    assert sorted(sessions) == ["copied", "gather-1", "gather-2", "late", "task", "to_thread"]
    assert set(sessions.values()) == {"chat"}


def test_concurrent_sessions_never_mix(recorder, scope_of):
    """A server runs many users' sessions interleaved on one loop."""

    async def user(number, everyone):
        async with scope_of(f"chat-{number}"):
            for turn in range(5):
                await everyone.wait()
                recorder.span(f"{number}.{turn}")

    async def app():
        everyone = asyncio.Barrier(20)
        await asyncio.gather(*(user(number, everyone) for number in range(20)))

    asyncio.run(app())
    assert recorder.sessions() == {f"{n}.{turn}": f"chat-{n}" for n in range(20) for turn in range(5)}


def test_one_scope_may_be_entered_by_tasks_and_threads_at_once(recorder, scope_of):
    """Tokens belong to entries, not to the object: leaving in any order restores each context."""
    scope = scope_of("shared")

    async def task(number, all_in):
        async with scope:
            await all_in.wait()
            recorder.span(f"task-{number}")
        recorder.span(f"after-task-{number}")

    async def app():
        all_in = asyncio.Barrier(5)
        await asyncio.gather(*(task(number, all_in) for number in range(5)))

    barrier = threading.Barrier(5)

    def thread(number):
        with scope:
            barrier.wait()
            recorder.span(f"thread-{number}")
        recorder.span(f"after-thread-{number}")

    asyncio.run(app())
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(thread, range(5)))
    sessions = recorder.sessions()
    assert len(sessions) == 20
    assert {name: value for name, value in sessions.items() if value != "shared"} == {
        f"after-{kind}-{number}": None for kind in ("task", "thread") for number in range(5)
    }


@pytest.mark.parametrize("inside", [True, False])
def test_complete_marks_the_session_inside_and_after_the_with(recorder, scope_of, inside):
    """Evaluation need not wait for inactivity; the span carries the session wherever it is called."""
    scope = scope_of("chat", user_id="u", source="web")
    with scope as chat:
        if inside:
            chat.complete(input="bye", output="see you")
    if not inside:
        chat.complete(input="bye", output="see you")
    assert dict(recorder.spans()["session.complete"].attributes) == {
        "session.id": "chat",
        "user.id": "u",
        "session.source": "web",
        "session_status": "completed",
        "input.value": "bye",
        "output.value": "see you",
    }


def test_the_completion_key_and_value_can_be_chosen(recorder, scope_of):
    """Apps that mark sessions in their own way keep their way."""
    scope_of("chat", completion=("conversation.state", "closed")).complete()
    attributes = recorder.spans()["session.complete"].attributes
    assert dict(attributes) == {"session.id": "chat", "conversation.state": "closed"}


def test_complete_goes_to_its_own_session_when_called_inside_another_one(recorder, scope_of):
    """A supervisor closes the session of a worker while its own goes on."""
    worker = scope_of("worker")
    with scope_of("supervisor"):
        worker.complete()
    assert recorder.sessions() == {"session.complete": "worker"}


class _Unprintable:
    def __str__(self):
        raise RuntimeError("no text")


class _BrokenProvider:
    def add_span_processor(self, _processor):
        raise RuntimeError("refused")

    def get_tracer(self, *_args, **_kwargs):
        raise RuntimeError("refused")


@pytest.mark.parametrize(
    "arguments",
    [
        {"session_id": _Unprintable()},
        {"session_id": ""},
        {"session_id": " \n"},
        {"session_id": print},
        {"user_id": _Unprintable()},
        {"metadata": "text"},
        {"metadata": {_Unprintable(): 1}, "tags": [_Unprintable()]},
        {"tags": 5},
        {"completion": None},
        {"completion": ("", 2**70)},
        {"tracer_provider": _BrokenProvider()},
        {"tracer_provider": "not a provider"},
    ],
)
def test_bad_values_never_reach_the_app_as_exceptions(arguments):
    """Instrumentation must not break the app, whatever it is given."""
    with session(**arguments) as chat:
        chat.complete(input=_Unprintable())
    assert chat.session_id.strip()


def test_an_integer_id_becomes_text(recorder, scope_of):
    """Database keys are a common session id."""
    with scope_of(4711):
        recorder.span("turn")
    assert recorder.sessions() == {"turn": "4711"}


def test_propagate_carries_both_ids_and_nothing_else_to_another_service(recorder, scope_of):
    """Over real W3C headers, with an id that needs escaping; a plain span on the other side gets them."""
    headers = {}
    with scope_of("séss/1, ä=;\n\udcff", user_id="u 7", source="web", tags=["secret"], propagate=True) as chat:
        inject(headers)
    token = context.attach(extract(headers))
    recorder.span("downstream")
    context.detach(token)
    assert set(baggage.get_all(extract(headers))) == {"session.id", "user.id"}
    assert dict(recorder.spans()["downstream"].attributes) == {"session.id": chat.session_id, "user.id": "u 7"}


def test_without_propagate_no_header_carries_the_session(scope_of):
    """Baggage goes to third parties in clear, so it is opt-in."""
    headers = {}
    with scope_of("chat", user_id="u"):
        inject(headers)
    assert "baggage" not in headers


def test_an_inner_session_that_does_not_propagate_hides_the_outer_one(scope_of):
    """The called service would else file spans of the inner session under the outer one."""
    headers = {}
    with scope_of("outer", propagate=True), scope_of("inner"):
        inject(headers)
    assert "session.id" not in baggage.get_all(extract(headers))


def test_importing_it_loads_no_heavy_package():
    """The app pays for what it imports at its start."""
    code = "import sys, sessioneval.instrument.session_scope, sessioneval.instrument.registration\n"
    code += "print([m for m in ('pyarrow', 'pandas', 'openai', 'pydantic', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
