"""Journey 1 through the front door: an app with the real SDK, instrumentor and openai client, read back from Parquet."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import openai
import pandas as pd
import pytest
from openinference.instrumentation import suppress_tracing
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider

import sessioneval as se
from sessioneval.testing.server import StandIn

ORDERS = {"A-17": {"order": "A-17", "status": "shipped"}, "B-20": {"order": "B-20", "status": "damaged"}}
LOOK_UP = {
    "type": "function",
    "function": {
        "name": "look_up_order",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}


@dataclass(frozen=True)
class App:
    """An instrumented chat app and the store that it writes to."""

    store: Path
    provider: TracerProvider
    client: openai.OpenAI
    async_client: openai.AsyncOpenAI

    def session(self, session_id: str, **attributes: Any) -> Any:
        return se.session(session_id, tracer_provider=self.provider, **attributes)

    def exchange(self, talk: list[dict[str, Any]], text: str, **options: Any) -> None:
        """Say something to the model and append both messages to `talk`."""
        talk.append({"role": "user", "content": text})
        completion = self.client.chat.completions.create(model="m", messages=talk, **options)
        talk.append(as_input(completion.choices[0].message))

    def stored(self, session_id: str) -> list[dict[str, Any]]:
        """Return the transcript's messages as they are read back from the files."""
        self.provider.force_flush()
        return [comparable(message) for message in se.transcript(self.store, session_id).to_dict()["messages"]]


@pytest.fixture
def app(tmp_path) -> Iterator[App]:
    store = tmp_path / "traces"
    provider = se.register(store, service_name="shop", set_global=False)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with StandIn() as server, openai.OpenAI(base_url=server.base_url, api_key="none") as client:
        yield App(store, provider, client, openai.AsyncOpenAI(base_url=server.base_url, api_key="none"))
    OpenAIInstrumentor().uninstrument()
    provider.shutdown()


def as_input(message: Any) -> dict[str, Any]:
    """Return an answer as an app sends it back with the next call."""
    return message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True)


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Return what both sides know of a message: role, content, calls with parsed arguments, the answered call."""
    kept = {"role": message["role"], "content": message.get("content") or ""}
    if message.get("tool_calls"):
        kept["tool_calls"] = [called(call) for call in message["tool_calls"]]
    if message["role"] == "tool":
        kept["tool_call_id"] = message["tool_call_id"]
    return kept


def called(call: dict[str, Any]) -> dict[str, Any]:
    """Return a tool call of OpenAI's form, or of a transcript's, in one form."""
    function = call.get("function", call)
    arguments = function["arguments"]
    parsed = json.loads(arguments) if isinstance(arguments, str) else arguments
    return {"id": call["id"], "name": function["name"], "arguments": parsed}


def exchanged(talk: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [comparable(message) for message in talk]


def streamed(chunks: Any) -> dict[str, Any]:
    """Put a streamed answer together, as an app does that shows it while it comes."""
    text, calls = "", {}
    for chunk in chunks:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(
                    part.index, {"id": part.id, "type": "function", "function": {"name": "", "arguments": ""}}
                )
                call["function"]["name"] += part.function.name or ""
                call["function"]["arguments"] += part.function.arguments or ""
    if calls:
        return {"role": "assistant", "content": None, "tool_calls": list(calls.values())}
    return {"role": "assistant", "content": text}


def results(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the tool calls of an answer."""
    return [
        {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": json.dumps(ORDERS[json.loads(call["function"]["arguments"])["order_id"]]),
        }
        for call in message["tool_calls"]
    ]


def test_the_transcript_is_the_talk_that_was_had(app):
    """History is re-sent with every call; what is read back is each message once, in order, to the letter."""
    talk = [{"role": "system", "content": "You are an AI tutor teaching fractions."}]
    with app.session("chat-1", user_id="ana"):
        for text in (
            "What is 1/2 + 1/4?",
            'Zwei Viertel sind ½ 🍕\n\n  and "quotes" \\ too',
            "two quarters",
            "That makes 3/4.",
        ):
            app.exchange(talk, text)

    assert app.stored("chat-1") == exchanged(talk)
    assert se.transcript(app.store, "chat-1").n_turns == 4


def test_a_streamed_answer_is_stored_whole(app):
    """Most chat apps stream; the span then ends with the last chunk, in the context of the call."""
    talk = [{"role": "system", "content": "You are an AI tutor teaching photosynthesis."}]
    with app.session("chat-2"):
        for text in ("How do plants eat?", "Is it nitrogen?", "Then it is carbon dioxide."):
            talk.append({"role": "user", "content": text})
            options = {"stream": True, "stream_options": {"include_usage": True}}
            talk.append(streamed(app.client.chat.completions.create(model="m", messages=talk, **options)))

    assert app.stored("chat-2") == exchanged(talk)
    assert se.sessions_df(app.store).loc["chat-2", "total_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_parallel_tool_calls_keep_their_ids_arguments_and_results(app, stream):
    """Two calls in one answer are where transcripts go wrong: each result belongs to its own call."""
    talk = [{"role": "system", "content": "You are a support agent."}]
    with app.session("chat-3"):
        talk.append({"role": "user", "content": "Where are A-17 and B-20?"})
        answer: dict[str, Any] = {"tool_calls": True}
        while answer.get("tool_calls"):
            completion = app.client.chat.completions.create(model="m", messages=talk, tools=[LOOK_UP], stream=stream)
            answer = streamed(completion) if stream else as_input(completion.choices[0].message)
            talk.append(answer)
            talk += results(answer) if answer.get("tool_calls") else []

    told = app.stored("chat-3")
    loss = se.transcript(app.store, "chat-3").loss

    assert told == exchanged(talk)
    assert [call["arguments"]["order_id"] for call in told[2]["tool_calls"]] == ["A-17", "B-20"]
    assert (loss.calls_without_result, loss.results_without_call) == (0, 0)


def test_sessions_of_one_event_loop_do_not_mix(app):
    """A server has many chats at once in one thread; each keeps its own id, user and messages."""
    talks: dict[str, list[dict[str, Any]]] = {f"chat-{number}": [] for number in range(8)}

    async def chat(session_id: str) -> None:
        async with app.session(session_id, user_id=f"user of {session_id}"):
            for turn in range(4):
                talks[session_id].append({"role": "user", "content": f"turn {turn} of {session_id}"})
                completion = await app.async_client.chat.completions.create(model="m", messages=talks[session_id])
                talks[session_id].append(as_input(completion.choices[0].message))

    async def all_chats() -> None:
        async with asyncio.TaskGroup() as group:
            for session_id in talks:
                group.create_task(chat(session_id))
        await app.async_client.close()

    asyncio.run(all_chats())

    assert {session_id: app.stored(session_id) for session_id in talks} == {
        session_id: exchanged(talk) for session_id, talk in talks.items()
    }
    users = se.sessions_df(app.store)["user_id"].to_dict()
    assert users == {session_id: f"user of {session_id}" for session_id in talks}


def test_a_long_chat_keeps_its_session_and_every_message(app):
    """The SDK's 128 attributes a span evict `session.id` first: at 60 turns most spans would lose theirs."""
    talk: list[dict[str, Any]] = []
    with app.session("chat-long"):
        for turn in range(60):
            app.exchange(talk, f"question {turn}")

    assert app.stored("chat-long") == exchanged(talk)
    assert se.transcript(app.store, "chat-long").loss.dropped_attributes == 0


def test_what_the_app_says_of_a_session_is_on_it(app):
    """Filters and cohorts are built on these: user, source, version, metadata, tags, and that it ended."""
    with app.session(
        "chat-4", user_id="u-7", source="web", agent_version="v2", metadata={"plan": "pro"}, tags=["vip", "eu"]
    ) as chat:
        app.exchange([], "hello")
        chat.complete()
    app.provider.force_flush()
    row = se.sessions_df(app.store).loc["chat-4"]

    assert (row["user_id"], row["source"], row["agent_version"]) == ("u-7", "web", "v2")
    assert (row["metadata"], tuple(row["tags"]), row["is_complete"]) == ({"plan": "pro"}, ("vip", "eu"), True)


def test_suppressed_calls_and_calls_outside_a_session_are_in_no_transcript(app):
    """A simulated user is no part of the app, and a stray call must not be filed under the last chat."""
    talk: list[dict[str, Any]] = []
    with app.session("chat-5"):
        app.exchange(talk, "inside")
        with suppress_tracing():
            app.exchange([], "suppressed")
    app.exchange([], "outside")

    assert app.stored("chat-5") == exchanged(talk)
    spans = se.spans_df(app.store)
    assert list(spans["attributes.session.id"].isna()) == [False, True]


def test_a_refused_call_leaves_an_error_and_the_talk_goes_on(app):
    """Apps meet errors; the span says so, and a message that was not answered and not sent again was not said."""
    talk: list[dict[str, Any]] = []
    with app.session("chat-6"):
        app.exchange(talk, "first")
        with pytest.raises(openai.BadRequestError):
            app.client.chat.completions.create(model="m", messages=[*talk, {"role": "user", "content": "x"}], n=2)
        app.exchange(talk, "second")

    assert app.stored("chat-6") == exchanged(talk)
    assert se.sessions_df(app.store).loc["chat-6", "n_errors"] == 1


@pytest.fixture
def two_chats(app) -> dict[str, list[dict[str, Any]]]:
    """Two finished sessions in the store, by session id."""
    talks: dict[str, list[dict[str, Any]]] = {"chat-a": [], "../../b\u2603": []}
    for session_id, talk in talks.items():
        with app.session(session_id):
            for text in ("one", "two", "three"):
                app.exchange(talk, text)
    app.provider.force_flush()
    return talks


def test_pandas_opens_the_files_with_no_help_from_us(app, two_chats):
    """The files are the interface: the last call's history and answer are the whole talk, as plain lists of dicts."""
    frame = pd.read_parquet(app.store / "spans")

    assert len(frame) == 6
    for session_id, talk in two_chats.items():
        last = frame[frame["attributes.session.id"] == session_id].sort_values("start_time").iloc[-1]
        messages = [*last["attributes.llm.input_messages"], *last["attributes.llm.output_messages"]]
        said = [{"role": m["message.role"], "content": m["message.content"]} for m in messages]
        assert said == exchanged(talk)


def test_duckdb_opens_the_files_with_no_help_from_us(app, two_chats):
    """One SQL statement over the directory lists every user message of the last call of each session."""
    rows = duckdb.sql(f"""
        WITH calls AS (
            SELECT *, row_number() OVER (PARTITION BY "attributes.session.id" ORDER BY start_time DESC) AS nth
            FROM read_parquet('{app.store}/spans/*/*.parquet')
        ), messages AS (
            SELECT "attributes.session.id" AS session_id, unnest("attributes.llm.input_messages") AS message
            FROM calls WHERE nth = 1
        )
        SELECT session_id, list(message['message.content']) FROM messages
        WHERE message['message.role'] = 'user' GROUP BY session_id
    """).fetchall()

    assert dict(rows) == {session_id: ["one", "two", "three"] for session_id in two_chats}


@pytest.mark.usefixtures("two_chats")
def test_no_name_of_a_file_or_directory_comes_from_a_session(app):
    """Session ids are hostile input; partitions are dates only."""
    names = {path.relative_to(app.store).as_posix() for path in app.store.rglob("*")}

    assert names
    assert all(name == "spans" or name.startswith("spans/date=") for name in names)
    assert not [path for path in app.store.parent.iterdir() if path != app.store]
